"""Compute medians and ratios. (Runs) → Lines. Pure.

>>> median([3.0, 1.0, 2.0])
2.0
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from bench.records import Cell, Ended, Run, Scenario

OURS = "zfs_replicate"


@dataclass(frozen=True, slots=True)
class Line:
    """A tool in one cell and scenario: medians over its rounds. `seconds` None: no run succeeded.

    `ratio`: its median divided by ours, so 2.0 is twice our time. None if either has no median.
    """

    tool: str
    rounds: int
    seconds: float | None
    least: float
    most: float
    late: bool
    ratio: float | None
    typical: Run
    """The run whose time is nearest to the median; its counts are shown."""


def is_ours(tool: str) -> bool:
    return tool.split()[0] == OURS


def lines(runs: Iterable[Run], cell: Cell, scenario: Scenario) -> list[Line]:
    """Given all runs, return a line for each tool of this cell and scenario, in the order of their first runs."""
    by_tool: dict[str, list[Run]] = {}
    for run in runs:
        if run.cell == cell and run.scenario is scenario:
            by_tool.setdefault(run.tool, []).append(run)
    ours = _median(by_tool.get(OURS, []))
    return [_line(tool, mine, ours) for tool, mine in by_tool.items()]


def _median(runs: Sequence[Run]) -> float | None:
    good = [run.seconds for run in runs if run.ended is Ended.WELL]
    return median(good) if good else None


def _line(tool: str, runs: Sequence[Run], ours: float | None) -> Line:
    middle = _median(runs)
    times = [run.seconds for run in runs if run.ended is Ended.WELL] or [run.seconds for run in runs]
    typical = min(runs, key=lambda run: (run.ended is not Ended.WELL, abs(run.seconds - (middle or 0))))
    return Line(
        tool,
        len(runs),
        middle,
        min(times),
        max(times),
        any(run.ended is Ended.LATE for run in runs),
        None if middle is None or not ours else middle / ours,
        typical,
    )


def cells(runs: Iterable[Run]) -> list[Cell]:
    """Return the measured cells, small trees and slow links first."""
    return sorted(
        {run.cell for run in runs},
        key=lambda cell: (
            cell.datasets,
            cell.snapshots,
            cell.rtt_milliseconds,
            cell.megabits_per_second or float("inf"),
        ),
    )


def ours_and_best(measured: Sequence[Line], peer_names: Sequence[str]) -> tuple[Line, float, bool] | None:
    """Return our line, the lowest ratio of the named peers, and whether that ratio is only a lower bound.

    A peer that exceeded its limit counts with the limit: it is at least that slow. None: not measured.
    """
    ours = next((line for line in measured if line.tool == OURS and line.seconds), None)
    peers = [line for line in measured if line.tool in peer_names]
    if ours is None or ours.seconds is None or not peers:
        return None
    best = min(peers, key=lambda line: line.seconds if line.seconds is not None else line.most)
    seconds = best.seconds if best.seconds is not None else best.most
    return ours, seconds / ours.seconds, best.seconds is None
