"""Test that streams that are killed, cut or stopped lose nothing, and that the next run recovers."""

from __future__ import annotations

import pytest

from tests.support.lab.cells import TRANSPORT, Cell, record, try_cell
from tests.support.lab.faults import FaultyMachine
from tests.support.lab.matrix import STOPPED_SSHD, STREAMS
from tests.support.lab.scenarios import INCREMENTAL
from tests.support.lab.world import World

MIDDLE = [cell for cell in STREAMS if cell.scenario is INCREMENTAL and cell is not STOPPED_SSHD]
"""The cells where the transport matters most, without the stopped sshd, which takes a minute."""


@pytest.mark.parametrize("cell", STREAMS, ids=str)
def test_the_next_run_recovers_from_a_broken_stream(world: World, machine: FaultyMachine, cell: Cell) -> None:
    record(try_cell(world, machine, cell, TRANSPORT))


@pytest.mark.parametrize("cell", MIDDLE, ids=str)
def test_a_stream_broken_amid_it_by_the_ssh_program(world: World, machine: FaultyMachine, cell: Cell) -> None:
    try_cell(world, machine, cell, "openssh")
