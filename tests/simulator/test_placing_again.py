"""Copies that earlier runs left beside their places get there, whatever has happened to source and placeholder."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest

from tests.support.placing import (
    COPY,
    PLACE,
    assert_in_place,
    encrypted,
    full_sends,
    guids,
    vault,
    with_placeholder,
    without_renames,
)
from tests.support.simulated import Mirror
from tests.support.simulator import Crash
from tests.support.simulator.faults import Call, CrashClient


@pytest.fixture(params=[encrypted, vault])
def mirror(request: pytest.FixtureRequest) -> Mirror:
    return with_placeholder(request.param)


def test_a_mounted_placeholder_is_unmounted(mirror: Mirror) -> None:
    mirror.world.dataset(PLACE).is_mounted = True
    mirror.run_well()
    assert_in_place(mirror)


def test_data_written_until_the_placeholder_is_unmounted_is_kept(mirror: Mirror) -> None:
    mirror.world.dataset(PLACE).is_mounted = True
    mirror.world.faults.arm(Call(lambda: mirror.world.write(PLACE, 65_536)), "zfs unmount", host="target")
    errors = {outcome.plan.target: outcome.error for outcome in mirror.run().outcomes}
    assert "data has been written to it since" in str(errors[PLACE])
    assert mirror.world.content(PLACE)
    assert mirror.world.dataset(PLACE).is_mounted


@pytest.mark.parametrize("busy", ["", "/a"])
def test_nothing_moves_while_a_placeholder_is_in_use(mirror: Mirror, busy: str) -> None:
    mirror.world.dataset(PLACE).is_mounted = True
    mirror.world.dataset(PLACE + busy).is_mounted = mirror.world.dataset(PLACE + busy).is_in_use = True
    for name in ("two", "three"):
        errors = {outcome.plan.target: outcome.error for outcome in mirror.run().outcomes}
        assert "it is mounted and in use" in str(errors.pop(PLACE))
        assert set(errors.values()) == {None}
        for child in ("a", "b"):
            assert mirror.world.snapshots(f"{PLACE}/{child}")[-1] == name
        assert mirror.world.dataset(PLACE).is_mounted
        if name == "two":
            mirror.snapshot("three")
    mirror.world.dataset(PLACE + busy).is_in_use = False
    mirror.target.run("zfs", "unmount", PLACE)
    assert full_sends(mirror.run_well()) == []
    assert mirror.is_mirrored()


def test_a_copy_gets_to_its_place_without_a_common_snapshot(mirror: Mirror) -> None:
    """What has moved below the copy shows what it is, and is not sent again."""
    mirror.world.faults.arm(CrashClient(), "zfs rename", host="target", nth=3)
    with contextlib.suppress(Crash):
        mirror.run()
    mirror.world.faults.restart()
    for tag in mirror.world.holds("tank/data")["two"]:
        mirror.source.run("zfs", "release", tag, "tank/data@two")
    mirror.source.run("zfs", "destroy", "tank/data@two")
    mirror.world.write("tank/data", 4096)
    mirror.source.run("zfs", "snapshot", "-r", "tank/data@three")
    attempt = mirror.run()
    errors = {outcome.plan.target: outcome.error for outcome in attempt.outcomes}
    assert "no common snapshot is left" in str(errors.pop(PLACE))
    assert set(errors.values()) == {None}
    assert full_sends(attempt.outcomes) == []
    assert COPY not in mirror.world.pools["off"].datasets
    assert mirror.world.snapshots(PLACE) == ["two"]
    for name in ("a", "b"):
        assert mirror.world.snapshots(f"{PLACE}/{name}") == ["one", "two", "three"]


@pytest.mark.parametrize("prepare", [encrypted, vault])
@pytest.mark.parametrize("is_parent_there", [False, True])
def test_nested_copies_get_to_their_places_in_one_run(prepare: Callable[[Mirror], None], is_parent_there: bool) -> None:
    """The child's copy waits for its place; the parent's waits, too, or arrives now."""
    mirror = Mirror()
    prepare(mirror)
    mirror.source.run("zfs", "create", "tank/data/a/deep")
    mirror.source.run("zfs", "snapshot", "tank/data/a/deep@one", "tank/data/b@one")
    mirror.run_well()
    deep = guids(mirror, "off/data/a/deep")
    root, mirror.target = mirror.target, without_renames(mirror)
    mirror.source.run("zfs", "snapshot", "tank/data/a@two")
    mirror.run()
    mirror.source.run("zfs", "snapshot", "tank/data@two")
    if is_parent_there:
        mirror.run()
    names = [name for name in mirror.world.pools["off"].datasets if name.endswith(".zfs_replicate")]
    assert len(names) == 1 + is_parent_there, names
    mirror.target = root
    outcomes = mirror.run_well()
    assert full_sends(outcomes) == ([] if is_parent_there else ["tank/data@two"])
    assert guids(mirror, "off/data/a/deep") == deep
    assert not any("zfs_replicate" in name for name in mirror.world.pools["off"].datasets)
