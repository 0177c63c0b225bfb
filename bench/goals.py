"""Compare figures with the goals. (Figures of a part) → Goals. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import linear_regression, median
from typing import Any

from bench.figures import OURS, lines, ours_and_best
from bench.records import Ended, Run, Scenario

LARGE = (100, 10)
"""Datasets and RTT in milliseconds for the speed goals."""


@dataclass(frozen=True, slots=True)
class Goal:
    """`is_met` None: not measured."""

    what: str
    goal: str
    figure: str
    is_met: bool | None


def speed_goals(runs: Sequence[Run]) -> list[Goal]:
    """No-op and one new snapshot, on 100 datasets at 10 ms, against each kind of peer."""
    demands = (
        (Scenario.NO_OP, (("syncoid",), 10.0)),
        (Scenario.NO_OP, (("zfs_autobackup",), 10.0)),
        (Scenario.NO_OP, (("bzfs",), 3.0)),
        (Scenario.NO_OP, (("bzfs cached",), 3.0)),
        (Scenario.ONE_NEW, (("syncoid",), 5.0)),
        (Scenario.ONE_NEW, (("zfs_autobackup",), 5.0)),
        (Scenario.ONE_NEW, (("bzfs", "bzfs cached"), 1.5)),
    )
    return [_speed_goal(runs, scenario, peers, least) for scenario, (peers, least) in demands]


def _speed_goal(runs: Sequence[Run], scenario: Scenario, peers: tuple[str, ...], least: float) -> Goal:
    what = f"{scenario}, {LARGE[0]} datasets, RTT {LARGE[1]} ms, against {' and '.join(peers)}"
    for cell in sorted({run.cell for run in runs}, key=lambda cell: cell.snapshots):
        if (cell.datasets, cell.rtt_milliseconds) == LARGE:
            comparison = ours_and_best(lines(runs, cell, scenario), peers)
            if comparison is not None:
                _ours, ratio, is_bound = comparison
                met = ratio >= least
                figure = f"{'over ' if is_bound else ''}{ratio:.1f} x faster"
                return Goal(what, f"at least {least:g} x", figure, True if met else None if is_bound else False)
    return Goal(what, f"at least {least:g} x", "not measured", None)


def round_trips(runs: Sequence[Run], datasets: int) -> float | None:
    """Return how many successive round trips a run with nothing to do waits for.

    It is the slope of its time over the round-trip time. The delay should exceed the noise by far, hence 500 ms; and
    the tree should be small, since the local listing of a large tree takes longer than the round trips and hides them.
    """
    good = [
        run
        for run in runs
        if run.tool == OURS
        and run.scenario is Scenario.NO_OP
        and run.cell.datasets == datasets
        and run.ended is Ended.WELL
    ]
    by_rtt: dict[int, list[float]] = {}
    for run in good:
        by_rtt.setdefault(run.cell.rtt_milliseconds, []).append(run.seconds)
    if len(by_rtt) < 2:
        return None
    points = [(rtt / 1000, median(times)) for rtt, times in by_rtt.items()]
    return linear_regression([x for x, _ in points], [y for _, y in points]).slope


def trip_goals(runs: Sequence[Run]) -> list[Goal]:
    commands: dict[int, set[int]] = {}
    for run in runs:
        if run.tool == OURS and run.scenario is Scenario.NO_OP:
            commands.setdefault(run.cell.datasets, set()).add(run.remote_commands)
    sizes = sorted(commands)
    counted = ", ".join(f"{'/'.join(map(str, sorted(commands[size])))} on {size} datasets" for size in sizes)
    is_constant = len(set().union(*commands.values())) == 1 if len(sizes) > 1 else None
    trips = round_trips(runs, min(sizes)) if sizes else None
    return [
        Goal("no-op: remote commands", "a constant", counted or "not measured", is_constant),
        Goal(
            "no-op: round trips in all",
            "at most 12",
            "not measured" if trips is None else f"{trips:.1f}",
            None if trips is None else trips < 12.5,
        ),
    ]


def bulk_goals(rates: Mapping[str, Sequence[float]], several: Mapping[int, float]) -> list[Goal]:
    """`rates`: MiB/s of the runs of each way; `several`: total MiB/s by the number of simultaneous streams."""
    ours = {name: median(runs) for name, runs in rates.items() if name.startswith(OURS) and runs}
    hand, peers = (
        {name: median(runs) for name, runs in rates.items() if is_in_group(name) and runs}
        for is_in_group in (
            lambda name: name.startswith("by hand"),
            lambda name: not name.startswith((OURS, "by hand")),
        )
    )
    if OURS not in ours or not hand:
        return [Goal("bulk stream against one by hand", "at least 0.95", "not measured", None)]
    mine, best = ours[OURS], max(hand.values())
    goals = [Goal("bulk stream against one by hand", "at least 0.95", f"{mine / best:.2f}", mine / best >= 0.95)]
    for name, rate in peers.items():
        goals.append(Goal(f"bulk stream against {name}", "not behind", f"{mine / rate:.2f}", mine / rate >= 0.98))
    if len(several) > 1:
        text = ", ".join(f"{count}: {rate:.0f} MiB/s" for count, rate in sorted(several.items()))
        least, most = several[min(several)], max(several.values())
        goals.append(Goal("bulk, several datasets at once", "grows until the cores are full", text, most > least))
    return goals


def planning_goals(points: Sequence[Mapping[str, Any]]) -> list[Goal]:
    """`points`: snapshots on each side, cpu_seconds, peak_bytes. CPU time, since planning is single-threaded."""
    large = next((point for point in points if point["snapshots"] == 100_000), None)
    if large is None:
        return [Goal("planning, 100,000 snapshots on each side", "under 2 s, under 200 MB", "not measured", None)]
    growth = [point["cpu_seconds"] / point["snapshots"] for point in points if point["snapshots"] >= 10_000]
    megabytes, cpu = large["peak_bytes"] / 1e6, large["cpu_seconds"]
    return [
        Goal("planning, 100,000 snapshots on each side: CPU", "under 2 s", f"{cpu:.2f} s", cpu < 2),
        Goal("the same: peak memory", "under 200 MB", f"{megabytes:.0f} MB", megabytes < 200),
        Goal(
            "the same: CPU per snapshot, from 10,000 on",
            "constant (within 50 %)",
            f"{min(growth) * 1e6:.1f} to {max(growth) * 1e6:.1f} µs",
            max(growth) <= 1.5 * min(growth),
        ),
    ]


def start_goals(cases: Sequence[Mapping[str, Any]]) -> list[Goal]:
    """`cases`: what, limit, cpu_seconds, imports_paramiko."""
    return [
        Goal(
            f"start: {case['what']}",
            "no paramiko" if case["limit"] is None else f"under {case['limit']} s of CPU, no paramiko",
            f"{case['cpu_seconds']:.3f} s, {'with' if case['imports_paramiko'] else 'no'} paramiko",
            not case["imports_paramiko"] and (case["limit"] is None or case["cpu_seconds"] < case["limit"]),
        )
        for case in cases
    ] or [Goal("start", "under 0.15 s of CPU, no paramiko", "not measured", None)]
