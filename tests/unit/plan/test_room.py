"""What is overdue goes before the streams only where that lets them fit; else last, so that a failure costs nothing."""

from __future__ import annotations

import pytest

from tests.support.notation import SOURCE, TARGET, TARGET_TAG, context, target_tree, tree
from tests.support.rendering import rendered
from zfs_replicate.model import Inventory
from zfs_replicate.plan.planner import plan_trees
from zfs_replicate.plans import DatasetPlan, Plan
from zfs_replicate.report.text import plan_lines
from zfs_replicate.steps import MakeRoom, Release, Side


def plan(source: str, target: str, keep_days: int = 30) -> Plan:
    return plan_of(tree(SOURCE, f": {source}"), target_tree(TARGET, f": {target}"), keep_days)


def plan_of(source: Inventory, target: Inventory, keep_days: int = 30) -> Plan:
    return plan_trees(source, target, context(keep_days))


def rows(all_plans: Plan) -> list[str]:
    return [rendered(dataset) for dataset in all_plans.datasets]


AFTER = "hold c; make room a; send b..c; verify c; hold-target c; release b; release-target b"


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        # 80 bytes arrive, 79 are free, and @a holds at most 80
        ("b! c+80", "room(79) a+80:40 b^", AFTER),
        ("b! c+80", "room(0) a+80:40 b^", AFTER),
        # it fits
        ("b! c+80", "room(80) a+80:40 b^", AFTER.replace("make room a; ", "") + "; expire a"),
        ("b! c+80", "a+80:40 b^", AFTER.replace("make room a; ", "") + "; expire a"),
        # not even without @a
        ("b! c+80", "room(0) a+79:40 b^", AFTER.replace("make room a; ", "") + "; expire a"),
        # the base stays until the stream has arrived, even if it is overdue
        ("b!:35 c+80", "room(0) a+80:40 b^:35", AFTER + "; expire b"),
        # the hold on the base first, then the older ones of ours
        ("b!* c+80", "room(0) a^+80:40 b", AFTER.replace("make room a", "hold-target b; make room a -a")),
        # of somebody else's hold, a clone, or a younger one nothing is taken
        ("b! c+80", "room(0) z%+80:50 a+80:40 y&+9:40 x:20 b^", AFTER),
        # an own snapshot of the target after the base stays until the end
        ("b! c+80", "room(0) a+80:40 b^ o:40", AFTER + "; expire o"),
        # from a bookmark
        (
            "#b c+80",
            "room(0) a+80:40 b^",
            "hold c; make room a; send #b..c; verify c; hold-target c; release-target b",
        ),
        # nothing arrives
        ("b!", "room(0) a+80:40 b^", "expire a"),
        # the first part of a stream is here already
        (
            "b! c+80",
            "room(10) a+80:40 b^ resume(b..c)",
            "hold c; make room a; resume c; verify c; hold-target c; release b; release-target b",
        ),
    ],
)
def test_room_is_made_for_what_does_not_fit(source: str, target: str, expected: str) -> None:
    assert rows(plan(source, target)) == [expected]


def test_the_reason_names_the_snapshot_that_needs_room() -> None:
    assert "    expire @a: room for @c" in plan_lines(plan("b! c+80", "room(0) a+80:40 b^"))


def test_nothing_goes_early_without_keep_days_or_with_a_conflict() -> None:
    without = plan_trees(
        tree(SOURCE, ": b! c+80"), target_tree(TARGET, ": room(0) a+80:40 b^"), context(keep_days=None)
    )
    assert "make room" not in rows(without)[0]
    assert rows(plan("b! c+80", "room(0) a+80:40 b^ changed")) == ["conflict"]


def test_a_quota_above_is_shared_in_the_order_of_the_plan() -> None:
    """40 bytes fit, and then another 40 do not: what is overdue goes below the quota, and nowhere else."""
    source = tree(SOURCE, ": b!", "p: b! c+40", "q: b! c+40", "r: b!")
    lines = [": room(70) b^", "p: room(70) a+9:40 b^", "q: room(70) a+40:40 b^", "r: room(70) a+9:40 b^"]
    needy = plan_of(source, target_tree(TARGET, *lines))
    _root, first, second, third = needy.datasets
    assert [reason for row in (first, second, third) for reason in early_reasons(row)] == [
        f"room for {TARGET}/q@c",
        "room for @c",
        f"room for {TARGET}/q@c",
    ]
    lines[2:3] = ["q: room(39) a+40:40 b^"]  # a quota of its own
    lines[0] = ": room(700) b^"
    own = plan_of(source, target_tree(TARGET, *lines))
    assert [bool(early_reasons(row)) for row in own.datasets] == [False, False, True, False]


def early_reasons(plan: DatasetPlan) -> list[str]:
    return [old.reason for step in plan.steps if isinstance(step, MakeRoom) for old in step.snapshots]


def test_a_new_child_needs_room_in_its_parent() -> None:
    source = tree(SOURCE, ": b!", "new: c+50")
    rooms = plan_of(source, target_tree(TARGET, ": room(40) a+80:40 b^"))
    assert rows(rooms)[0] == "make room a"
    assert rows(plan_of(source, target_tree(TARGET, ": room(50) a+80:40 b^")))[0] == "expire a"


def test_a_reservation_counts_for_its_dataset() -> None:
    source = tree(SOURCE, ": b!", "p: b! c+40")
    target = target_tree(TARGET, ": room(0) a+80:40 b^", "p: room(40) b^")
    assert rows(plan_of(source, target))[0] == "expire a"


def test_a_stream_that_cannot_fit_leaves_the_others_alone() -> None:
    source = tree(SOURCE, ": b!", "p: b! c+4000", "q: b! c+40")
    lines = [": room(50) b^", "p: room(50) a+80:40 b^", "q: room(50) a+80:40 b^"]
    hopeless = plan_of(source, target_tree(TARGET, *lines))
    assert not any(map(early_reasons, hopeless.datasets))
    assert [dataset.reserve is not None for dataset in hopeless.datasets] == [False, False, True]


def test_a_plan_that_fits_has_a_reserve_for_a_full_target() -> None:
    (dataset,) = plan("b! c+80", "room(80) a^+80:40 b").datasets
    assert dataset.reserve is not None
    assert dataset.reserve.release == Release(Side.TARGET, TARGET_TAG, (f"{TARGET}@a",))
    assert [snapshot.name for snapshot in dataset.reserve.snapshots] == ["a"]
    (early,) = plan("b! c+80", "room(0) a+80:40 b^").datasets
    assert early.reserve is None
