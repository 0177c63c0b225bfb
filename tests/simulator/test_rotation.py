"""A source whose snapshots are rotated by renaming them is mirrored night after night, whatever happens in between."""

from __future__ import annotations

import contextlib

import pytest

from tests.support.simulated import Mirror
from tests.support.simulator import Crash, SimulatedHost
from tests.support.simulator.faults import CrashClient
from zfs_replicate.errors import PermissionDenied

DATASETS = ("tank/data", "tank/data/a", "tank/data/b")
KEPT = 4


def rotate(mirror: Mirror) -> None:
    """What a script does every night: the oldest goes, the others move on, a new one is taken."""
    for dataset in DATASETS:
        names = mirror.world.snapshots(dataset)
        if f"daily.{KEPT - 1}" in names:
            mirror.source.run("zfs", "destroy", f"{dataset}@daily.{KEPT - 1}")
        for number in reversed(range(KEPT - 1)):
            if f"daily.{number}" in names:
                mirror.source.run("zfs", "rename", f"{dataset}@daily.{number}", f"{dataset}@daily.{number + 1}")
    mirror.world.now += 86_400
    mirror.snapshot("daily.0")


def guids(mirror: Mirror, dataset: str) -> dict[str, int]:
    return {snapshot.name: snapshot.guid for snapshot in mirror.world.dataset(dataset).snapshots}


def is_equal(mirror: Mirror, name: str = "") -> bool:
    """Whether what the source has (under this name: default all) is on the copy: name, guid and data."""
    for dataset in DATASETS:
        copy = dataset.replace("tank", "off")
        for snapshot, guid in guids(mirror, dataset).items():
            if name in ("", snapshot) and (
                guids(mirror, copy).get(snapshot) != guid
                or mirror.world.content(f"{copy}@{snapshot}") != mirror.world.content(f"{dataset}@{snapshot}")
            ):
                return False
    return True


@pytest.mark.parametrize("keep", [(), ("-k", "2"), ("-k", "30"), ("-j", "4")])
def test_a_rotation_is_mirrored_night_after_night(keep: tuple[str, ...]) -> None:
    mirror = Mirror()
    for _night in range(8):
        rotate(mirror)
        mirror.run_well(*keep)
        assert is_equal(mirror, "daily.0")
        assert mirror.world.holds("off/data/a") == {"daily.0": {"mirror:target"}}
        assert mirror.world.holds("tank/data/a") == {"daily.0": {"mirror"}}
    assert "-k" in keep or is_equal(mirror)
    if not keep:
        assert len(mirror.world.snapshots("off/data")) == 8


def test_a_rotation_is_mirrored_after_nights_without_a_run() -> None:
    mirror = Mirror()
    rotate(mirror)
    mirror.run_well()
    for _night in range(KEPT - 1):
        rotate(mirror)
    mirror.run_well()
    assert is_equal(mirror)


@pytest.mark.parametrize("at", ["before", "after"])
@pytest.mark.parametrize("nth", range(1, 9))
def test_a_crash_at_any_rename_is_made_good_by_the_next_run(nth: int, at: str) -> None:
    mirror = Mirror()
    for _night in range(KEPT + 1):
        rotate(mirror)
        mirror.run_well()
    rotate(mirror)
    mirror.world.faults.arm(CrashClient(), "zfs rename", host="target", nth=nth, at=at)  # type: ignore[arg-type]
    with contextlib.suppress(Crash):
        mirror.run()
    mirror.world.faults.restart()
    mirror.run_well()
    assert is_equal(mirror)


def test_a_user_without_the_right_to_rename_is_asked_for_it() -> None:
    mirror = Mirror()
    rotate(mirror)
    mirror.run_well()
    rotate(mirror)
    mirror.target.run("zfs", "allow", "puller", "receive,create,mount,readonly,canmount,hold,release", "off")
    mirror.target = SimulatedHost(mirror.world, "off", name="target", user="puller")
    errors = [outcome.error for outcome in mirror.run().outcomes]
    assert all(isinstance(error, PermissionDenied) for error in errors)
    assert ",destroy,rename off" in str(errors[0])
    assert mirror.world.snapshots("off/data") == ["daily.0"]
    mirror.world.dataset("off").allowed["puller"].add("rename")
    mirror.run_well()
    assert is_equal(mirror)
