"""Load the gate as a module, generate the client's commands, and check independently what the gate accepts.

The independent check shares no code with the gate: shlex splits the words, one regular expression has all commands.
"""

from __future__ import annotations

import re
import shlex
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from types import ModuleType

from hypothesis import strategies as st

from tests.support import TOP
from zfs_replicate.hosts.quoting import remote_command
from zfs_replicate.model import COMPRESSORS, Kind, StreamOptions
from zfs_replicate.steps import Receiving, Resume, Send
from zfs_replicate.zfs import commands, queries

PATH = TOP / "bin" / "zfs_replicate_gate"
ROOT, TAG = "tank/data", "offsite"
RECEIVING = Receiving("off/data", Kind.FILESYSTEM)


def load() -> ModuleType:
    """Load the gate afresh, without writing bytecode."""
    loader = SourceFileLoader("zfs_replicate_gate", str(PATH))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = writes
    return module


GATE = load()
RULES = GATE.Rules((ROOT,), TAG)


def refusal(command: str | tuple[str, ...], rules: object = RULES) -> str | None:
    """Return why the gate refuses a command (its words, or the raw text); None if it accepts it."""
    text = command if isinstance(command, str) else remote_command(command)
    try:
        GATE.judge(rules, text)
    except GATE.Refused as refused:
        return str(refused)
    return None


# --- the client's commands --------------------------------------------------------------------------------------------

components = st.text("aZ09_.: -", min_size=1, max_size=12).filter(lambda text: text not in (".", ".."))
datasets = st.builds(lambda below: "/".join((ROOT, *below)), st.lists(components, max_size=4))
snapshots = st.builds("{}@{}".format, datasets, components)
bases = st.builds("{}{}".format, st.sampled_from("@#"), components)
tokens = st.builds("1-{:x}-{:x}-{}".format, st.integers(0, 2**64 - 1), st.integers(0, 999), st.just("789c63"))
options = st.builds(StreamOptions, st.booleans(), st.booleans())


@st.composite
def sends(draw: st.DrawFn) -> Send:
    snapshot = draw(snapshots)
    base = draw(st.none() | bases)
    whole_base = None if base is None else snapshot.partition("@")[0] + base
    return Send(snapshot, whole_base, draw(st.integers(1, 3)), draw(st.booleans()), draw(options), RECEIVING)


increments = sends().filter(lambda step: step.base is not None)
marks = st.text("0123456789abcdef", min_size=32, max_size=32)


@st.composite
def bookmarks(draw: st.DrawFn) -> commands.Command:
    prefix = f"#zfs_replicate_{TAG}_{draw(st.sampled_from(('', '3f2a9c1e-ab12_')))}"
    bookmarked = snapshots.filter(lambda name: "@_" not in name)
    new = draw(st.lists(bookmarked, max_size=3))
    old = draw(st.lists(bookmarked, max_size=3))
    guids = draw(st.lists(st.sampled_from(("", ".1", f".{2**64 - 1}")), min_size=len(new), max_size=len(new)))
    pairs = [(name, name.replace("@", prefix) + guid) for name, guid in zip(new, guids, strict=True)]
    return commands.bookmark(pairs, [name.replace("@", prefix) for name in old])


tags = st.sampled_from((TAG, f"{TAG}.3f2a9c1e-ab12", f"{TAG}.3f2a9c1e-ab12.new"))
many = st.lists(snapshots, min_size=1, max_size=5)
BUILDERS = {
    queries.probe: st.builds(queries.probe, st.just("tank"), st.booleans()),
    queries.list_tree: st.builds(queries.list_tree, datasets, st.booleans()),
    queries.list_guids: st.builds(queries.list_guids, many),
    queries.list_held: st.builds(queries.list_held, datasets),
    queries.list_holds: st.builds(queries.list_holds, many),
    commands.hold: st.builds(commands.hold, tags, many),
    commands.release: st.builds(commands.release, tags, many),
    commands.send: st.builds(
        commands.send, sends() | st.builds(Resume, snapshots, tokens, st.just(RECEIVING)), st.booleans()
    ),
    commands.bookmark: bookmarks(),
    commands.bundle: st.builds(
        commands.bundle, marks, st.lists(st.builds(commands.send, increments), min_size=1, max_size=4)
    ),
    commands.compressed: st.builds(
        commands.compressed, st.builds(commands.send, sends()), st.sampled_from(list(COMPRESSORS))
    ),
}
"""Each builder whose commands run on the source, with the commands it builds."""

