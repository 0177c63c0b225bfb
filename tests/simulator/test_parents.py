"""Parents that only hold the datasets below them are never taken for more, nor for less, than they are."""

from __future__ import annotations

import contextlib

import pytest

from tests.support.simulated import Mirror
from tests.support.simulator import Crash, SimulatedHost
from tests.support.simulator.faults import Call, CrashClient
from zfs_replicate.model import PLACEHOLDER_PROPERTY


@pytest.fixture
def mirror() -> Mirror:
    """A mirror whose off/data is a placeholder, while the source has a snapshot of it now."""
    mirror = Mirror()
    mirror.source.run("zfs", "snapshot", "tank/data/a@one")
    mirror.run_well()
    mirror.snapshot("two")
    return mirror


def is_marked(mirror: Mirror) -> bool:
    return PLACEHOLDER_PROPERTY in mirror.world.dataset("off/data").properties


def test_a_mark_that_a_crash_left_is_cleared_by_the_next_run(mirror: Mirror) -> None:
    mirror.world.faults.arm(CrashClient(), "zfs inherit", host="target")
    with contextlib.suppress(Crash):
        mirror.run()
    mirror.world.faults.restart()
    assert is_marked(mirror)
    assert mirror.world.snapshots("off/data") == ["two"]
    mirror.run_well()
    assert not is_marked(mirror)
    assert mirror.is_mirrored()


def test_a_user_who_may_not_clear_the_mark_mirrors_all_the_same(mirror: Mirror) -> None:
    mirror.target.run("zfs", "allow", "puller", "receive,create,mount,readonly,canmount,hold,release", "off")
    mirror.target = SimulatedHost(mirror.world, "off", name="target", user="puller")
    mirror.run_well()
    mirror.snapshot("three")
    mirror.run_well()
    assert is_marked(mirror)
    assert mirror.is_mirrored()
    assert mirror.world.holds("off/data") == {"three": {"mirror:target"}}


# --- parents above the target ---


@pytest.fixture
def deep() -> Mirror:
    """A mirror to off/deep/er/data, whose parents do not exist, with one snapshot on the source."""
    mirror = Mirror()
    mirror.snapshot("one")
    return mirror


DEEP = ("-l", "off/deep/er/data")


@pytest.mark.parametrize("name", ["off/deep", "off/deep/er"])
def test_mirrors_may_need_the_same_parent_at_once(deep: Mirror, name: str) -> None:
    sibling = Call(lambda: deep.target.run("zfs", "create", name))
    deep.world.faults.arm(
        sibling, lambda command: command[:2] == ("zfs", "create") and command[-1] == name, host="target"
    )
    deep.run_well(*DEEP)
    assert deep.world.snapshots("off/deep/er/data/a") == ["one"]


def test_a_parent_above_becomes_a_copy_later(deep: Mirror) -> None:
    """First only a child is mirrored, a year later what is above it."""
    deep.run_well("-r", "tank/data/a", "-l", "off/deep/data/a")
    guids = [snapshot.guid for snapshot in deep.world.dataset("off/deep/data/a").snapshots]
    deep.run_well("-r", "tank/data", "-l", "off/deep/data", "-t", "later")
    assert deep.world.content("off/deep/data@one") == deep.world.content("tank/data@one")
    assert [snapshot.guid for snapshot in deep.world.dataset("off/deep/data/a").snapshots] == guids


def test_a_user_who_may_not_mark_creates_parents_all_the_same(deep: Mirror) -> None:
    deep.target.run("zfs", "allow", "puller", "receive,create,mount,readonly,canmount,hold,release", "off")
    deep.target = SimulatedHost(deep.world, "off", name="target", user="puller")
    deep.run_well(*DEEP)
    assert deep.world.dataset("off/deep/er").properties == {"canmount": "off"}
