"""Write docs/benchmarks.md and its plots from all measured parts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any

from bench import document, goals, lab, plots, store
from bench.figures import cells, lines
from bench.records import Cell, Run, Scenario
from bench.tools import all_tools

DOCUMENT = lab.TOP / "docs" / "benchmarks.md"
RUN_PARTS = ("quick", "goals", "full", "transports", "links")

INTRODUCTION = """# Benchmarks

zfs_replicate and its peers, measured by `make bench` ([how](../bench/README.md)), which writes this page: to change it,
run `make bench` again. Times in the lab's guest (one CPU, slow system calls) are not those of a real machine; compare
the ratios between tools. All tools run on the same pools in turns (A B C A B C), each run with its own sshd and no
connection left over from the previous run; after each run the guids of all snapshots on both sides are compared. Times
are medians. "Here" is the target, where the tool runs; peak memory is that of the largest single process (values below
17 MiB cannot be measured)."""


def write() -> None:
    """Write the document from all parts that have figures."""
    text = [INTRODUCTION, "", "## Goals", "", *_goals(), *_notes()]
    for part in RUN_PARTS:
        text += _runs(part)
    text += [*_trips(), *_curve(), *_bulk(), *_planning(), *_start(), *_settings()]
    DOCUMENT.write_text("\n".join(text).rstrip() + "\n")


def _runs_of(parts: Iterable[str]) -> list[Run]:
    return [run for part in parts if (stored := store.load_runs(part)) for run in stored[1]]


def _data(part: str) -> Any:
    stored = store.load(part)
    return [] if stored is None else stored[1]


def _goals() -> list[str]:
    results = goals.speed_goals(_runs_of(("goals",)) or _runs_of(("full",)))
    results += goals.trip_goals(_runs_of(("trips",)))
    bulk = _data("bulk") or {"single": {}, "several": {}}
    rates = {name: [run["rate"] for run in runs] for name, runs in bulk["single"].items()}
    several = {int(count): median(run["rate"] for run in runs) for count, runs in bulk["several"].items()}
    results += [
        *goals.bulk_goals(rates, several),
        *goals.planning_goals(_data("planning")),
        *goals.start_goals(_data("start")),
    ]
    rows = [(goal.what, goal.goal, goal.figure, _verdict(goal.is_met)) for goal in results]
    return document.table(("what", "goal", "figure", ""), rows)


def _verdict(is_met: bool | None) -> str:
    return "open" if is_met is None else "met" if is_met else "**not met**"


def _notes() -> list[str]:
    """Return the comments on the figures, the only part that is written by hand."""
    path = store.DIRECTORY / "notes.md"
    return ["", path.read_text().rstrip()] if path.exists() else []


def _described(about: store.About) -> str:
    versions = f" {', '.join(about.versions)}." if about.versions else ""
    return f"{about.date} UTC, commit {about.commit}, on {about.machine}, load {about.load} at the start.{versions}"


def _runs(part: str) -> list[str]:
    stored = store.load_runs(part)
    if stored is None:
        return []
    about, runs = stored
    text = ["", f"## {part.capitalize()} profile", "", _described(about)]
    for cell in cells(runs):
        text += ["", f"### {document.cell_title(cell)}"]
        for scenario in Scenario:
            measured = lines(runs, cell, scenario)
            if measured:
                text += ["", document.scenario_heading(scenario), ""]
                text += document.table(document.HEAD, document.scenario_rows(measured))
    for scenario in Scenario:
        by_cell = {_short(cell): lines(runs, cell, scenario) for cell in cells(runs)}
        if any(by_cell.values()):
            name = f"{part}-{scenario.replace(' ', '-')}.svg"
            plots.bars(by_cell, f"{scenario}: seconds (median), {part} profile", store.DIRECTORY / name)
            text += ["", f"![{scenario}, {part} profile](benchmarks/{name})"]
    return text


def _short(cell: Cell) -> str:
    if cell.text_megabytes:
        return f"{cell.megabits_per_second} Mbit/s" if cell.megabits_per_second else "no limit"
    return f"{cell.datasets} x {cell.snapshots}, {cell.rtt_milliseconds} ms"


def _trips() -> list[str]:
    stored = store.load_runs("trips")
    if stored is None:
        return []
    about, runs = stored
    text = ["", "## Round trips of a run with nothing to do", "", _described(about), ""]
    rows = [
        [
            str(cell.datasets),
            f"{cell.rtt_milliseconds} ms",
            document.seconds(line.seconds),
            str(line.typical.remote_commands),
        ]
        for cell in cells(runs)
        for line in lines(runs, cell, Scenario.NO_OP)
        if line.seconds
    ]
    text += document.table(("datasets", "RTT", "time", "remote commands"), rows)
    text += [
        "",
        "The slope of time over round-trip time is the number of round trips it waits for, handshake included.",
    ]
    return text


def _curve() -> list[str]:
    stored = store.load_runs("curve")
    if stored is None:
        return []
    about, runs = stored
    text = ["", "## Scaling with datasets (zfs_replicate alone)", "", _described(about), ""]
    rows = [
        [
            str(cell.datasets),
            str(scenario),
            document.seconds(line.seconds),
            document.seconds(line.typical.local_cpu_seconds),
        ]
        for cell in cells(runs)
        for scenario in Scenario
        for line in lines(runs, cell, scenario)
        if line.seconds
    ]
    text += document.table(("datasets", "scenario", "time", "CPU here"), rows)
    series = {
        str(scenario): [
            (cell.datasets, line.seconds)
            for cell in cells(runs)
            for line in lines(runs, cell, scenario)
            if line.seconds
        ]
        for scenario in Scenario
    }
    plots.curves(series, ("datasets", "seconds"), "Scaling with datasets", store.DIRECTORY / "curve.svg")
    text += ["", "![scaling](benchmarks/curve.svg)"]
    return text


def _bulk() -> list[str]:
    stored = store.load("bulk")
    if stored is None:
        return []
    about, data = stored
    text = ["", "## Bulk stream, on the machine itself", "", _described(about), "", data["how"], ""]
    head = ("way", "MiB/s (median)", "least to most", "whole run", "CPU here / there")
    text += document.table(head, (_bulk_row(name, runs) for name, runs in data["single"].items()))
    if data["several"]:
        text += ["", "Several datasets at once (zfs_replicate -j N):", ""]
        text += document.table(head, (_bulk_row(f"-j {count}", runs) for count, runs in data["several"].items()))
    rates = {name: median(run["rate"] for run in runs) for name, runs in data["single"].items() if runs}
    plots.rates(rates, "Bulk stream: MiB/s", store.DIRECTORY / "bulk.svg")
    return [*text, "", "![bulk](benchmarks/bulk.svg)"]


def _bulk_row(name: str, runs: list[Mapping[str, Any]]) -> list[str]:
    if not runs:
        return [name, "did not work with the stand-ins", "", "", ""]
    rates = [run["rate"] for run in runs]
    cpu = " / ".join(
        f"{median(run[side] for run in runs):.2f} s" for side in ("local_cpu_seconds", "remote_cpu_seconds")
    )
    whole = document.seconds(median(run["seconds"] for run in runs))
    return [name, f"{median(rates):.0f}", f"{min(rates):.0f} to {max(rates):.0f}", whole, cpu]


def _planning() -> list[str]:
    stored = store.load("planning")
    if stored is None:
        return []
    about, points = stored
    text = ["", "## Planning", "", _described(about), ""]
    text += [
        "The program reads, parses and plans synthetic listings on the machine itself: probe, both inventories",
        "(printed by cat) and plan, in one process; one snapshot is new, all but one expire. Peak memory is that of",
        "the whole process.",
        "",
    ]
    rows = [
        [
            f"{point['datasets']}",
            f"{point['snapshots']:,}",
            f"{point['seconds']:.2f} s",
            f"{point['plan_seconds']:.2f} s",
            f"{point['cpu_seconds']:.2f} s",
            f"{point['peak_bytes'] / 1e6:.0f} MB",
        ]
        for point in points
    ]
    text += document.table(("datasets", "snapshots on each side", "time", "of it the plan", "CPU", "peak memory"), rows)
    for what, name, unit in (("seconds", "planning-time", "seconds"), ("peak_bytes", "planning-memory", "MB")):
        scale = 1e6 if what == "peak_bytes" else 1
        pairs = sorted((point["snapshots"], point[what] / scale) for point in points)
        plots.curves({unit: pairs}, ("snapshots on each side", unit), "Planning", store.DIRECTORY / f"{name}.svg")
        text += ["", f"![planning](benchmarks/{name}.svg)"]
    return text


def _start() -> list[str]:
    stored = store.load("start")
    if stored is None:
        return []
    about, cases = stored
    rows = [
        [case["what"], f"{case['cpu_seconds']:.3f} s", "yes" if case["imports_paramiko"] else "no"] for case in cases
    ]
    return ["", "## Start", "", _described(about), "", *document.table(("what", "CPU", "imports paramiko"), rows)]


def _settings() -> list[str]:
    return [
        "",
        "## Settings",
        "",
        "Each tool has its best documented settings for pulling existing snapshots:",
        "",
        *document.settings(all_tools(has_transports=False)),
    ]