source_commands = st.one_of(*BUILDERS.values())

# --- the independent check --------------------------------------------------------------------------------------------

_COMPONENT = r"(?!\.{1,2}(?:/|$|[@#\0]))[A-Za-z0-9_.: -]+"
_DATASET = rf"tank/data(?:/{_COMPONENT})*"
_SNAPSHOT = rf"{_DATASET}@[A-Za-z0-9_.: -]+"
_OURS = r"#zfs_replicate_offsite_(?!_)[A-Za-z0-9_.: -]+"
_SAFE = re.compile(
    "|".join(
        (
            *(re.escape("\0".join(queries.probe("tank", has_clock))) for has_clock in (True, False)),
            *(
                re.escape("\0".join(queries.list_tree("tank/data", has_keys))) + rf"(?:/{_COMPONENT})*"
                for has_keys in (True, False)
            ),
            rf"zfs\0list\0-Hp\0-t\0snapshot\0-o\0name,guid(?:\0{_SNAPSHOT})+",
            re.escape("\0".join(queries.list_held("tank/data"))) + rf"(?:/{_COMPONENT})*",
            rf"zfs\0holds\0-H(?:\0{_SNAPSHOT})+",
            rf"zfs\0(?:hold|release)\0offsite(?:\.[0-9a-f]{{8}}-[0-9a-f]{{4}}(?:\.new)?)?(?:\0{_SNAPSHOT})+",
            r"zfs\0send(?:\0-vP)?(?:\0-L)?(?:\0-w)?(?:\0-c)?"
            rf"(?:\0-[iI]\0{_DATASET}[@#][A-Za-z0-9_.: -]+)?\0{_SNAPSHOT}",
            r"zfs\0send(?:\0-vP)?\0-t\x001-[0-9a-f]+-[0-9a-f]+-[0-9a-f]+",
            re.escape("\0".join(commands.bundle("", ())))
            + rf"[0-9a-f]{{32}}(?:\0(?:-L )?(?:-w )?(?:-c )?-[iI]\0{_DATASET}[@#][A-Za-z0-9_.: -]+\0{_SNAPSHOT})+",
            re.escape("\0".join(commands.bookmark((), ())[:-1]))
            + rf"(?:\0{_SNAPSHOT}\0{_DATASET}{_OURS})*\0--(?:\0{_DATASET}{_OURS})*",
        )
    )
)

_COMPRESSED = [commands.compressed((), program) for program in COMPRESSORS]


def is_safe(text: str) -> bool:
    """Whether a command that the gate accepted is safe to run."""
    try:
        words = shlex.split(text)
    except ValueError:
        return False
    head = shlex.split(remote_command(()))
    if words[: len(head)] != head or not all(" " <= character <= "~" for character in text):
        return False
    rest = words[len(head) :]
    if any(rest[:4] == list(compressed) for compressed in _COMPRESSED):
        rest = rest[4:]
        if "send" not in rest[:4]:
            return False
    return _SAFE.fullmatch("\0".join(rest[2:] if rest[:3] == ["sudo", "-n", "zfs"] else rest)) is not None


figures = {"tried": 0, "accepted": 0, "wrongly": 0}
"""Counts of fuzzing in this process; `make fuzz` prints them."""


def count(text: str) -> None:
    """Try one fuzzed text: what the gate accepts must be safe."""
    figures["tried"] += 1
    if refusal(text) is None:
        figures["accepted"] += 1
        figures["wrongly"] += not is_safe(text)
        assert is_safe(text), text
