"""Run the real program over the simulator: whole passes, without any process of ZFS."""

from __future__ import annotations

import contextlib
import time

import pytest

from tests.support.simulated import Mirror
from tests.support.simulator import Crash
from tests.support.simulator.faults import At, Call, CrashClient, Die, Fail, HangUp
from zfs_replicate.errors import ConnectionFailed, DatasetBusy
from zfs_replicate.model import SECONDS_PER_DAY
from zfs_replicate.run.ledger import ConflictFound
from zfs_replicate.steps import Resume

RECORD = 131_072


@pytest.fixture
def mirror() -> Mirror:
    return Mirror()


def test_first_run_copies_the_tree(mirror: Mirror) -> None:
    mirror.snapshot("one")
    mirror.run_well()
    assert mirror.is_mirrored()
    assert mirror.world.holds("tank/data/a") == {"one": {"mirror"}}
    assert mirror.world.holds("off/data/a") == {"one": {"mirror:target"}}
    assert mirror.world.dataset("off/data").properties == {"readonly": "on", "canmount": "noauto"}


def test_second_run_sends_the_rest_and_moves_the_holds(mirror: Mirror) -> None:
    mirror.snapshot("one")
    mirror.run_well()
    mirror.snapshot("two")
    mirror.snapshot("three")
    mirror.run_well()
    assert mirror.is_mirrored()
    assert mirror.world.snapshots("off/data/b") == ["one", "two", "three"]
    assert mirror.world.holds("tank/data/b") == {"three": {"mirror"}}


def test_placeholder_with_data_is_a_conflict_and_keeps_it(mirror: Mirror) -> None:
    mirror.source.run("zfs", "snapshot", "tank/data/a@one", "tank/data/b@one")
    mirror.run_well()
    mirror.world.write("off/data", 512)
    data = list(mirror.world.dataset("off/data").blocks)
    mirror.snapshot("two")
    outcome = next(outcome for outcome in mirror.run().outcomes if outcome.plan.target == "off/data")
    assert outcome.plan.conflict is not None
    assert mirror.world.dataset("off/data").blocks == data


def test_placeholder_without_data_is_filled(mirror: Mirror) -> None:
    mirror.source.run("zfs", "snapshot", "tank/data/a@one", "tank/data/b@one")
    mirror.run_well()
    mirror.snapshot("two")
    mirror.run_well()
    assert mirror.is_mirrored()


def test_run_without_news_sends_nothing(mirror: Mirror) -> None:
    mirror.snapshot("one")
    mirror.run_well()
    began = len(mirror.source.commands)
    mirror.run_well()
    assert not any(command[:2] == ("zfs", "send") for command in mirror.source.commands[began:])


def test_rollback_makes_a_raw_copy_current(mirror: Mirror) -> None:
    mirror.source.run("zfs", "create", "-o", "encryption=on", "tank/data/safe")
    mirror.snapshot("one")
    mirror.run_well()
    mirror.target.run("zfs", "snapshot", "-r", "off/data@own")
    mirror.snapshot("two")
    refused = [outcome.plan.target for outcome in mirror.run().outcomes if outcome.error is not None]
    assert refused == ["off/data/safe"]
    mirror.run_well("--rollback")
    assert mirror.world.snapshots("off/data/safe") == mirror.world.snapshots("tank/data/safe")


def test_snapshot_on_a_placeholder_stops_nothing(mirror: Mirror) -> None:
    mirror.source.run("zfs", "snapshot", "tank/data/a@one")
    mirror.run_well()
    mirror.target.run("zfs", "snapshot", "off/data@own")
    mirror.source.run("zfs", "snapshot", "tank/data/a@two")
    mirror.run_well("-k", "0")
    assert len(mirror.world.snapshots("off/data")) == 1
    assert mirror.world.snapshots("off/data/a")[-1] == mirror.world.snapshots("tank/data/a")[-1]


