"""Fault injection itself: each kind of fault does what it should, and only when armed."""

from __future__ import annotations

import pytest

from tests.support.simulator import Crash, NotModelled, SimulatedHost, World
from tests.support.simulator.faults import Call, CrashClient, Die, Fail, HangUp
from zfs_replicate.errors import ConnectionFailed
from zfs_replicate.hosts.base import run
from zfs_replicate.model import Exit

HOLD = ("zfs", "hold", "tag", "tank/data@a")
RECORD = 131_072


@pytest.fixture
def host() -> SimulatedHost:
    """tank/data with one snapshot of 10 blocks, and the pool off to receive it."""
    world = World()
    world.add_pool("tank")
    world.add_pool("off")
    host = SimulatedHost(world, "tank", "off")
    host.run("zfs", "create", "tank/data")
    world.write("tank/data", 10 * RECORD)
    host.run("zfs", "snapshot", "tank/data@a")
    return host


def send(host: SimulatedHost) -> tuple[Exit, tuple[Exit, ...]]:
    """Send tank/data@a through mbuffer to off/data; return the exits of sender and receivers."""
    pipeline = [("mbuffer", "-q"), ("zfs", "receive", "-s", "-u", "off/data")]
    with host.start(("zfs", "send", "tank/data@a")) as sender, host.open_sink(pipeline) as sink:
        try:
            while data := sender.read(RECORD):
                sink.write(data)
        except BrokenPipeError:
            sender.kill()
        sink.close_input()
        return sender.finish(), sink.finish()


def test_nothing_fails_without_a_fault(host: SimulatedHost) -> None:
    sent, received = send(host)
    assert [sent.exit_status, *(ended.exit_status for ended in received)] == [0, 0, 0]
    assert host.world.content("off/data@a") == host.world.content("tank/data@a")


def test_failure_before_the_command_changes_nothing(host: SimulatedHost) -> None:
    host.world.faults.arm(Fail("no\n", 3), "zfs hold")
    _text, ended = run(host, HOLD)
    assert (ended.exit_status, ended.stderr) == (3, "no\n")
    assert host.world.holds("tank/data") == {}


def test_failure_after_the_command_has_done_its_work(host: SimulatedHost) -> None:
    host.world.faults.arm(Fail("no\n"), "zfs hold", at="after")
    assert run(host, HOLD)[1].exit_status == 1
    assert host.world.holds("tank/data") == {"a": {"tag"}}


def test_fault_fires_only_at_its_host_and_count(host: SimulatedHost) -> None:
    elsewhere = host.world.faults.arm(Fail("no\n"), "zfs hold", host="elsewhere")
    host.world.faults.arm(Fail("no\n"), lambda command: command == HOLD, nth=2)
    assert run(host, HOLD)[1].exit_status == 0
    assert run(host, HOLD)[1].stderr == "no\n"
    assert run(host, HOLD)[1].stderr != "no\n"
    assert not elsewhere.has_fired


@pytest.mark.parametrize("at", ["before", "after"])
def test_lost_connection_stays_lost(host: SimulatedHost, at: str) -> None:
    host.world.faults.arm(HangUp(), "zfs hold", at=at)  # type: ignore[arg-type]
    with pytest.raises(ConnectionFailed):
        run(host, HOLD)
    with pytest.raises(ConnectionFailed):
        run(host, ("zfs", "list", "tank"))
    host.reconnect()
    assert run(host, ("zfs", "list", "tank"))[1].exit_status == 0
    assert bool(host.world.holds("tank/data")) is (at == "after")


@pytest.mark.parametrize("at", ["before", "after"])
def test_crashed_client_does_nothing_more(host: SimulatedHost, at: str) -> None:
    host.world.faults.arm(CrashClient(), "zfs hold", at=at)  # type: ignore[arg-type]
    for _time in range(2):
        with pytest.raises(Crash):
            run(host, HOLD)
    host.world.faults.restart()
    assert bool(host.world.holds("tank/data")) is (at == "after")
    run(host, HOLD)
    assert host.world.holds("tank/data") == {"a": {"tag"}}


def test_sender_that_dies_leaves_a_receiver_that_saves(host: SimulatedHost) -> None:
    host.world.faults.arm(Die(stderr="cannot read\n", status=1), "zfs send", at=3 * RECORD)
    sent, (_mbuffer, received) = send(host)
    assert (sent.exit_status, sent.stderr) == (1, "cannot read\n")
    assert "Partially received snapshot is saved" in received.stderr
    assert blocks_saved(host) == 2


@pytest.mark.parametrize("stage", ["mbuffer", "zfs receive"])
def test_killed_stage_keeps_what_has_arrived(host: SimulatedHost, stage: str) -> None:
    host.world.faults.arm(Die(), stage, at=3 * RECORD)
    _sent, received = send(host)
    assert -9 in {ended.exit_status for ended in received}
    assert blocks_saved(host) == 2


def test_lost_connection_ends_the_stream(host: SimulatedHost) -> None:
    host.world.faults.arm(HangUp(), "zfs send", at=3 * RECORD)
    with pytest.raises(ConnectionFailed):
        send(host)
    assert blocks_saved(host) == 2


@pytest.mark.parametrize("stage", ["zfs send", "zfs receive"])
def test_crash_in_a_stream_lets_the_receiver_save(host: SimulatedHost, stage: str) -> None:
    host.world.faults.arm(CrashClient(), stage, at=3 * RECORD)
    with pytest.raises(Crash):
        send(host)
    assert blocks_saved(host) == 2


def test_a_call_fires_in_the_middle_of_a_stream(host: SimulatedHost) -> None:
    datasets: list[str] = []
    look = Call(lambda: datasets.extend(host.machine.dataset(name).name for name in ("off/data",)))
    host.world.faults.arm(look, "zfs receive", at=3 * RECORD)
    send(host)
    assert datasets == ["off/data"]


def test_receiver_succeeds_on_a_partly_failed_compound_stream(host: SimulatedHost) -> None:
    """See libzfs_sendrecv.c: the final record is written although a snapshot could not be sent (facts 2)."""
    send(host)
    for name in ("b", "c", "d"):
        host.run("zfs", "snapshot", f"tank/data@{name}")
    host.world.unreadable.add("tank/data@c")
    with (
        host.start(("zfs", "send", "-I", "tank/data@a", "tank/data@d")) as sender,
        host.open_sink([("zfs", "receive", "-s", "-u", "off/data")]) as sink,
    ):
        while data := sender.read(RECORD):
            sink.write(data)
        sink.close_input()
        assert sender.finish().exit_status == 1
        assert sink.finish()[0].exit_status == 0
    assert host.world.snapshots("off/data") == ["a", "b"]


def test_unknown_commands_raise_not_modelled(host: SimulatedHost) -> None:
    with pytest.raises(NotModelled):
        host.start(("zfs", "upgrade"))


def blocks_saved(host: SimulatedHost) -> int:
    saved = host.world.dataset("off/data").saved
    assert saved is not None
    assert not saved.is_active
    return len(saved.blocks)
