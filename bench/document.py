"""Render figures as Markdown. (Lines) → text. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bench.figures import Line, is_ours
from bench.records import Cell, Ended, Scenario
from bench.tools import Tool

MEBIBYTE = 1 << 20


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the Markdown lines of a table.

    >>> table(["a", "b"], [["1", "2"]])
    ['| a | b |', '|---|---|', '| 1 | 2 |']
    """
    return [
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]


def seconds(value: float) -> str:
    return f"{value:.2f} s" if value < 10 else f"{value:.1f} s" if value < 100 else f"{value:.0f} s"


def cell_title(cell: Cell) -> str:
    tree = f"{cell.datasets} datasets x {cell.snapshots} snapshots"
    if cell.text_megabytes:
        tree = f"{cell.text_megabytes * cell.datasets} MiB of text"
    rate = f", {cell.megabits_per_second} Mbit/s" if cell.megabits_per_second else ""
    return f"{tree}, RTT {cell.rtt_milliseconds} ms{rate}"


HEAD = (
    *("tool", "time (median)", "least to most", "runs", "ours is faster by", "SSH connections", "remote commands"),
    *("zfs here / there", "CPU here / there", "peak memory here / there"),
)


def scenario_rows(lines: Iterable[Line]) -> list[list[str]]:
    return [_row(line) for line in lines]


def _row(line: Line) -> list[str]:
    run = line.typical
    name = f"**{line.tool}**" if is_ours(line.tool) else line.tool
    if line.seconds is None:
        ended = f"over {seconds(line.most)}" if line.late else "failed"
        return [name, ended, "", str(line.rounds), "", *[""] * 5]
    ratio = "" if line.ratio is None or is_ours(line.tool) else f"{line.ratio:.1f} x"
    return [
        name,
        seconds(line.seconds) + (f" ({Ended.LATE} once)" if line.late else ""),
        f"{line.least:.2f} to {line.most:.2f}",
        str(line.rounds),
        ratio,
        str(run.connections),
        str(run.remote_commands),
        f"{run.local_zfs} / {run.remote_zfs}",
        f"{run.local_cpu_seconds:.2f} s / {run.remote_cpu_seconds:.2f} s",
        f"{run.local_peak_bytes / MEBIBYTE:.0f} MiB / {run.remote_peak_bytes / MEBIBYTE:.0f} MiB",
    ]


def settings(tools: Iterable[Tool]) -> list[str]:
    """Return the command line of each tool, as typed, and the reasons for its options."""
    text: list[str] = []
    for tool in tools:
        text += [f"- {tool.name}: {tool.why}.", "", f"      {tool.shown}", ""]
    return text


def scenario_heading(scenario: Scenario) -> str:
    meaning = {
        Scenario.NO_OP: "Nothing to do, like most runs of a cron job:",
        Scenario.ONE_NEW: "One new snapshot on every dataset, with 16 KiB written to each:",
        Scenario.FIRST: "First mirror, onto an empty target:",
    }
    return meaning[scenario]
