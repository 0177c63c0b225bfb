"""Define the profiles: what is measured in the guest, by name. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from bench.records import Cell, Scenario
from zfs_replicate.model import COMPRESSORS


@dataclass(frozen=True, slots=True)
class Effort:
    """`rounds`: the maximum; none starts after `budget_seconds`; a tool slower than `once_seconds` runs only once."""

    rounds: int
    limit_seconds: float
    budget_seconds: float
    once_seconds: float


@dataclass(frozen=True, slots=True)
class Profile:
    cells: tuple[Cell, ...]
    scenarios: tuple[Scenario, ...]
    effort: Effort
    hours: float
    memory: str = "3G"


ALL = tuple(Scenario)
OURS = ("zfs_replicate",)
PEERS = (*OURS, "syncoid", "bzfs", "bzfs cached", "zfs_autobackup")
LINKS = (*OURS, *(f"zfs_replicate {program}" for program in COMPRESSORS))
TRANSPORTS = ("zfs_replicate paramiko", "zfs_replicate openssh")

PROFILES: dict[str, tuple[Profile, tuple[str, ...]]] = {
    "quick": (
        Profile((Cell(10, 5, 10),), ALL, Effort(rounds=5, limit_seconds=90, budget_seconds=60, once_seconds=40), 0.25),
        PEERS,
    ),
    "transports": (
        Profile(
            (Cell(20, 2, 10),),
            (Scenario.ONE_NEW, Scenario.FIRST),
            Effort(rounds=5, limit_seconds=90, budget_seconds=120, once_seconds=60),
            0.25,
        ),
        TRANSPORTS,
    ),
    "links": (
        Profile(
            tuple(Cell(1, 1, 10, megabits_per_second=rate, text_megabytes=48) for rate in (10, 50, 200, 0)),
            (Scenario.FIRST,),
            Effort(rounds=3, limit_seconds=300, budget_seconds=240, once_seconds=30),
            0.75,
        ),
        LINKS,
    ),
    "goals": (
        Profile(
            (Cell(100, 10, 10),),
            (Scenario.NO_OP, Scenario.ONE_NEW),
            Effort(rounds=3, limit_seconds=600, budget_seconds=900, once_seconds=90),
            1.5,
        ),
        PEERS,
    ),
    "trips": (
        Profile(
            tuple(Cell(*size) for size in product((10, 100), (5,), (0, 50, 500))),
            (Scenario.NO_OP,),
            Effort(rounds=5, limit_seconds=60, budget_seconds=120, once_seconds=30),
            0.5,
        ),
        OURS,
    ),
    "curve": (
        Profile(
            tuple(Cell(*size) for size in product((10, 100, 300, 1000), (2,), (10,))),
            ALL,
            Effort(rounds=3, limit_seconds=1800, budget_seconds=300, once_seconds=120),
            3,
            "6G",
        ),
        OURS,
    ),
    "full": (
        Profile(
            tuple(Cell(*size) for size in product((10, 100), (10, 50), (0, 10, 50))),
            ALL,
            Effort(rounds=2, limit_seconds=240, budget_seconds=20, once_seconds=30),
            24,
            "6G",
        ),
        PEERS,
    ),
}
"""Name → profile, and the tools that take part (none: all)."""
