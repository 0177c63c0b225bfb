"""Write one case in one line: datasets as short text, and their plans as short text.

    >>> steps("a! b c", "a^")
    'hold c; send a..c (2); verify c; hold-target c; release a; release-target a'

A dataset is written as words, oldest first. A letter is a snapshot: it gives both the name and the guid.

    a       the snapshot @a                     #a      a bookmark of @a
    a!      our tag holds it                    a=old   it has the guid of a, but is called @old
    a^      our target tag holds it             a~      it is called @a, but has a different guid
    a%      another tag holds it                a:40    it is 40 days old (a:-2: from the future)
    a&      it was cloned                       a+512   512 bytes were written since the previous snapshot
    a?      it has a name that zfs cannot receive

    a$      our own tag beside it holds it      a|      another mirror holds it beside our tag
    a*      our claim is on it

Suffixes combine: `a!%:40` is 40 days old and held twice. Other words describe the dataset:

    absent              the dataset does not exist (target only)
    empty               it exists, without snapshots
    clone               it is a clone of off/trial@a
    placeholder         it has our placeholder mark
    used                512 bytes were written to the placeholder (sectors of 512 bytes)
    changed             65536 bytes were written since its newest snapshot
    room(80)            80 bytes are available to it
    touched             1024 bytes: no more than a rollback leaves (sectors of 512 bytes)
    encrypted, volume   it is encrypted, or a volume
    resume(b)           a first receive of b was interrupted
    resume(a..b)        a receive of b on top of a was interrupted; resume(a..b,raw): of a raw stream
    resume(a..b=old)    the same, and b was called @old at that time
    resume(damaged)     zfs cannot decode the token; resume(unread): zfs did not say

Plans are rendered as in tests/support/rendering.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any

from tests.support.rendering import rendered
from zfs_replicate.model import (
    SECONDS_PER_DAY,
    Bookmark,
    Dataset,
    Inventory,
    Kind,
    PlanContext,
    Policy,
    ResumeToken,
    Snapshot,
    StreamOptions,
    TokenContents,
)
from zfs_replicate.plan.pair import Pair
from zfs_replicate.plan.planner import plan_dataset, plan_trees
from zfs_replicate.plans import DatasetPlan, Plan

NOW = 1_700_000_000
SOURCE = "tank/data"
TARGET = "off/copy"
TAG = "offsite"
TARGET_TAG = "offsite:target"
MIRROR = "3f2a9c1e-ab12"
RIVAL = "77777777-7777"
OWN_TAG = f"offsite.{MIRROR}"
CLAIM = f"offsite.{MIRROR}.new"
SIGN = f"#a=zfs_replicate_offsite_{MIRROR}_a"
"""The mirror's bookmark of @a: it shows that the tag is its own, so no claim is needed."""
OTHER_TAG = "other"
SECTOR_BYTES = 512
CLONE = "tank/clone"

SOURCE_TXG, TARGET_TXG = 1000, 10
"""The first createtxg of each pool: far apart, so that comparing across pools fails visibly."""

_SNAPSHOT = re.compile(r"(?P<mark>#?)(?P<letter>[a-z])(?P<suffixes>(?:[!^%&~?$|*]|=[\w.-]+|[+]\d+|:-?\d+)*)")
_SUFFIX = re.compile(r"[!^%&~?$|*]|=[\w.-]+|[+]\d+|:-?\d+")
_TOKEN = re.compile(r"resume\((?:(?P<base>[a-z])\.\.)?(?P<tip>[a-z])(?:=(?P<name>[\w.-]+))?(?P<raw>,raw)?\)")
_ROOM = re.compile(r"room\((\d+)\)")
_FIELDS: dict[str, dict[str, Any]] = {
    "placeholder": {"is_placeholder": True},
    "used": {"written": 24576 + 512, "logical_bytes": 12288 + 512},
    "changed": {"written": 65536},
    "touched": {"written": 1024},
    "clone": {"origin": "off/trial@a"},
    "encrypted": {"is_encrypted": True},
    "resume(unread)": {"resume_token": ResumeToken("1-token", None, "zfs on off1 did not say")},
    "resume(damaged)": {"resume_token": ResumeToken("1-token", None)},
    "empty": {},
    "volume": {},
}
"""What a word changes in its dataset."""

_HOLDS = {"!": TAG, "^": TARGET_TAG, "%": OTHER_TAG, "$": OWN_TAG, "|": f"offsite.{RIVAL}", "*": CLAIM}


def guid_of(letter: str) -> int:
    return 7000 + ord(letter)


def context(
    keep_days: int | None = None,
    excludes: tuple[str, ...] = (),
    may_roll_back: bool = False,
    has_bookmarks: bool = False,
    is_decrypting: bool = False,
) -> PlanContext:
    policy = Policy(TAG, keep_days, excludes, may_roll_back, is_decrypting)
    return PlanContext(policy, StreamOptions(), NOW, has_bookmarks, sector_bytes=SECTOR_BYTES, mirror=MIRROR)


# --- text → worlds ---


def source(text: str, name: str = SOURCE) -> Dataset:
    """Given words, return a dataset of the source."""
    return _World(name, name, SOURCE_TXG).read(text)


