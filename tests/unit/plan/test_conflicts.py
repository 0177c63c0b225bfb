"""What only a person can decide: a conflict with its evidence and a command that mends it, and no step at all."""

from __future__ import annotations

import pytest

from tests.support.notation import TARGET, context, guid_of, planned, source, steps, target
from zfs_replicate.model import Snapshot
from zfs_replicate.plan.pair import Pair
from zfs_replicate.plan.planner import plan_dataset
from zfs_replicate.steps import Conflict


def conflict(source_text: str, target_text: str) -> Conflict:
    found = planned(source_text, target_text).conflict
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("source", "target"),
    [
        # it exists without snapshots and is no placeholder: it may hold data
        ("a", "empty"),
        ("a", "empty changed"),
        # no common snapshot
        ("a b", "x"),
        ("a", "a~"),
        ("empty", "x"),
        ("#a b", "x"),
        ("a", "placeholder x"),
        # changed since the base, while something new would arrive
        ("a b", "a changed"),
        ("a b", "a x+20000"),
        ("a b", "a x changed"),
        ("a b", "a x+20000 y"),
        ("#a b", "a changed"),
        # a coming name is taken by another guid
        ("a b", "a b~"),
        ("a b c", "a x=c"),
        # kinds
        ("volume a", "a"),
        ("a", "volume a"),
        ("a b", "volume resume(a)"),
    ],
)
def test_a_conflict_stops_the_dataset(source: str, target: str) -> None:
    assert steps(source, target, keep_days=0) == "conflict"


@pytest.mark.parametrize(
    ("source", "target"),
    [
        # nothing would arrive, so what was changed does no harm
        ("a", "a changed"),
        ("a", "a x+20000 changed"),
        # what was written up to the base came with it
        ("a b c", "a+9 b+9"),
        # the name is taken by the very same snapshot
        ("a b", "a b"),
        # a name that is taken, but will not arrive
        ("a b c", "b a=x"),
        # a receive under way has no snapshot yet
        ("a", "resume(a)"),
        ("empty", "empty changed"),
    ],
)
def test_no_conflict_where_nothing_is_in_the_way(source: str, target: str) -> None:
    assert planned(source, target).conflict is None


def test_a_target_with_data_is_moved_aside() -> None:
    found = conflict("a", "empty")
    assert "may hold data" in found.what
    assert found.next_step == "move it aside: zfs rename off/copy off/copy.old, or choose another -l"


def test_no_common_snapshot_names_the_newest_of_both_sides() -> None:
    found = conflict("a b", "x y:1")
    assert "@y (2023-11-13 22:13 UTC)" in found.what
    assert "@b (2023-11-14 22:13 UTC)" in found.what


def test_no_common_snapshot_with_an_empty_source_says_so() -> None:
    assert conflict("empty", "x").what.endswith("the source has none")


def test_a_changed_target_says_how_much_and_offers_both_ways() -> None:
    found = conflict("a b", "a changed")
    assert "@a (2023-11-14 22:13 UTC): 65536 bytes" in found.what
    assert "zfs rollback off/copy@a" in found.next_step
    assert "zfs rename off/copy off/copy.old" in found.next_step


def test_a_changed_target_with_own_snapshots_names_what_a_rollback_loses() -> None:
    found = conflict("a b", "a x+20000 y=z changed")
    assert "85536 bytes" in found.what
    assert "@x (" in found.what
    assert "@z (" in found.what
    assert "zfs rollback -r off/copy@a" in found.next_step


def test_a_taken_name_is_freed_by_a_rename() -> None:
    found = conflict("a b:1", "a b~")
    assert "@b (2023-11-14 22:13 UTC)" in found.what
    assert "@b (2023-11-13 22:13 UTC)" in found.what
    assert found.next_step == "rename it: zfs rename off/copy@b off/copy@b.local"


def test_kinds_are_named() -> None:
    assert conflict("volume a", "a").what == "it is a filesystem, but tank/data is a volume"


def test_commands_quote_names_with_spaces() -> None:
    found = plan_dataset(Pair.of(source("a"), "off/my copy", target("empty", "off/my copy")), False, context()).conflict
    assert found is not None
    assert "zfs rename 'off/my copy' 'off/my copy.old'" in found.next_step


# --- names that the target cannot have ---


def named(target_name: str, snapshot_name: str) -> Conflict | None:
    theirs = source("a")
    snapshot = Snapshot(snapshot_name, guid_of("a"), 1, 1)
    pair = Pair.of(type(theirs)(theirs.name, theirs.kind, snapshots=(snapshot,)), target_name, None)
    return plan_dataset(pair, False, context()).conflict


def test_a_name_of_255_bytes_with_its_snapshot_is_taken() -> None:
    assert named("off/" + "x" * 200, "s" * 50) is None


def test_a_longer_name_is_a_conflict_that_names_the_snapshot() -> None:
    found = named("off/" + "x" * 200, "s" * 51)
    assert found is not None
    assert "256 bytes long with @sss" in found.what
    assert "-x" in found.next_step


def test_a_name_that_is_too_long_by_itself_is_a_conflict() -> None:
    found = named("off/" + "x" * 252, "s")
    assert found is not None
    assert "256 bytes" in found.what


@pytest.mark.parametrize(("depth", "is_taken"), [(49, True), (50, False)])
def test_a_name_that_is_too_deep_is_a_conflict(depth: int, is_taken: bool) -> None:
    found = named("/".join(["o"] * depth), "s")
    assert (found is None) is is_taken


def test_a_name_problem_is_told_before_all_others() -> None:
    long_name = f"{TARGET}/{'x' * 250}"
    found = plan_dataset(Pair.of(source("a"), long_name, target("volume x", long_name)), False, context()).conflict
    assert found is not None
    assert "target name" in found.what
