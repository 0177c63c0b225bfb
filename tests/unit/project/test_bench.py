"""Test the pure parts of the bench: figures, goals and the document."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench import document, figures, goals
from bench.records import Cell, Ended, Run, Scenario, from_line, to_line

CELL = Cell(datasets=100, snapshots=10, rtt_milliseconds=10)


def a_run(tool: str, seconds: float, **changes: object) -> Run:
    run = Run(tool, Scenario.NO_OP, CELL, 0, Ended.WELL, seconds, 1, 4, 3, 2, 0.5, 0.1, 1 << 20, 2 << 20)
    return replace(run, **changes)  # type: ignore[arg-type]


def test_a_run_survives_its_line() -> None:
    run = a_run("bzfs", 1.5, ended=Ended.LATE)
    assert from_line(to_line(run)) == run


def test_a_line_has_the_median_and_its_ratio_to_zfs_replicate() -> None:
    runs = [a_run("zfs_replicate", seconds) for seconds in (2.0, 1.0, 9.0)] + [
        a_run("syncoid", seconds) for seconds in (20.0, 30.0)
    ]
    own, syncoid = figures.lines(runs, CELL, Scenario.NO_OP)
    assert (own.seconds, own.rounds, own.least, own.most) == (2.0, 3, 1.0, 9.0)
    assert syncoid.ratio == 12.5


def test_runs_that_ended_badly_make_no_median() -> None:
    runs = [a_run("bzfs", 0.1, ended=Ended.BADLY), a_run("bzfs", 3.0), a_run("bzfs", 60.0, ended=Ended.LATE)]
    (line,) = figures.lines(runs, CELL, Scenario.NO_OP)
    assert (line.seconds, line.late) == (3.0, True)


def test_a_peer_over_its_limit_is_written_down_as_such() -> None:
    runs = [a_run("zfs_replicate", 2.0), a_run("zfs_autobackup", 60.0, ended=Ended.LATE)]
    rows = document.scenario_rows(figures.lines(runs, CELL, Scenario.NO_OP))
    assert rows[1][:2] == ["zfs_autobackup", "over 60.0 s"]


@pytest.mark.parametrize(("peer_seconds", "is_met"), [(30.0, True), (4.0, False)])
def test_a_speed_goal_compares_with_the_best_of_a_kind(peer_seconds: float, is_met: bool) -> None:
    named = (("zfs_replicate", 3.0), ("bzfs", 300.0), ("bzfs cached", peer_seconds))
    runs = [a_run(name, time, scenario=Scenario.ONE_NEW) for name, time in named]
    by_name = {goal.what: goal for goal in goals.speed_goals(runs)}
    assert by_name["one new snapshot, 100 datasets, RTT 10 ms, against bzfs and bzfs cached"].is_met is is_met


def test_a_peer_over_its_limit_meets_a_goal_only_by_the_limit() -> None:
    def verdict(limit: float) -> bool | None:
        runs = [a_run("zfs_replicate", 10.0), a_run("syncoid", limit, ended=Ended.LATE)]
        return goals.speed_goals(runs)[0].is_met

    assert verdict(600.0) is True
    assert verdict(60.0) is None


def test_a_goal_that_was_not_measured_is_open() -> None:
    assert {goal.is_met for goal in goals.speed_goals([])} == {None}


def test_round_trips_are_the_slope_over_the_delay() -> None:
    runs = [
        a_run("zfs_replicate", 1.0 + 8 * rtt / 1000, cell=Cell(10, 5, rtt))
        for rtt in (0, 50, 500)
        for _round in range(2)
    ]
    assert goals.round_trips(runs, 10) == pytest.approx(8.0)


def test_remote_commands_must_not_grow_with_the_tree() -> None:
    small = a_run("zfs_replicate", 1.0, cell=Cell(10, 5, 0), remote_commands=3)
    large = a_run("zfs_replicate", 1.0, cell=Cell(100, 5, 0), remote_commands=4)
    assert goals.trip_goals([small, large])[0].is_met is False
    assert goals.trip_goals([small, replace(large, remote_commands=3)])[0].is_met is True


def test_bulk_goals_compare_with_the_stream_by_hand() -> None:
    results = goals.bulk_goals({"zfs_replicate": [490.0], "by hand": [500.0], "syncoid": [600.0]}, {1: 500.0, 2: 800.0})
    assert [goal.is_met for goal in results] == [True, False, True]
