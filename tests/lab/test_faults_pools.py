"""Test that full or changed pools, vanished snapshots and missing keys lose nothing, and that the next run recovers."""

from __future__ import annotations

import pytest

from tests.support.lab.cells import TRANSPORT, Cell, record, try_cell
from tests.support.lab.faults import FaultyMachine
from tests.support.lab.matrix import POOLS
from tests.support.lab.world import World


@pytest.mark.parametrize("cell", POOLS, ids=str)
def test_the_next_run_recovers_from_a_fault_of_a_pool(world: World, machine: FaultyMachine, cell: Cell) -> None:
    record(try_cell(world, machine, cell, TRANSPORT))
