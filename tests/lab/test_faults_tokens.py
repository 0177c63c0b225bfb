"""Test that a saved state outlives a failure to read what it contains."""

from __future__ import annotations

import pytest

from tests.support.lab.cells import TRANSPORT, Ended, assert_mirrored, run_client
from tests.support.lab.faults import Fault, FaultyMachine
from tests.support.lab.scenarios import RESUMING
from tests.support.lab.world import World

UNANSWERED = {
    "killed": "kill -KILL $$",
    "killed in a wrapper": "exit 137",
    "out of memory": "echo internal error: out of memory >&2; exit 1",
}
GARBLED = {
    "corrupt": 'echo "cannot resume send: resume token is corrupt (incorrect checksum)" >&2; exit 255',
    "not UTF-8": 'printf "\\ttoguid = 0x1\\n\\ttoname = tank/d\\377@two\\n"; exit 255',
}


def strike_decoding(world: World, machine: FaultyMachine, action: str) -> Ended:
    RESUMING.prepare(world)
    machine.arm(Fault("token decoding", "send -nvt*", "before", action))
    ended = run_client(machine, RESUMING, TRANSPORT, machine.server.port)
    assert machine.disarm(), "the fault never struck"
    return ended


@pytest.mark.parametrize("how", UNANSWERED)
def test_saved_state_outlives_a_failed_token_decoding(world: World, machine: FaultyMachine, how: str) -> None:
    ended = strike_decoding(world, machine, UNANSWERED[how])
    assert ended.status == 1
    assert "offsite/data: zfs on localhost did not say what the saved state" in ended.stderr
    assert world.get("offsite/data", "receive_resume_token").startswith("1-")
    assert "resume tank/data@two" in world.replicate("-n").stdout
    assert "clearing" not in world.replicate("-v", host="localhost").stderr
    assert_mirrored(RESUMING)


@pytest.mark.parametrize("how", GARBLED)
def test_saved_state_that_zfs_cannot_name_is_sent_again(world: World, machine: FaultyMachine, how: str) -> None:
    ended = strike_decoding(world, machine, GARBLED[how])
    assert (ended.status, "the saved state is damaged" in ended.stderr) == (0, True)
    assert_mirrored(RESUMING)
