"""A wrong clock expires nothing, and is reported; snapshots that are taken seldom are no reason to doubt one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.command_lines import parsed
from tests.support.notation import NOW, SOURCE, TARGET, target_tree, tree
from tests.support.rendering import rendered
from zfs_replicate.model import SECONDS_PER_DAY, Capabilities, Snapshot, Survey
from zfs_replicate.plan.clocks import clock_doubt, newest_in_future
from zfs_replicate.plan.planner import make_plan
from zfs_replicate.plans import Plan

DAYS = "a:20 b:10 c:1"
"""Taken 20 days, 10 days and one day ago."""


def capabilities(guid: int, days_ahead: float | None = 0) -> Capabilities:
    clock = None if days_ahead is None else NOW + int(days_ahead * SECONDS_PER_DAY)
    return Capabilities("zfs-2.4", frozenset({"zfs"}), guid, {}, clock)


def survey(source: str, target: str, source_ahead: float | None = 0, target_ahead: float | None = 0) -> Survey:
    """Return both sides in words, with clocks that are so many days ahead; None: not known."""
    trees = tree(SOURCE, f": {source}"), target_tree(TARGET, f": {target}")
    return Survey("nas1", *trees, capabilities(1, source_ahead), capabilities(2, target_ahead))


def plan(both: Survey, days_ahead: float = 0, keep_days: int = 30) -> Plan:
    """Plan with this machine's clock so many days ahead."""
    return make_plan(both, parsed("-k", str(keep_days)), NOW + int(days_ahead * SECONDS_PER_DAY))


def steps(both: Survey, days_ahead: float = 0, keep_days: int = 30) -> str:
    return rendered(plan(both, days_ahead, keep_days).datasets[0])


@pytest.mark.parametrize(
    ("source_ahead", "target_ahead", "now_ahead"),
    [
        (0, 90, 90),  # this machine's clock is ahead
        (90, 0, 0),  # the source's is
        (-400, 0, 0),  # the source's was never set
        (0, -400, -400),
        (0, 0, 90),  # this one was set between probe and plan
        (0, 1.1, 1.1),
        (None, 90, 90),  # an older gate does not let the source's through
        (90, 90, 90),  # both hosts are one machine
    ],
)
@pytest.mark.parametrize("keep_days", [0, 5])
def test_nothing_expires_by_a_wrong_clock(
    source_ahead: float | None, target_ahead: float, now_ahead: float, keep_days: int
) -> None:
    both = survey("c!:1", "a:20 b:10 c^:1", source_ahead, target_ahead)
    if now_ahead == 1.1:
        both = survey("c!", "a:20 b:10 c^", source_ahead, target_ahead)
    doubtful = plan(both, now_ahead, keep_days)
    assert rendered(doubtful.datasets[0]) == "nothing"
    assert len(doubtful.warnings) == 1
    kept = {entry.name: entry.reason for entry in doubtful.datasets[0].kept}
    assert set(kept.values()) <= {"a clock may be wrong", "newest common snapshot"}


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("c!:1", "a:40 b:35 c^:1"),
        ("b:34 c!:6", "a:41 b:34 c^:6"),  # weekly
        ("c!:6", "a:41 b:34 z:20 c^:6"),  # irregular; the source keeps one
        ("b:61 c!:31", "a:91 b:61 c^:31"),  # monthly
    ],
)
def test_snapshots_that_are_taken_seldom_expire_in_time(source: str, target: str) -> None:
    both = survey(source, target)
    assert "expire a" in steps(both)
    assert plan(both).warnings == ()


def test_clocks_that_differ_by_a_day_are_no_doubt() -> None:
    assert clock_doubt(survey(DAYS, DAYS, 1), (), NOW) is None


def test_the_warning_names_both_clocks_and_the_next_step() -> None:
    (warning,) = plan(survey(DAYS, DAYS, 0, 90), 90).warnings
    assert warning == (
        "the clocks disagree: it is 2023-11-14 22:13 UTC on nas1, and 2024-02-12 22:13 UTC on this machine; nothing"
        " expires meanwhile: set the clock that is wrong, which shows on both: date -u"
    )


def test_a_snapshot_from_the_future_stops_expiry() -> None:
    both = survey("b:-3", "a:40 b^:-3")
    (warning,) = plan(both).warnings
    assert warning.startswith(
        f"the newest snapshot on nas1, {SOURCE}@b, is of 2023-11-17 22:13 UTC, but it is 2023-11-14"
    )
    assert "expire" not in steps(both)


def test_one_older_snapshot_from_the_future_does_not() -> None:
    """The source's clock was wrong once, and is right again."""
    assert "expire a" in steps(survey("b:-3 c!:0", "a:40 b:-3 c^:0"))


def test_a_source_without_news_is_doubtful_only_if_some_expire() -> None:
    """Nothing takes snapshots there any more: no warning as long as none would expire."""
    assert plan(survey("b:20 c!:15", "b:20 c^:15")).warnings == ()
    (warning,) = plan(survey("b:50 c!:45", "b:50 c^:45")).warnings
    assert f"or take one there: zfs snapshot -r {SOURCE}@NAME" in warning


def test_an_excluded_dataset_says_nothing_about_clocks() -> None:
    source = tree(SOURCE, ": b:40 c:0", "odd: z:-90")
    both = replace(survey("c", "c"), source=source)
    assert clock_doubt(both, (), NOW) is None  # of all, @c is the newest by createtxg
    odd = source.datasets[f"{SOURCE}/odd"]
    future = replace(odd, snapshots=(replace(odd.snapshots[0], createtxg=9999),))
    both = replace(both, source=replace(source, datasets={**source.datasets, odd.name: future}))
    assert clock_doubt(both, (), NOW) is not None
    assert clock_doubt(both, ("odd",), NOW) is None


def test_a_first_copy_begins_by_the_clock_that_is_behind() -> None:
    assert steps(survey(DAYS, "absent", 0, 90), 90).startswith("hold a c; send a as new; send a..c (2)")


def test_a_target_alone_can_show_a_snapshot_from_the_future() -> None:
    snapshot = Snapshot("x", 1, 1, NOW + 2 * SECONDS_PER_DAY)
    (copy,) = target_tree(TARGET, ": a").datasets.values()
    assert newest_in_future("this machine", [replace(copy, snapshots=(snapshot,))], NOW) is not None
    assert newest_in_future("this machine", [copy, replace(copy, snapshots=())], NOW) is None
    assert newest_in_future("this machine", [], NOW) is None
