"""What is measured: frozen values, and their form in JSON lines. Pure."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Scenario(StrEnum):
    NO_OP = "no-op"
    ONE_NEW = "one new snapshot"
    FIRST = "first mirror"


class Ended(StrEnum):
    WELL = "well"
    LATE = "late"
    """Ended by us at its time limit."""
    BADLY = "badly"
    """A wrong exit status, or guids that differ between source and target."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One tree and one way to it, in which all tools take turns. `rtt_milliseconds` is the whole round trip.

    `megabits_per_second`: what the link carries (0: all). `text_megabytes`: in each dataset, uncompressed, before its
    first snapshot.
    """

    datasets: int
    snapshots: int
    rtt_milliseconds: int
    megabits_per_second: int = 0
    text_megabytes: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one tool. Sides: `local` is the target, where the tool runs; `remote` what sshd started.

    `seconds` is wall time; peaks are the memory of the largest single process of a side.
    """

    tool: str
    scenario: Scenario
    cell: Cell
    round: int
    ended: Ended
    seconds: float
    connections: int
    remote_commands: int
    local_zfs: int
    remote_zfs: int
    local_cpu_seconds: float
    remote_cpu_seconds: float
    local_peak_bytes: int
    remote_peak_bytes: int


def to_line(run: Run) -> str:
    return json.dumps(dataclasses.asdict(run), separators=(",", ":"))


def from_line(line: str) -> Run:
    given = json.loads(line)
    return Run(
        **{
            **given,
            "cell": Cell(**given["cell"]),
            "scenario": Scenario(given["scenario"]),
            "ended": Ended(given["ended"]),
        }
    )


def from_lines(lines: Iterable[str]) -> list[Run]:
    return [from_line(line) for line in lines if line.strip()]
