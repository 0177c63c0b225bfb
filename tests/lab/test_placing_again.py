"""Test what a run makes of copies that earlier runs left beside their places."""

from __future__ import annotations

import pytest

from tests.support.lab.placing import SOURCE, assert_mirrored, identities, killer, with_safe
from tests.support.lab.world import World, paste, zfs

TARGET = "offsite/safe"
BESIDE = "offsite/safe.zfs_replicate"


@pytest.fixture
def safe(world: World) -> World:
    return with_safe(world)


def lose(world: World, snapshot: str) -> None:
    """Destroy a snapshot of the source with its holds, as an administrator would."""
    dataset, _, name = snapshot.partition("@")
    for tag in world.holds(dataset).get(name, ()):
        zfs("release", tag, snapshot)
    zfs("destroy", snapshot)


def test_a_copy_is_known_though_its_source_lost_its_snapshots(safe: World) -> None:
    safe.replicate_from(SOURCE, TARGET)
    before = identities(safe, TARGET)
    safe.snapshot(f"{SOURCE}@two", recursive=True)
    safe.replicate_from(SOURCE, TARGET, env=killer(safe, "rename", 3, "before"), expect=-9)
    assert not safe.exists(TARGET)
    lose(safe, f"{SOURCE}@two")
    safe.snapshot(f"{SOURCE}@three", recursive=True)
    refused = safe.replicate_from(SOURCE, TARGET, expect=1).stderr
    assert "no common snapshot is left: the newest on the target is @two" in refused
    assert not safe.exists(BESIDE)
    assert identities(safe, TARGET) == before
    for name in before:
        assert safe.guids(f"{TARGET}{name}") == safe.guids(f"{SOURCE}{name}"), name


def test_unknown_datasets_beside_a_place_are_reported(safe: World) -> None:
    safe.snapshot(f"{SOURCE}@one")
    safe.replicate_from(SOURCE, TARGET)
    beside = f"{TARGET}/my child.zfs_replicate"
    zfs("create", "-o", "encryption=off", beside)
    safe.snapshot(f"{beside}@theirs")
    zfs("hold", "mirror:target", f"{beside}@theirs")
    for shown in (
        safe.replicate_from(SOURCE, TARGET).stderr,
        safe.program("status", "-h", "127.0.0.1", "-r", SOURCE, "-l", TARGET, "-t", "mirror").stdout,
    ):
        assert f"{beside} on this machine: it has the name of a copy" in shown
        assert f"{TARGET}/my child is there already" in shown
    paste(shown, "zfs rename ")
    assert safe.replicate_from(SOURCE, TARGET).stderr == ""


def test_nested_copies_get_to_their_places_in_one_run(safe: World) -> None:
    zfs("create", "-p", f"{SOURCE}/q/deep")
    safe.snapshot(f"{SOURCE}/q/deep@one")
    safe.replicate_from(SOURCE, TARGET)
    deep = safe.get(f"{TARGET}/q/deep", "guid")
    safe.snapshot(f"{SOURCE}/q@two")
    safe.replicate_from(SOURCE, TARGET, env=killer(safe, "rename", 1, "before"), expect=-9)
    assert safe.exists(f"{TARGET}/q.zfs_replicate")
    safe.snapshot(f"{SOURCE}@two")
    assert safe.replicate_from(SOURCE, TARGET).stderr == ""
    assert safe.get(f"{TARGET}/q/deep", "guid") == deep
    safe.snapshot(f"{SOURCE}@three", recursive=True)
    assert safe.replicate_from(SOURCE, TARGET).stderr == ""
    assert_mirrored(safe, SOURCE, TARGET)
