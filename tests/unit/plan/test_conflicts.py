"""A dataset that needs a decision by a person has a conflict, with evidence and remedies, and only holds."""

from __future__ import annotations

import pytest

from tests.support.notation import (
    SOURCE,
    TARGET,
    context,
    plan_of,
    planned,
    source,
    steps,
    target,
    target_tree,
    tree,
)
from zfs_replicate.plan.pair import Pair
from zfs_replicate.plan.planner import plan_dataset
from zfs_replicate.plans import Conflict
from zfs_replicate.steps import Hold

ASIDE = "zfs rename off/copy off/copy.old-20231114-2213"


def conflict_of(source_text: str, target_text: str) -> Conflict:
    conflict = planned(source_text, target_text).conflict
    assert conflict is not None
    return conflict


@pytest.mark.parametrize(
    ("source", "target"),
    [
        # it exists without snapshots and is not a placeholder: it may hold data
        ("a", "empty"),
        ("a", "empty changed"),
        # a placeholder that somebody wrote to
        ("a", "placeholder used"),
        ("a", "placeholder used resume(a)"),
        ("a", "placeholder x?"),
        # no common snapshot
        ("a b", "x"),
        ("a", "a~"),
        ("#a b", "x"),
        ("a", "placeholder x"),
        # changed since the base, while something new would arrive
        ("a b", "a changed"),
        ("a b", "a x+20000"),
        ("a b", "a x changed"),
        ("a b", "a x+20000 y"),
        ("#a b", "a changed"),
        # a raw stream would arrive, and the base is not the newest snapshot
        ("encrypted a b", "encrypted a x"),
        ("encrypted a b", "encrypted a x y"),
        ("encrypted #a b", "encrypted a x"),
        ("encrypted a b", "encrypted a x resume(a..b,raw)"),
        # an arriving name is already taken, with another guid
        ("a b", "a b~"),
        ("a b c", "a x=c"),
        # kinds
        ("volume a", "a"),
        ("a", "volume a"),
        ("a b", "volume resume(a)"),
    ],
)
def test_a_conflict_stops_the_dataset(source: str, target: str) -> None:
    plan = planned(source, target, keep_days=0)
    assert plan.conflict is not None
    assert all(isinstance(step, Hold) for step in plan.steps)


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        # whatever is wrong: changed, a name taken, another kind, a token that fits or not
        ("a b", "a changed", "conflict; hold a; hold-target a"),
        ("a b", "a b~", "conflict; hold a; hold-target a"),
        ("volume a", "a", "conflict; hold a; hold-target a"),
        ("a b", "a changed resume(a..b)", "conflict; hold a; hold-target a"),
        ("a b", "a changed resume(damaged)", "conflict; hold a; hold-target a"),
        # only what is missing
        ("a!* b", "a changed", "conflict; hold-target a"),
        ("a b", "a^ changed", "conflict; hold a"),
        ("a! b", "a^ changed", "conflict"),
        # by guid, each side with its own name
        ("a=x b", "a=y changed", "conflict; hold x; hold-target y"),
        # the newest common one; what is held otherwise stays held, and overdue ones stay
        ("a! b c! d", "a^:40 b:40 x+20000", "conflict; hold b; hold-target b"),
        # a bookmark cannot be held: the newest common snapshot of which there is still one on the source
        ("a #b c", "a b changed", "conflict; hold a; hold-target b"),
        ("#a b", "a changed", "conflict; hold-target a"),
        # holds of others are not ours
        ("a% b", "a% changed", "conflict; hold a; hold-target a"),
        # nothing in common
        ("a", "x", "conflict"),
        ("a", "empty", "conflict"),
    ],
)
def test_a_conflict_keeps_the_newest_common_snapshot(source: str, target: str, expected: str) -> None:
    assert steps(source, target, keep_days=0) == expected


@pytest.mark.parametrize(
    ("source", "target"),
    [
        # nothing would arrive, so the changes do no harm
        ("a", "a changed"),
        ("a", "a x+20000 changed"),
        ("encrypted a", "encrypted a x"),
        # newer snapshots without bytes do no harm to plain streams, an older one none to raw streams
        ("a b", "a x"),
        ("encrypted a b", "encrypted x a"),
        # the source has nothing that could arrive
        ("empty", "x"),
        ("empty", "x^ y% changed"),
        ("empty", "placeholder x"),
        ("encrypted empty", "encrypted x"),
        ("#a", "x"),
        # what was written before the base arrived with it
        ("a b c", "a+9 b+9"),
        # the name is taken by the very same snapshot
        ("a b", "a b"),
        # a name that is taken, but does not arrive
        ("a b c", "b a=x"),
        # an unfinished receive has no snapshot yet
        ("a", "resume(a)"),
        ("empty", "empty changed"),
        ("empty", "placeholder used"),
    ],
)
def test_there_is_no_conflict_if_nothing_prevents_the_mirror(source: str, target: str) -> None:
    assert planned(source, target).conflict is None


def test_a_target_with_data_is_moved_aside() -> None:
    conflict = conflict_of("a", "empty")
    assert "may hold data" in conflict.what
    assert conflict.next_step == f"move it aside: {ASIDE}, or choose another -l"