def test_expiry_destroys_old_snapshots(mirror: Mirror) -> None:
    for name in ("one", "two", "three"):
        mirror.snapshot(name)
        mirror.run_well("-k", "30")
        mirror.world.now += 20 * SECONDS_PER_DAY
    mirror.run_well("-k", "30")
    assert mirror.world.snapshots("off/data") == ["three"]


def use(mirror: Mirror, usage: str) -> None:
    """Let the target's administrator use the snapshot `one` of a copy, so that zfs does not destroy it."""
    name = "off/data/a@one"
    if usage == "mount":
        mirror.world.mount(name)
    else:
        arguments = {"hold": ("hold", "admin", name), "clone": ("clone", name, "off/trial")}[usage]
        mirror.target.run("zfs", *arguments)


@pytest.mark.parametrize("usage", ["mount", "hold", "clone"])
def test_expiry_leaves_only_what_came_into_use(mirror: Mirror, usage: str) -> None:
    for name in ("one", "two"):
        mirror.snapshot(name)
    mirror.world.now += 40 * SECONDS_PER_DAY
    mirror.snapshot("three")
    mirror.run_well()
    mirror.world.faults.arm(Call(lambda: use(mirror, usage)), "zfs destroy", host="target")
    _root, used, other = mirror.run("-k", "30").outcomes
    assert isinstance(used.error, DatasetBusy)
    assert "cannot expire @one: " in str(used.error)
    assert (used.expired, other.expired) == (("two",), ("one", "two"))
    assert mirror.world.snapshots("off/data/a") == ["one", "three"]


def test_snapshots_that_another_pruner_took_have_expired(mirror: Mirror) -> None:
    mirror.snapshot("one")
    mirror.world.now += 40 * SECONDS_PER_DAY
    mirror.snapshot("two")
    mirror.run_well()
    prune = Call(lambda: mirror.target.run("zfs", "destroy", "off/data/a@one"))
    mirror.world.faults.arm(prune, "zfs destroy off/data/a@one", host="target")
    mirror.run_well("-k", "30")
    assert mirror.world.snapshots("off/data/a") == ["two"]


def test_holds_of_a_failed_first_run_are_released_by_a_later_one(mirror: Mirror) -> None:
    """The keep window has moved on since, and nothing was saved."""
    for name in ("one", "two", "three"):
        mirror.snapshot(name)
        mirror.world.now += 9 * SECONDS_PER_DAY
    mirror.world.faults.arm(Fail("cannot receive: out of space\n"), "zfs receive", host="target")
    mirror.run("-k", "30")
    assert {name for name, tags in mirror.world.holds("tank/data").items() if "mirror" in tags} == {"one", "three"}
    mirror.world.now += 4 * SECONDS_PER_DAY
    mirror.snapshot("four")
    mirror.run_well("-k", "30")
    for name in ("data", "data/a", "data/b"):
        assert mirror.world.holds(f"tank/{name}") == {"four": {"mirror"}}
    assert mirror.world.snapshots("off/data") == ["two", "three", "four"]


def test_cut_first_send_is_resumed(mirror: Mirror) -> None:
    mirror.snapshot("one", 20 * RECORD)
    mirror.world.faults.arm(Die(), "zfs send", nth=2, at=7 * RECORD)
    errors = [outcome.error for outcome in mirror.run().outcomes]
    assert [error is None for error in errors] == [True, False, True]
    saved = mirror.world.dataset("off/data/a").saved
    assert saved is not None
    assert len(saved.blocks) == 6
    mirror.run_well()
    assert mirror.is_mirrored()


