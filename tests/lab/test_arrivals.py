"""Streams fail, entirely or on the way: the source keeps what the mirror needs to go on, and nothing for ever."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.lab.faults import Fault, FaultyMachine, streams_left
from tests.support.lab.world import PROGRAM, World, run, zfs

SOURCE, TARGET = "tank/data", "offsite/data"
AMID = "until zfs list offsite/data@c >/dev/null 2>&1; do sleep 0.1; done; {}"


def prepare(world: World) -> None:
    """Both sides have b; the source has c, d and e besides, of which only c and a part of d will arrive."""
    world.snapshot("tank/data@b")
    world.replicate(host="localhost")
    for name, size in (("c", 1_000_000), ("d", 8_000_000), ("e", 8_000_000)):
        world.write(SOURCE, name, size)
        world.snapshot(f"{SOURCE}@{name}")


def mirror(machine: FaultyMachine, expect: int, *options: str) -> str:
    """Run the program with the fault on both sides. Return its stderr."""
    where = ["-h", "127.0.0.1", "-p", str(machine.server.port), "-r", SOURCE, "-l", TARGET]
    words = [*where, "-t", "mirror", "--retries", "0"]
    done = run(*machine.launching("python3", PROGRAM, *words, *options), check=False)
    assert done.returncode == expect, done.stderr
    assert streams_left() == ""
    return done.stderr


def assert_goes_on(world: World) -> None:
    """Check that c is held; let the source destroy all that it can; then the next run is as good as any."""
    assert world.snapshots(TARGET) == ["b", "c"]
    assert world.holds(SOURCE) == {name: {"mirror"} for name in "bce"}
    assert world.holds(TARGET) == {name: {"mirror:target"} for name in "bc"}
    for name in "bcde":
        run("zfs", "destroy", f"{SOURCE}@{name}", check=False)
    assert world.snapshots(SOURCE) == ["b", "c", "e"]
    world.replicate(host="localhost")
    assert world.guids(TARGET)[-1] == world.guids(SOURCE)[-1]
    assert (world.holds(SOURCE), world.holds(TARGET)) == ({"e": {"mirror"}}, {"e": {"mirror:target"}})


CUTS: dict[str, tuple[Callable[[FaultyMachine], str], int]] = {
    "SIGTERM": (lambda machine: machine.ends_client("TERM"), 143),
    "sender killed": (lambda _machine: 'pkill -KILL -f "^/usr/sbin/zfs send"', 1),
}


@pytest.mark.parametrize("how", CUTS)
def test_a_cut_stream_leaves_what_arrived_held(world: World, machine: FaultyMachine, how: str) -> None:
    prepare(world)
    action, status = CUTS[how]
    machine.arm(Fault(how, "send *", "middle", AMID.format(action(machine))))
    mirror(machine, status)
    assert machine.disarm()
    assert_goes_on(world)


def test_a_quota_amid_a_stream_leaves_what_arrived_held(world: World, machine: FaultyMachine) -> None:
    prepare(world)
    zfs("set", f"quota={int(world.get(TARGET, 'used')) + 5_000_000}", TARGET)
    assert "quota" in mirror(machine, 1)
    zfs("set", "quota=none", TARGET)
    assert_goes_on(world)


def test_a_failed_first_run_leaves_no_hold_for_ever(world: World, machine: FaultyMachine) -> None:
    for name, days in (("a", 29), ("b", 19), ("c", 0)):
        world.snapshot(f"{SOURCE}@{name}", days_ago=days)
    machine.arm(Fault("receive fails", "receive *", "before", "exit 1"))
    mirror(machine, 1, "-k", "30")
    assert machine.disarm()
    assert world.holds(SOURCE).keys() == {"a", "c"}  # with a claim of the mirror, until the target shows whose they are
    mirror(machine, 0, "-k", "20")
    assert world.holds(SOURCE) == {"c": {"mirror"}}
    assert world.snapshots(TARGET) == ["b", "c"]
