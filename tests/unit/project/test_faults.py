"""A fault strikes once, and only the run for which it was armed."""

from __future__ import annotations

import subprocess
from pathlib import Path
from unittest import mock

import pytest

from tests.support.lab.faults import Fault, FaultyMachine

FAULT = Fault("a fault", "send *", "before", "true")
STRIKE = '. "$1"; mkdir "$fired"'
"""What a shim does that has read the armed fault, and comes to it."""


@pytest.fixture
def machine(tmp_path: Path) -> FaultyMachine:
    return FaultyMachine(tmp_path, mock.Mock())


def strikes(read: Path) -> bool:
    return subprocess.run(["sh", "-c", STRIKE, "sh", str(read)], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("has_struck", [True, False])
def test_a_late_command_of_one_run_leaves_the_next_fault_armed(machine: FaultyMachine, has_struck: bool) -> None:
    """It read the fault of its own run, and comes to strike only when the next one is armed."""
    machine.arm(FAULT)
    read = (machine.directory / "fault").rename(machine.directory / "read")
    (machine.directory / "fault").write_text(read.read_text())
    assert not has_struck or strikes(read)
    assert machine.disarm() is has_struck
    machine.arm(FAULT)
    assert strikes(read) is not has_struck
    assert strikes(machine.directory / "fault")
    assert not strikes(machine.directory / "fault")
    assert machine.disarm()
