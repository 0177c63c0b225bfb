"""Two simulated machines for whole runs, from words to exit status."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.simulator import SimulatedHost, World
from zfs_replicate.cli import main

Capture = pytest.CaptureFixture[str]

MIRROR = ("-h", "nas1", "-r", "tank/data", "-l", "off/data", "-t", "offsite", "-j", "1")
STATUS = ("status", "-l", "off/data", "-h", "nas1", "-r", "tank/data", "-t", "offsite")
RELEASE = ("release", "-h", "nas1", "-r", "tank/data", "-t", "offsite", "--yes")
RELEASE_HERE = ("release", "--target", "-t", "offsite", "--yes")


@dataclass
class Site:
    """tank/data with two children on nas1, off/data here. `pauses`: seconds between attempts."""

    world: World = field(default_factory=World)
    pauses: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        for pool in ("tank", "off"):
            self.world.add_pool(pool)
        self.source = SimulatedHost(self.world, "tank", name="nas1")
        self.target = SimulatedHost(self.world, "off", name="localhost")
        for name in ("tank/data", "tank/data/a", "tank/data/b"):
            self.source.run("zfs", "create", name)

    def snapshot(self, name: str) -> None:
        for dataset in ("tank/data", "tank/data/a", "tank/data/b"):
            self.world.write(dataset, 4096)
        self.source.run("zfs", "snapshot", "-r", f"tank/data@{name}")


def report(*words: str) -> Any:
    """The report of a run, which must be the exit status's own story."""
    exit_status = main.main([*MIRROR, "--report", "report.json", *words])
    data = json.loads(Path("report.json").read_text())
    assert data["run"]["exit_status"] == exit_status
    return data
