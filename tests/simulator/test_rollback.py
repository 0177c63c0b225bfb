"""--rollback helps against every change of a copy, however small, and destroys nothing where it cannot help."""

from __future__ import annotations

import pytest

from tests.support.simulated import Mirror
from tests.support.simulator import SimulatedHost
from zfs_replicate.errors import PermissionDenied, TargetChanged

COPY = "off/data/a"


@pytest.fixture
def mirror() -> Mirror:
    """A mirror whose copy of one dataset was written to: no more than a rollback leaves."""
    mirror = Mirror()
    mirror.snapshot("one")
    mirror.run_well()
    mirror.world.write(COPY, 512)
    mirror.snapshot("two")
    return mirror


def test_a_change_that_only_zfs_sees_names_base_and_command(mirror: Mirror) -> None:
    (error,) = (outcome.error for outcome in mirror.run().outcomes if outcome.error)
    assert isinstance(error, TargetChanged)
    assert "since the newest common snapshot @one (" in str(error)
    assert "zfs rollback off/data/a@one (or run once with --rollback)" in str(error)
    mirror.target.run("zfs", "rollback", "off/data/a@one")
    mirror.run_well()
    assert mirror.is_mirrored()


def test_the_smallest_change_is_rolled_back(mirror: Mirror) -> None:
    mirror.run_well("--rollback")
    assert mirror.is_mirrored()


def test_a_newer_bookmark_of_the_copy_goes_with_a_rollback(mirror: Mirror) -> None:
    mirror.target.run("zfs", "bookmark", "off/data/a@one", "off/data/a#base")
    mirror.target.run("zfs", "snapshot", "off/data/a@own")
    mirror.target.run("zfs", "bookmark", "off/data/a@own", "off/data/a#own")
    mirror.target.run("zfs", "destroy", "off/data/a@own")
    mirror.run_well("--rollback")
    assert mirror.is_mirrored()
    assert set(mirror.world.dataset(COPY).bookmarks) == {"base"}


def test_without_the_right_to_roll_back_no_snapshot_goes(mirror: Mirror) -> None:
    mirror.target.run("zfs", "snapshot", "off/data/a@own")
    mirror.target.run("zfs", "allow", "puller", "receive,create,mount,destroy,hold,release", "off")
    mirror.target = SimulatedHost(mirror.world, "off", name="target", user="puller")
    (error,) = (outcome.error for outcome in mirror.run("--rollback").outcomes if outcome.error)
    assert isinstance(error, PermissionDenied)
    assert mirror.world.snapshots(COPY) == ["one", "own"]


@pytest.mark.parametrize("sector_bytes", [512, 4096, 8192, 16384, 65536])
def test_the_rest_of_a_rollback_by_hand_is_no_conflict(sector_bytes: int) -> None:
    """The copy was once the source: its base was taken there, not received."""
    mirror = Mirror()
    mirror.world.pools["off"].sector_bytes = sector_bytes
    mirror.snapshot("one")
    mirror.run_well()
    copy = mirror.world.dataset(COPY)
    copy.snapshots[-1].is_received = False
    mirror.world.write(COPY, 65_536)
    mirror.target.run("zfs", "rollback", f"{COPY}@one")
    assert copy.written() == 2 * sector_bytes
    mirror.snapshot("two")
    mirror.run_well()
    assert mirror.is_mirrored()