def step_in_tree(target_root: str, *lines: str) -> str:
    """Return the next step for the root of a target's tree."""
    plan = plan_of(tree(SOURCE, ":a b", "p:a"), target_tree(target_root, *lines)).datasets[0]
    assert plan.conflict is not None
    return plan.conflict.next_step


@pytest.mark.parametrize("root", ["x", "volume a", "a changed", "placeholder used"])
def test_advice_to_move_a_tree_counts_the_datasets_below_it(root: str) -> None:
    assert f"{ASIDE} (which takes along the 2 datasets below it)" in step_in_tree(TARGET, f":{root}", "p:a", "p/q:a")


@pytest.mark.parametrize("root", ["x", "volume a", "a changed", "empty"])
def test_the_root_of_a_pool_is_not_to_be_renamed(root: str) -> None:
    step = step_in_tree("off", f":{root}", "p:a")
    assert "zfs rename" not in step
    assert "-l off/data" in step


def test_an_empty_parent_without_our_mark_can_get_it() -> None:
    assert step_in_tree("off/my copy", ":empty", "p:a").startswith(
        "if it is only an empty parent of those below it: zfs set zfs_replicate:placeholder=on 'off/my copy'"
    )


@pytest.mark.parametrize("target", ["clone empty", "clone x"])
def test_snapshots_that_a_promoted_clone_has_are_taken_back(target: str) -> None:
    conflict = conflict_of("a b", target)
    assert "it is a clone of off/trial@a" in conflict.what
    assert "zfs promote off/copy, then run again" in conflict.next_step
    assert planned("a b", "clone a").conflict is None


def test_a_name_for_a_snapshot_that_is_in_the_way_is_free() -> None:
    assert "zfs rename off/copy@b off/copy@b.local3" in conflict_of("a b", "a y=b z=b.local x=b.local2").next_step


def test_a_used_placeholder_is_emptied_or_moved_as_a_tree() -> None:
    conflict = conflict_of("a", "placeholder used")
    assert "data has been written to it" in conflict.what
    assert "move its files elsewhere" in conflict.next_step
    assert conflict.next_step.endswith(f"; or move it aside: {ASIDE}")


def test_no_common_snapshot_names_the_newest_of_both_sides() -> None:
    conflict = conflict_of("a b", "x y:1")
    assert "@y (2023-11-13 22:13 UTC)" in conflict.what
    assert "@b (2023-11-14 22:13 UTC)" in conflict.what


@pytest.mark.parametrize("is_parent", [False, True])
@pytest.mark.parametrize("target", ["x", "x:90 y^:90 changed", "placeholder x"])
def test_nothing_is_planned_where_the_source_has_none(target: str, is_parent: bool) -> None:
    plan = planned("empty", target, keep_days=0, is_parent=is_parent)
    assert (plan.conflict, plan.steps) == (None, ())
    assert plan.notes == ("the source has no snapshots, so those of the target are left alone",)


def test_a_changed_target_names_its_size_and_both_ways_out() -> None:
    conflict = conflict_of("a b", "a changed")
    assert "@a (2023-11-14 22:13 UTC): 64.0 KiB" in conflict.what
    assert "zfs rollback off/copy@a" in conflict.next_step
    assert ASIDE in conflict.next_step


def test_a_changed_target_names_the_snapshots_a_rollback_loses() -> None:
    conflict = conflict_of("a b", "a x+20000 y=z changed")
    assert "83.5 KiB" in conflict.what
    assert "@x (" in conflict.what
    assert "@z (" in conflict.what
    assert "zfs rollback -r off/copy@a" in conflict.next_step


def test_own_snapshots_of_a_raw_copy_are_named_with_ways_out() -> None:
    conflict = conflict_of("encrypted a b", "encrypted a x:1 y=z")
    assert "a raw stream needs that to be the newest: @x (2023-11-13 22:13 UTC), @z (" in conflict.what
    assert "zfs rollback -r off/copy@a (or run once with --rollback)" in conflict.next_step
    assert ASIDE in conflict.next_step


def test_a_taken_name_is_freed_by_a_rename() -> None:
    conflict = conflict_of("a b:1", "a b~")
    assert "@b (2023-11-14 22:13 UTC)" in conflict.what
    assert "@b (2023-11-13 22:13 UTC)" in conflict.what
    assert conflict.next_step == "rename it: zfs rename off/copy@b off/copy@b.local"


def test_a_conflict_lists_the_hold_that_it_places_as_held() -> None:
    plan = planned("a!* b c", "b changed")
    assert [snapshot.name for snapshot in plan.held] == ["a", "b"]
    assert plan.base == plan.held[-1]


def test_kinds_are_named() -> None:
    assert conflict_of("volume a", "a").what == "it is a filesystem, but tank/data is a volume"


def test_commands_quote_names_with_spaces() -> None:
    conflict = plan_dataset(
        Pair.of(source("a"), "off/my copy", target("empty", "off/my copy")), False, context()
    ).conflict
    assert conflict is not None
    assert "zfs rename 'off/my copy' 'off/my copy.old-20231114-2213'" in conflict.next_step
