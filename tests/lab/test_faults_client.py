"""Test that a client that is killed or ended, at whatever step, loses nothing, and that the next run recovers."""

from __future__ import annotations

import pytest

from tests.support.lab.cells import TRANSPORT, Cell, record, run_client, try_cell
from tests.support.lab.faults import FaultyMachine
from tests.support.lab.matrix import CLIENTS
from tests.support.lab.moments import that_never_come, without_a_moment
from tests.support.lab.scenarios import EVERYTHING, PLACING, Scenario
from tests.support.lab.world import World


@pytest.mark.parametrize("scenario", [EVERYTHING, PLACING], ids=["everything", "placing"])
def test_every_command_has_its_moment(world: World, machine: FaultyMachine, scenario: Scenario) -> None:
    scenario.prepare(world)
    with machine.tracing() as commands:
        ended = run_client(machine, scenario, TRANSPORT, machine.server.port)
    assert (ended.status, ended.passes) == (0, 1), ended.stderr
    assert "\n".join(without_a_moment(commands)) == ""
    assert "\n".join(that_never_come(commands, scenario)) == ""


@pytest.mark.parametrize("cell", CLIENTS, ids=str)
def test_the_next_run_recovers_from_an_ended_client(world: World, machine: FaultyMachine, cell: Cell) -> None:
    record(try_cell(world, machine, cell, TRANSPORT))