@pytest.mark.parametrize("status", [-9, 137, 1])
def test_saved_state_stays_when_its_token_is_not_decoded(mirror: Mirror, status: int) -> None:
    mirror.snapshot("one", 20 * RECORD)
    mirror.world.faults.arm(Die(), "zfs send", nth=2, at=7 * RECORD)
    mirror.run()
    saved = mirror.world.dataset("off/data/a").saved
    mirror.world.faults.arm(Fail("", status), "zfs send -nvt", host="target")
    outcomes = {outcome.plan.target: outcome for outcome in mirror.run().outcomes}
    error = outcomes["off/data/a"].error
    assert isinstance(error, ConflictFound)
    assert error.is_transient
    assert [target for target, outcome in outcomes.items() if outcome.error] == ["off/data/a"]
    assert mirror.world.dataset("off/data/a").saved == saved
    resumed = [step for outcome in mirror.run_well() for step in outcome.plan.steps if isinstance(step, Resume)]
    assert len(resumed) == 1
    assert mirror.is_mirrored()


def test_lost_connection_is_resumed_in_an_incremental(mirror: Mirror) -> None:
    mirror.snapshot("one")
    mirror.run_well()
    mirror.snapshot("two", 20 * RECORD)
    mirror.world.faults.arm(HangUp(), "zfs send", at=7 * RECORD)
    errors = [outcome.error for outcome in mirror.run().outcomes]
    assert all(isinstance(error, ConnectionFailed) for error in errors)
    mirror.source.reconnect()
    mirror.run_well()
    assert mirror.is_mirrored()


def test_killed_mbuffer_leaves_a_resumable_state(mirror: Mirror) -> None:
    mirror.snapshot("one", 20 * RECORD)
    mirror.world.faults.arm(Die(), "mbuffer", at=7 * RECORD)
    assert [outcome.error is None for outcome in mirror.run().outcomes] == [False, False, False]
    mirror.run_well()
    assert mirror.is_mirrored()


def test_failed_release_stops_only_its_dataset(mirror: Mirror) -> None:
    mirror.snapshot("one")
    mirror.run_well()
    mirror.snapshot("two")
    mirror.world.faults.arm(Fail("cannot release: permission denied\n"), "zfs release", host="source")
    mirror.run()
    mirror.run_well()
    assert mirror.world.holds("tank/data") == {"two": {"mirror"}}


def crashed_once(nth: int, at: At) -> tuple[Mirror, bool]:
    """Return a mirror whose second run crashed at its n-th command, and whether it had that many."""
    mirror = Mirror()
    mirror.snapshot("one")
    mirror.run_well()
    mirror.world.now += 40 * SECONDS_PER_DAY
    mirror.snapshot("two", 3 * RECORD)
    fault = mirror.world.faults.arm(CrashClient(), lambda _command: True, nth=nth, at=at)
    with contextlib.suppress(Crash):
        mirror.run("-k", "30")
    mirror.world.faults.restart()
    return mirror, fault.has_fired


@pytest.mark.parametrize("at", ["before", "after"])
def test_the_next_run_recovers_from_a_crash_at_any_command(at: At) -> None:
    has_crashed = True
    count = 0
    while has_crashed:
        count += 1
        mirror, has_crashed = crashed_once(count, at)
        assert set(mirror.world.snapshots("tank/data/a")) & set(mirror.world.snapshots("off/data/a"))
        mirror.run_well("-k", "30")
        assert mirror.is_mirrored()
        assert mirror.world.holds("tank/data/a") == {"two": {"mirror"}}
        assert mirror.world.snapshots("off/data/a") == ["two"]
    assert count > 10


@pytest.mark.parametrize("place", range(40_000, 3 * RECORD, 40_000))
def test_the_next_run_recovers_from_a_crash_in_a_first_stream(place: int) -> None:
    mirror = Mirror()
    mirror.snapshot("one", 2 * RECORD)
    mirror.world.faults.arm(CrashClient(), "zfs receive", at=place)
    with contextlib.suppress(Crash):
        mirror.run()
    mirror.world.faults.restart()
    mirror.run_well()
    assert mirror.is_mirrored()


def test_pass_takes_a_few_milliseconds() -> None:
    mirror = Mirror()
    mirror.snapshot("zero")
    mirror.run_well()
    began = time.process_time()
    for number in range(20):
        mirror.snapshot(f"s{number}")
        mirror.run_well()
    assert (time.process_time() - began) / 20 < 0.05
