"""Define what is measured, as frozen values, and their JSON lines. Pure."""

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
    """The bench ended it at its time limit."""
    BADLY = "badly"
    """A wrong exit status, or guids that differ between source and target."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One tree and one link, on which all tools take turns. `rtt_milliseconds`: the whole round trip.

    `megabits_per_second`: the link's limit (0: none). `text_megabytes`: uncompressed text in each dataset before its
    first snapshot.
    """

    datasets: int
    snapshots: int
    rtt_milliseconds: int
    megabits_per_second: int = 0
    text_megabytes: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one tool. `local`: the target, where the tool runs; `remote`: what sshd started.

    `seconds`: wall time; peaks: the memory of the largest single process of a side.
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
