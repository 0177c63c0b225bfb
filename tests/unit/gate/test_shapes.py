"""The gate accepts every command that our client sends to a source: no special mode on either side."""

from __future__ import annotations

import ast
import inspect
import shlex
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import gate
from tests.support.gate import BUILDERS, GATE, PATH, RULES
from zfs_replicate.hosts.quoting import remote_command
from zfs_replicate.model import COMPRESSORS
from zfs_replicate.zfs import commands, names, parse_tree, queries

TARGET_ONLY = {
    *("abort_receive", "list_limits", "clear_placeholder", "create_parent", "destroy", "list_existing"),
    *("list_placeholders", "list_copies", "receive", "rollback", "decode_token"),
    *("decompress", "list_contents", "list_guids_in", "list_bookmarks", "list_sectors", "rename_snapshot", "sync"),
    *("list_marked", "list_origins", "encryption_root", "rename_dataset", "destroy_placeholder"),
    *("list_mounted", "mount", "unmount"),
}
"""Builders whose commands never run on a source."""

WRAPPERS = {"elevated"}
"""Builders that change another command."""

HINT = (
    "the gate refuses a command of the client: add it in bin/zfs_replicate_gate (SHAPES) and in tests/support/gate.py"
)


@pytest.mark.parametrize("builder", BUILDERS, ids=lambda builder: builder.__name__)
@given(data=st.data())
def test_every_command_of_the_client_is_accepted(builder: object, data: st.DataObject) -> None:
    command = data.draw(BUILDERS[builder])  # type: ignore[index]
    text = remote_command(command)
    assert gate.refusal(text) is None, HINT
    job = GATE.judge(RULES, text)
    assert (*job.compress, *job.words) == command
    assert gate.is_safe(text)


@given(gate.source_commands)
def test_commands_with_sudo_are_accepted_as_without(command: commands.Command) -> None:
    job = GATE.judge(RULES, remote_command(commands.elevated(command)))
    assert (*job.compress, *job.words) == command, HINT


def test_every_builder_is_known_here() -> None:
    """A new builder is either known to the gate or listed in TARGET_ONLY."""
    builders = {
        name
        for module in (commands, queries)
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__annotations__.get("return") == "Command" and not name.startswith("_")
    }
    assert builders == {builder.__name__ for builder in BUILDERS} | TARGET_ONLY | WRAPPERS, HINT


def test_the_constants_equal_the_clients() -> None:
    assert tuple(shlex.split(remote_command(()))) == GATE.WRAPPER, HINT
    assert queries.probe("tank") == ("sh", "-c", GATE.PROBE, "sh", "tank"), HINT
    assert queries.probe("tank", has_clock=False) == ("sh", "-c", GATE.OLD_PROBE, "sh", "tank"), HINT
    assert commands.bookmark((), ("x",)) == ("sh", "-c", GATE.BOOKMARK, "sh", "--", "x"), HINT
    assert commands.bundle("m", ()) == ("sh", "-c", GATE.BUNDLE, "sh", "m"), HINT
    for program in COMPRESSORS:
        words = commands.compressed(("zfs", "send", "tank/data@a"), program)
        assert GATE.judge(RULES, remote_command(words)).compress == words[:4], HINT
    assert tuple(GATE.OLD_COLUMNS.split(",")) == parse_tree.LIST_COLUMNS, HINT
    assert tuple(GATE.COLUMNS.split(",")) == (*parse_tree.LIST_COLUMNS, *parse_tree.KEY_COLUMNS), HINT
    assert (GATE.MAX_NAME_BYTES, GATE.MAX_LEVELS) == (names.MAX_NAME_LENGTH, names.MAX_DEPTH)


@given(st.lists(st.text('aZ9_@%+=:,./- ()$`\\"~!#&;|<>*?{}[]^', min_size=0, max_size=9), min_size=1))
def test_words_are_split_as_by_a_shell(words: list[str]) -> None:
    assert list(GATE.split(shlex.join(words))) == words


def test_the_longest_and_deepest_names_pass() -> None:
    deep = "/".join(["tank", "data", *["d"] * (names.MAX_DEPTH - 2)])
    long_name = f"tank/data/{'x' * 200}@"
    long_name += "y" * (names.MAX_NAME_LENGTH - len(long_name))
    for name in (f"{deep}@s", long_name, "tank/data/-R@-F", "tank/data/a b:c@d e"):
        assert gate.refusal(commands.hold("offsite", [name])) is None


def test_several_trees_may_share_a_key() -> None:
    rules = GATE.Rules(("tank/a", "pool/b"), "offsite")
    assert gate.refusal(queries.probe("pool"), rules) is None
    assert gate.refusal(commands.hold("offsite", ["tank/a@x", "pool/b/c@y"]), rules) is None
    assert gate.refusal(commands.hold("offsite", ["tank/b@x"]), rules) == "outside of tank/a and pool/b"


def test_the_gate_is_one_file_for_old_pythons() -> None:
    """Standard library only, Python 3.8: sources may run old systems."""
    tree = ast.parse(PATH.read_text(), feature_version=(3, 8))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= sys.stdlib_module_names
    newer = {"removeprefix", "removesuffix", "pairwise", "batched"}
    assert not newer & {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