def target(text: str, name: str = TARGET, source_name: str = SOURCE) -> Dataset | None:
    """Given words, return a dataset of the target; None for `absent`."""
    return None if text == "absent" else _World(name, source_name, TARGET_TXG).read(text)


def tree(root: str, *lines: str) -> Inventory:
    """Given lines `PATH: words` (an empty path is the root), return a source's inventory, parents first."""
    datasets = (source(text, name) for name, text in _named(root, lines))
    return Inventory(root, {dataset.name: dataset for dataset in datasets})


def target_tree(
    root: str,
    *lines: str,
    missing: tuple[str, ...] = (),
    is_in_encrypted: bool = False,
    is_parent_plain: bool = False,
) -> Inventory:
    """Given lines `PATH: words`, return a target's inventory; `missing`: ancestors that do not exist."""
    datasets = (target(text, name) for name, text in _named(root, lines))
    by_name = {dataset.name: dataset for dataset in datasets if dataset is not None}
    return Inventory(root, by_name, missing, is_in_encrypted, is_parent_plain)


def _named(root: str, lines: tuple[str, ...]) -> list[tuple[str, str]]:
    pairs = [line.split(":", 1) for line in lines]
    return [(f"{root}/{path}" if path else root, text.strip()) for path, text in pairs]


@dataclass
class _World:
    """Reads the words of one dataset. `txgs`: createtxg by guid, so that a bookmark shares its snapshot's."""

    name: str
    source_name: str
    first_txg: int
    snapshots: list[Snapshot] = field(default_factory=list)
    bookmarks: list[Bookmark] = field(default_factory=list)
    odd_snapshots: list[Snapshot] = field(default_factory=list)
    txgs: dict[int, int] = field(default_factory=dict)

    def read(self, text: str) -> Dataset:
        words = text.split()
        dataset = Dataset(self.name, Kind.VOLUME if "volume" in words else Kind.FILESYSTEM)
        for word in words:
            dataset = self._word(dataset, word)
        if not words:
            raise ValueError("write 'empty' for a dataset without snapshots")
        dataset = replace(dataset, snapshots=tuple(self.snapshots), bookmarks=tuple(self.bookmarks))
        return replace(dataset, odd_snapshots=tuple(self.odd_snapshots))

    def _word(self, dataset: Dataset, word: str) -> Dataset:
        token = _TOKEN.fullmatch(word)
        room = _ROOM.fullmatch(word)
        entry = _SNAPSHOT.fullmatch(word)
        if token is not None:
            return replace(dataset, resume_token=ResumeToken("1-token", self._contents(token)))
        if entry is not None:
            self._entry(entry)
            return dataset
        if room is not None:
            return replace(dataset, available=int(room[1]))
        if word not in _FIELDS:
            raise ValueError(f"not in the notation: {word!r}")
        return replace(dataset, **_FIELDS[word])

    def _contents(self, token: re.Match[str]) -> TokenContents:
        base, tip = token["base"], token["tip"]
        name = f"{self.source_name}@{token['name'] or tip}"
        return TokenContents(name, guid_of(tip), guid_of(base) if base else None, token["raw"] is not None)

    def _entry(self, entry: re.Match[str]) -> None:
        suffixes = _SUFFIX.findall(entry["suffixes"])
        values: dict[str, str] = {suffix[0]: suffix[1:] for suffix in suffixes}
        name = values.get("=", entry["letter"])
        guid = guid_of(entry["letter"]) + (500 if "~" in suffixes else 0)
        txg = self.txgs.setdefault(guid, self.first_txg + len(self.txgs))
        creation = NOW - int(values.get(":", "0")) * SECONDS_PER_DAY
        if entry["mark"]:
            self.bookmarks.append(Bookmark(name, guid, txg, creation))
            return
        holds = tuple(_HOLDS[suffix] for suffix in suffixes if suffix in _HOLDS)
        clones = (CLONE,) if "&" in suffixes else ()
        snapshots = self.odd_snapshots if "?" in suffixes else self.snapshots
        snapshots.append(Snapshot(name, guid, txg, creation, int(values.get("+", "0")), holds, clones))


# --- plans → text ---


def planned(
    source_text: str,
    target_text: str,
    keep_days: int | None = None,
    is_parent: bool = False,
    plan_context: PlanContext | None = None,
) -> DatasetPlan:
    """Given both sides in words, return the dataset's plan. `plan_context` replaces keep_days."""
    chosen = context(keep_days) if plan_context is None else plan_context
    pair = Pair.of(source(source_text), TARGET, target(target_text))
    return plan_dataset(replace(pair, is_decrypting=chosen.policy.is_decrypting), is_parent, chosen)


def steps(
    source_text: str,
    target_text: str,
    keep_days: int | None = None,
    is_parent: bool = False,
    plan_context: PlanContext | None = None,
) -> str:
    """Given both sides in words, return the plan's steps as text."""
    return rendered(planned(source_text, target_text, keep_days, is_parent, plan_context))


def tree_steps(source: Inventory, target: Inventory, excludes: tuple[str, ...] = ()) -> dict[str, str]:
    """Given both trees, return the steps as text by the target's names."""
    return {plan.target: rendered(plan) for plan in plan_of(source, target, excludes).datasets}


def plan_of(source: Inventory, target: Inventory, excludes: tuple[str, ...] = ()) -> Plan:
    return plan_trees(source, target, context(excludes=excludes))
