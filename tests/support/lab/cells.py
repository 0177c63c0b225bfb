"""Run one cell of the fault matrix: set up, strike one run, check what is left, and let the next run recover.

Each cell leaves a row for docs/reliability.md (see reliability.py).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from tests.support.lab.faults import Fault, FaultyMachine, streams_left
from tests.support.lab.scenarios import Scenario, replicate
from tests.support.lab.world import PROGRAM, SECONDS_PER_DAY, World, run, zfs
from zfs_replicate.zfs.names import beside

TRANSPORT = os.environ.get("ZFS_REPLICATE_TRANSPORT", "paramiko")
"""The transport for the whole matrix."""

KEEP_SECONDS = 30 * SECONDS_PER_DAY
CLIENT_SECONDS = 120


@dataclass(frozen=True)
class Cell:
    """One fault in one scenario.

    `match`, `when`, `action`: as in Fault; in an action, {tip} and {directory} are filled in, and {client} is the
    client's number. `fix`: what an administrator does before the next run. `status`: what the struck run ends with;
    `passes`: how many it makes. `is_unheld`: whether the struck run cannot hold what has arrived, because it is killed,
    or a side is gone. `arrived`: the snapshots that the target's root has afterwards; empty: that does not matter.
    """

    scenario: Scenario
    name: str
    match: str
    when: str
    action: str
    status: int
    fix: str = "true"
    passes: int = 1
    is_unheld: bool = False
    arrived: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.scenario.name}: {self.name}"


@dataclass(frozen=True)
class Ended:
    """How a struck run ended. `passes`: as its report says; 0 if it was killed."""

    status: int
    stderr: str
    passes: int


def try_cell(world: World, machine: FaultyMachine, cell: Cell, transport: str) -> dict[str, str | int]:
    """Run one cell; return its row for the document."""
    scenario = cell.scenario
    scenario.prepare(world)
    ended, had = strike(world, machine, cell, transport)
    expected = cell.status, 0 if cell.status < 0 else cell.passes
    assert (ended.status, ended.passes) == expected, f"{ended}, not {expected}"
    run("sh", "-c", _filled(cell.fix, world, machine, cell))
    assert streams_left() == ""
    has = both_sides(scenario)
    assert_nothing_lost(scenario, had, has)
    if cell.arrived:
        assert tuple(world.snapshots(scenario.target)) == cell.arrived
    if not cell.is_unheld:
        assert_held(scenario, had, has)
    next_stderr = replicate(world, scenario, host="localhost" if transport == "paramiko" else "127.0.0.1")
    assert_mirrored(scenario)
    return {
        "scenario": scenario.name,
        "fault": cell.name,
        "status": ended.status,
        "passes": ended.passes,
        "stderr": ended.stderr,
        "next": next_stderr,
    }


@dataclass(frozen=True)
class Snapshot:
    """`name`: after the @. `created`: Unix seconds."""

    name: str
    guid: str
    created: int
    holds: frozenset[str]


@dataclass(frozen=True)
class Sides:
    """The snapshots of both sides by child, oldest first; of a child that does not exist, none."""

    source: dict[str, list[Snapshot]]
    target: dict[str, list[Snapshot]]

    def held(self, child: str) -> set[str]:
        """Return the guids that are held by us on both sides."""
        here = {snapshot.guid for snapshot in self.target[child] if "mirror:target" in snapshot.holds}
        return here & {snapshot.guid for snapshot in self.source[child] if "mirror" in snapshot.holds}

    def newest_common(self, child: str) -> str | None:
        copied = {snapshot.guid for snapshot in self.target[child]}
        return next((snapshot.guid for snapshot in reversed(self.source[child]) if snapshot.guid in copied), None)


def strike(world: World, machine: FaultyMachine, cell: Cell, transport: str) -> tuple[Ended, Sides]:
    """Run the program with the fault, which must strike; return how that ended, and what both sides had before."""
    had = both_sides(cell.scenario)
    machine.arm(Fault(cell.name, cell.match, cell.when, _filled(cell.action, world, machine, cell)))
    with machine.port_for(cell.match) as port:
        ended = run_client(machine, cell.scenario, transport, port)
    assert machine.disarm(), "the fault never struck"
    return ended, had


def _filled(text: str, world: World, machine: FaultyMachine, cell: Cell) -> str:
    client = f"$(cat {machine.directory}/client)"
    return text.format(tip=f"{cell.scenario.source}@{cell.scenario.tip}", directory=world.directory, client=client)


def run_client(machine: FaultyMachine, scenario: Scenario, transport: str, port: int) -> Ended:
    report = machine.directory / "report.json"
    report.unlink(missing_ok=True)
    where = ["-h", "127.0.0.1", "-p", str(port), "-r", scenario.source, "-l", scenario.target, "-t", "mirror"]
    options = ["--retries", "0", "-j", "1", "--transport", transport, "--report", str(report), *scenario.options]
    command = machine.launching(sys.executable, PROGRAM, *where, *options)
    client = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    _out, stderr = client.communicate(timeout=CLIENT_SECONDS)
    assert "Traceback" not in stderr, stderr
    passes = json.loads(report.read_text())["run"]["attempts"] if report.exists() else 0
    return Ended(client.returncode, stderr, passes)


# --- what must be true afterwards ---


def both_sides(scenario: Scenario) -> Sides:
    source, target = _snapshots(scenario.source), _snapshots(scenario.target)
    for name, snapshots in _snapshots(beside(scenario.target)).items():  # amid a move
        target[scenario.target + name[len(beside(scenario.target)) :]] += snapshots
    return Sides(
        {child: source.get(f"{scenario.source}{child}", []) for child in scenario.children},
        {child: target.get(f"{scenario.target}{child}", []) for child in scenario.children},
    )


def _snapshots(root: str) -> dict[str, list[Snapshot]]:
    """Return the snapshots of a tree by dataset, oldest first; nothing if it does not exist."""
    columns = ("-o", "name,guid,creation,userrefs", "-s", "createtxg")
    listed = run("zfs", "list", "-Hp", "-r", "-t", "snapshot", *columns, root, check=False).stdout.splitlines()
    rows = [line.split("\t") for line in listed]
    held = [name for name, _guid, _created, count in rows if count != "0"]
    lines = zfs("holds", "-H", *held).splitlines() if held else []
    tags = [(name, tag) for name, tag, _since in (line.split("\t") for line in lines)]
    snapshots: defaultdict[str, list[Snapshot]] = defaultdict(list)
    for name, guid, created, _count in rows:
        dataset, _, short = name.partition("@")
        holds = frozenset(tag for holder, tag in tags if holder == name)
        snapshots[dataset].append(Snapshot(short, guid, int(created), holds))
    return snapshots


def _may_go(scenario: Scenario, child: str, snapshot: Snapshot) -> bool:
    """Whether a run of this scenario may destroy a snapshot of the target."""
    is_overdue = "-k" in scenario.options and snapshot.created < time.time() - KEEP_SECONDS
    return is_overdue or f"{child}@{snapshot.name}" in scenario.lost


def assert_nothing_lost(scenario: Scenario, had: Sides, has: Sides) -> None:
    """Check that the target has what it had, but for what expires, and that a snapshot is still held on both sides."""
    for child in scenario.children:
        kept = {snapshot.guid for snapshot in had.target[child] if not _may_go(scenario, child, snapshot)}
        lost = kept - {snapshot.guid for snapshot in has.target[child]}
        assert not lost, f"{child}: the target lost {lost}"
        assert has.held(child) or not had.held(child), f"{child}: no snapshot is held on both sides any more"


def assert_held(scenario: Scenario, had: Sides, has: Sides) -> None:
    """Check that the newest common snapshot is held on both sides, unless it was common before, and was not."""
    for child in scenario.children:
        newest = has.newest_common(child)
        was_unheld = newest == had.newest_common(child) and newest not in had.held(child)
        assert was_unheld or newest in has.held(child), f"{child}: the newest common snapshot is not held"


def assert_mirrored(scenario: Scenario) -> None:
    """Check that the tips are equal, that only they are held, and that the copy has the newest part of its source."""
    has = both_sides(scenario)
    for child in scenario.children:
        source, target = has.source[child], has.target[child]
        assert [copy.guid for copy in target] == [original.guid for original in source][-len(target) :]
        assert [original.holds for original in source] == [frozenset()] * (len(source) - 1) + [frozenset({"mirror"})]
        assert [copy.holds for copy in target] == [frozenset()] * (len(target) - 1) + [frozenset({"mirror:target"})]
        old = [snapshot.name for snapshot in target[:-1] if _may_go(scenario, child, snapshot)]
        assert old == [], "what is overdue has not expired"


def record(row: dict[str, str | int]) -> None:
    """Record a cell for docs/reliability.md."""
    directory = os.environ.get("ZFS_REPLICATE_RESULTS")
    if directory:
        name = re.sub(r"\W+", "-", f"{row['scenario']} {row['fault']}")
        Path(directory, f"{name}.json").write_text(json.dumps(row))
