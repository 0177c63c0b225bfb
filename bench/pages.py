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
    text += [*_own(), *_bulk(), *_planning(), *_start(), *_settings()]
    DOCUMENT.write_text("\n".join(text).rstrip() + "\n")


def _runs_of(parts: Iterable[str]) -> list[Run]:
    return [run for part in parts if (found := store.load_runs(part)) for run in found[1]]


def _data(part: str) -> Any:
    found = store.load(part)
    return [] if found is None else found[1]


def _goals() -> list[str]:
    found = goals.speed_goals(_runs_of(("goals",)) or _runs_of(("full",)))
    found += goals.trip_goals(_runs_of(("trips",)))
    bulk = _data("bulk") or {"single": {}, "several": {}}
    rates = {name: [each["rate"] for each in runs] for name, runs in bulk["single"].items()}
    several = {int(count): median(each["rate"] for each in runs) for count, runs in bulk["several"].items()}
    found += [
        *goals.bulk_goals(rates, several),
        *goals.planning_goals(_data("planning")),
        *goals.start_goals(_data("start")),
    ]
    rows = [(each.what, each.goal, each.figure, _verdict(each.is_met)) for each in found]
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
    found = store.load_runs(part)
    if found is None:
        return []
    about, runs = found
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


def _own() -> list[str]:
    text: list[str] = []
    trips = store.load_runs("trips")
    if trips is not None:
        about, runs = trips
        text += ["", "## Round trips of a run with nothing to do", "", _described(about), ""]
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
    curve = store.load_runs("curve")
    if curve is not None:
        about, runs = curve
        text += ["", "## Scaling with datasets (zfs_replicate alone)", "", _described(about), ""]
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
    found = store.load("bulk")
    if found is None:
        return []
    about, data = found
    text = ["", "## Bulk stream, on the machine itself", "", _described(about), "", data["how"], ""]
    head = ("way", "MiB/s (median)", "least to most", "whole run", "CPU here / there")
    text += document.table(head, (_bulk_row(name, runs) for name, runs in data["single"].items()))
    if data["several"]:
        text += ["", "Several datasets at once (zfs_replicate -j N):", ""]
        text += document.table(head, (_bulk_row(f"-j {count}", runs) for count, runs in data["several"].items()))
    rates = {name: median(each["rate"] for each in runs) for name, runs in data["single"].items() if runs}
    plots.rates(rates, "Bulk stream: MiB/s", store.DIRECTORY / "bulk.svg")
    return [*text, "", "![bulk](benchmarks/bulk.svg)"]


def _bulk_row(name: str, runs: list[Mapping[str, Any]]) -> list[str]:
    if not runs:
        return [name, "did not work with the stand-ins", "", "", ""]
    rates = [each["rate"] for each in runs]
    cpu = " / ".join(
        f"{median(each[side] for each in runs):.2f} s" for side in ("local_cpu_seconds", "remote_cpu_seconds")
    )
    whole = document.seconds(median(each["seconds"] for each in runs))
    return [name, f"{median(rates):.0f}", f"{min(rates):.0f} to {max(rates):.0f}", whole, cpu]


def _planning() -> list[str]:
    found = store.load("planning")
    if found is None:
        return []
    about, points = found
    text = ["", "## Planning", "", _described(about), ""]
    text += [
        "The program reads, parses and plans synthetic listings on the machine itself: probe, both inventories",
        "(printed by cat) and plan, in one process; one snapshot is new, all but one expire. Peak memory is that of",
        "the whole process.",
        "",
    ]
    rows = [
        [
            f"{each['datasets']}",
            f"{each['snapshots']:,}",
            f"{each['seconds']:.2f} s",
            f"{each['plan_seconds']:.2f} s",
            f"{each['cpu_seconds']:.2f} s",
            f"{each['peak_bytes'] / 1e6:.0f} MB",
        ]
        for each in points
    ]
    text += document.table(("datasets", "snapshots on each side", "time", "of it the plan", "CPU", "peak memory"), rows)
    for what, name, unit in (("seconds", "planning-time", "seconds"), ("peak_bytes", "planning-memory", "MB")):
        scale = 1e6 if what == "peak_bytes" else 1
        pairs = sorted((each["snapshots"], each[what] / scale) for each in points)
        plots.curves({unit: pairs}, ("snapshots on each side", unit), "Planning", store.DIRECTORY / f"{name}.svg")
        text += ["", f"![planning](benchmarks/{name}.svg)"]
    return text


def _start() -> list[str]:
    found = store.load("start")
    if found is None:
        return []
    about, cases = found
    rows = [
        [each["what"], f"{each['cpu_seconds']:.3f} s", "yes" if each["imports_paramiko"] else "no"] for each in cases
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
