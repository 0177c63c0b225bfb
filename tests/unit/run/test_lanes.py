"""The schedule decides which lanes are ready, which wait, and which are given up."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from tests.support.notation import plan_of, target_tree, tree
from zfs_replicate.plans import DatasetPlan
from zfs_replicate.run.lanes import Lane, Schedule, run_lanes

PLANS = plan_of(tree("t", ":a", "p:a", "p/c:a", "p/c/d:a", "q:a"), target_tree("o")).datasets
ROOT, P, PC, PCD, Q = PLANS


def targets(lanes: Iterable[Lane]) -> list[str]:
    return ["+".join(plan.target for plan in lane) for lane in lanes]


def test_a_dataset_waits_until_its_parent_is_created() -> None:
    schedule = Schedule(PLANS)
    assert targets(schedule.ready()) == ["o"]
    schedule.finish(ROOT)
    assert targets(schedule.ready()) == ["o/p", "o/q"]
    schedule.finish(Q)
    assert targets(schedule.ready()) == []
    schedule.finish(P)
    assert targets(schedule.ready()) == ["o/p/c"]


def test_a_dataset_does_not_wait_for_a_parent_that_exists() -> None:
    plans = plan_of(tree("t", ":a! b", "p:a! b"), target_tree("o", ":a^", "p:a^")).datasets
    assert targets(Schedule(plans).ready()) == ["o", "o/p"]


def test_bundles_are_lanes_of_several_datasets() -> None:
    plans = plan_of(tree("t", "p:a! b", "q:a! b", "r:a"), target_tree("o", "p:a^", "q:a^")).datasets
    bundle = tuple(plan for plan in plans if plan.target in ("o/p", "o/q"))
    streaming = [plan for plan in plans if plan.snapshot_count]
    assert targets(Schedule(streaming, [bundle]).ready()) == ["o/p+o/q", "o/r"]


def test_new_datasets_below_a_failed_parent_are_given_up() -> None:
    schedule = Schedule(PLANS)
    schedule.ready()
    schedule.finish(ROOT)
    assert targets(schedule.ready()) == ["o/p", "o/q"]
    assert [plan.target for plan in schedule.give_up(P)] == ["o/p/c", "o/p/c/d"]
    assert schedule.ready() == []


def test_existing_datasets_below_a_failed_parent_go_on() -> None:
    """A placeholder may already have children when it becomes a copy."""
    plans = plan_of(tree("t", ":a", "p:a! b"), target_tree("o", ":placeholder", "p:a^")).datasets
    schedule = Schedule(plans)
    assert targets(schedule.ready()) == ["o"]
    assert schedule.give_up(plans[0]) == []
    assert targets(schedule.ready()) == ["o/p"]


def test_every_lane_runs_once_and_parents_first() -> None:
    schedule, order = Schedule(PLANS), list[str]()

    def after(lane: Lane) -> None:
        for plan in lane:
            schedule.finish(plan)

    run_lanes(schedule, 2, lambda lane: order.extend(targets([lane])), after, lambda: pytest.fail("cancelled"))
    assert sorted(order) == sorted(plan.target for plan in PLANS)
    assert order.index("o") < order.index("o/p") < order.index("o/p/c") < order.index("o/p/c/d")


def test_an_error_in_a_lane_cancels_the_others_and_is_raised() -> None:
    cancelled: list[bool] = []

    def stream(lane: Lane) -> None:
        raise ZeroDivisionError(lane[0].target)

    with pytest.raises(ZeroDivisionError, match=r"^o$"):
        run_lanes(Schedule(PLANS), 2, stream, lambda _lane: None, lambda: cancelled.append(True))
    assert cancelled == [True]


def test_without_plans_no_lane_runs() -> None:
    nothing: tuple[DatasetPlan, ...] = ()
    run_lanes(Schedule(nothing), 2, lambda _lane: pytest.fail("it ran"), lambda _lane: None, lambda: None)
