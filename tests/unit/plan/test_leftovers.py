"""Holds that no dataset of the mirror needs are listed with the command that releases them."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest

from tests.support.notation import RIVAL, TAG, guid_of, target_tree, tree
from zfs_replicate.cli.arguments import parse
from zfs_replicate.config import THIS_MACHINE, Connection, ReleaseRequest
from zfs_replicate.model import Capabilities, Dataset, Inventory, Survey
from zfs_replicate.plan.identity import mirror_of
from zfs_replicate.plan.leftovers import find_leftovers, orphaned_guids
from zfs_replicate.plans import Leftover
from zfs_replicate.zfs import marks

NAS1 = Connection("nas1")
CAPABILITIES = Capabilities("2.4", frozenset(), 1, {})


def survey(source: Inventory, target: Inventory) -> Survey:
    return Survey("nas1", source, target, CAPABILITIES, CAPABILITIES)


def listed(source: Inventory, target: Inventory, *excludes: str) -> list[str]:
    return [text(leftover) for leftover in find_leftovers(survey(source, target), excludes, TAG, NAS1)]


def text(leftover: Leftover) -> str:
    return f"{leftover.side.value} {leftover.dataset}: {' '.join(leftover.snapshots)}: {leftover.reason}"


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (("tank:a!", "tank/x:a! b!"), ("off:a^", "off/x:a^")),
        # what is not mirrored yet, or has no snapshots
        (("tank:a!", "tank/x:a!"), ("off:a^",)),
        (("tank:a!", "tank/x:empty"), ("off:a^", "off/x:a^")),
        # copies on their way to their places, with what has moved below them
        (("tank:a!", "tank/x:a!", "tank/x/y:a!"), ("off:a^", "off/x.zfs_replicate:a^", "off/x.zfs_replicate/y:a^")),
        (("tank:a!", "tank/x.zfs_replicate:a!", "tank/x.zfs_replicate/y:a!"), ("off:a^", "off/x/y:a^")),
        # holds of others, and each side's own tag
        (("tank:a!",), ("off:a^", "off/old:a% b!")),
    ],
)
def test_holds_of_mirrored_datasets_are_no_leftovers(source: tuple[str, ...], target: tuple[str, ...]) -> None:
    assert listed(at("tank", *source), here("off", *target)) == []


def test_a_copy_beside_the_root_was_not_moved_aside() -> None:
    moved = replace(
        survey(at("tank", "tank:a!"), here("off/a", "off/a:empty")), aside=outside("off/a.zfs_replicate:a^")
    )
    assert find_leftovers(moved, (), TAG, NAS1) == ()


def outside(*lines: str) -> tuple[Dataset, ...]:
    """Write datasets outside of the trees, each with its whole name."""
    written = [line.partition(":") for line in lines]
    return tuple(target_tree(name, f":{words}").datasets[name] for name, _colon, words in written)


def at(root: str, *lines: str) -> Inventory:
    return tree(root, *(line.removeprefix(root).removeprefix("/") for line in lines))


def here(root: str, *lines: str) -> Inventory:
    return target_tree(root, *(line.removeprefix(root).removeprefix("/") for line in lines))


def test_holds_of_excluded_datasets_are_listed_on_both_sides() -> None:
    source, target = at("tank", "tank:a!", "tank/x:a! b!"), here("off", "off:a^", "off/x:b^")
    assert listed(source, target, "x") == [
        "source tank/x: tank/x@a tank/x@b: it is excluded by -x",
        "target off/x: off/x@b: it is excluded by -x",
    ]


def test_holds_of_copies_that_the_source_lacks_are_listed() -> None:
    target = here("off", "off:a^", "off/gone:a b^", "off/x.old:a^")
    assert listed(at("tank", "tank:a!"), target) == [
        "target off/gone: off/gone@b: it is not on the source",
        "target off/x.old: off/x.old@a: it is not on the source",
    ]


def test_holds_below_a_listed_dataset_are_listed_with_it() -> None:
    source = at("tank", "tank:a!", "tank/x:a!", "tank/x/y:b!", "tank/x2:c!")
    assert listed(source, here("off", "off:a^"), "x", "x2") == [
        "source tank/x: tank/x@a tank/x/y@b: it is excluded by -x",
        "source tank/x2: tank/x2@c: it is excluded by -x",
    ]


def test_holds_in_a_pool_that_is_read_only_are_not_listed() -> None:
    both = survey(at("tank", "tank:a!", "tank/x:a!"), here("off", "off:a^", "off/x:a^"))
    both = replace(both, source_capabilities=replace(CAPABILITIES, is_read_only=True))
    assert [leftover.dataset for leftover in find_leftovers(both, ("x",), TAG, NAS1)] == ["off/x"]


def test_holds_that_were_moved_away_are_listed() -> None:
    target = here("off/d", "off/d:a^", "off/d/x:a^", "off/d/x/y:a^")
    both = survey(at("tank/d", "tank/d:a!"), target)
    both = replace(both, moved=outside("tank/x:a!", "tank/x/y:a!"), aside=outside("off/d.old:a^"))
    assert [text(leftover) for leftover in find_leftovers(both, (), TAG, NAS1)] == [
        "source tank/x: tank/x@a tank/x/y@a: it was moved out of the mirrored tree",
        "target off/d/x: off/d/x@a off/d/x/y@a: it is not on the source",
        "target off/d.old: off/d.old@a: it was moved aside",
    ]


MINE, THEIRS = "#a=zfs_replicate_offsite_{}_a", f"#a=zfs_replicate_offsite_{RIVAL}_a"


@pytest.mark.parametrize(
    ("moved", "asked"),
    [
        (("x:a!",), ["offsite --unknown"]),
        ((f"x:a! {MINE}",), ["offsite.own"]),
        # another mirror has followed it: it shows itself, or holds what is newer
        ((f"x:a! {THEIRS}",), []),
        (("x:a!|",), []),
        (("x:a! b!",), []),
        (("x:a!", "x/y:b!"), []),
        # both have: each tag is that of one of them
        ((f"x:a!| {MINE}",), ["offsite.own"]),
        ((f"x:a! {MINE} {THEIRS.replace('#a', '#b')}",), []),
    ],
)
def test_holds_of_others_in_a_moved_dataset_are_not_listed(moved: tuple[str, ...], asked: list[str]) -> None:
    both = survey(at("tank/d", "tank/d:c!"), here("off/d", "off/d:c^", "off/d/x:a^"))
    lines = [line.replace("{}", mirror_of(both)) for line in moved]
    both = replace(both, moved=outside(*(f"tank/{line}" for line in lines)))
    leftovers = [entry for entry in find_leftovers(both, (), TAG, NAS1) if entry.side.value == "source"]
    words = [entry.command.partition(" -t ")[2].partition(" -r ")[0] for entry in leftovers]
    assert [word.replace(mirror_of(both), "own") for word in words] == asked


def test_a_claim_without_a_hold_is_listed() -> None:
    """A run died after the claim on what was excluded then."""
    both = survey(at("tank", "tank:a!", "tank/x:a"), here("off", "off:a^"))
    excluded = both.source.datasets["tank/x"]
    claim = marks.claim_tag(TAG, mirror_of(both))
    excluded = replace(excluded, snapshots=(replace(excluded.snapshots[0], holds=(claim,)),))
    both = replace(both, source=replace(both.source, datasets={**both.source.datasets, "tank/x": excluded}))
    (leftover,) = find_leftovers(both, ("x",), TAG, NAS1)
    assert (leftover.tag, leftover.snapshots) == (claim, ("tank/x@a",))
    assert leftover.command == f"zfs_replicate release -h nas1 -t {TAG}.{mirror_of(both)} -r tank/x"


def test_only_held_orphans_are_looked_for_on_the_source() -> None:
    target = here("off", "off:a^", "off/gone:b c^", "off/free:d", "off/other:e%")
    guids = orphaned_guids(survey(at("tank", "tank:a!"), target), (), TAG)
    assert guids == {guid_of("b"), guid_of("c")}


@pytest.mark.parametrize(
    "connection",
    [NAS1, Connection("root@nas 1", 2222, "/keys/my key", is_elevated=True), Connection(THIS_MACHINE)],
)
def test_the_command_of_a_leftover_asks_for_what_it_names(connection: Connection) -> None:
    source, target = at("tank", "tank:a!", "tank/my x:a!"), here("off", "off:a^", "off/my x:a^")
    on_source, on_target = find_leftovers(survey(source, target), ("my x",), TAG, connection)
    program, *words = shlex.split(on_source.command)
    request = parse(words) if connection.identity is None else None
    assert program == "zfs_replicate"
    if isinstance(request, ReleaseRequest):
        assert (request.connection, request.remote, request.tag) == (connection, "tank/my x", TAG)
    assert words[:3] == ["release", "-h", connection.host]
    assert ("--sudo" in words, "/keys/my key" in words, "2222" in words) == (
        (connection.is_elevated, connection.identity is not None, connection.port is not None)
    )
    request = parse(shlex.split(on_target.command)[1:])
    assert isinstance(request, ReleaseRequest)
    assert (request.is_target, request.local, request.tag) == (True, "off/my x", TAG)
    assert request.connection.is_elevated == connection.is_elevated
