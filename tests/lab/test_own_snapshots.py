"""Test snapshots that something else takes on the copy, as a tool for automatic snapshots does."""

from __future__ import annotations

import pytest

from tests.support.lab.world import World, paste, zfs

ENCRYPTED = ("tank/data/safe", "tank/data/safe/disk")


@pytest.fixture
def encrypted(world: World) -> World:
    """An encrypted filesystem and volume were mirrored; each copy has its own snapshot, the source a new one."""
    key = world.directory / "key"
    key.write_text("a secret of some length")
    options = ("-o", "encryption=on", "-o", "keyformat=passphrase", "-o", f"keylocation=file://{key}")
    zfs("create", *options, ENCRYPTED[0])
    zfs("create", "-s", "-V", "8M", ENCRYPTED[1])
    world.write(ENCRYPTED[0], "file")
    world.snapshot("tank/data@one", recursive=True)
    world.replicate()
    world.snapshot("offsite/data@autosnap", recursive=True)
    world.write(ENCRYPTED[0], "other")
    world.snapshot("tank/data@two", recursive=True)
    return world


def is_current(world: World, source: str) -> bool:
    return world.guids(source.replace("tank", "offsite")) == world.guids(source)


def test_dry_run_names_the_own_snapshots_of_a_raw_copy(encrypted: World) -> None:
    shown = encrypted.replicate("-n", expect=1).stdout
    assert shown.count("a raw stream needs that to be the newest: @autosnap (") == len(ENCRYPTED)
    assert "zfs rollback -r offsite/data/safe@one" in shown
    assert "zfs rollback -r offsite/data/safe/disk@one" in shown


def test_plain_run_leaves_the_own_snapshots_of_a_raw_copy(encrypted: World) -> None:
    stderr = encrypted.replicate(expect=1).stderr
    assert stderr.count("a raw stream needs that to be the newest: @autosnap (") == len(ENCRYPTED)
    assert encrypted.snapshots("offsite/data") == ["one", "autosnap", "two"]
    assert encrypted.snapshots("offsite/data/safe") == ["one", "autosnap"]
    assert encrypted.snapshots("offsite/data/safe/disk") == ["one", "autosnap"]


def test_rollback_makes_a_raw_copy_current(encrypted: World) -> None:
    encrypted.replicate("--rollback")
    assert all(is_current(encrypted, source) for source in ENCRYPTED)
    encrypted.snapshot("tank/data@three", recursive=True)
    encrypted.replicate()
    assert all(is_current(encrypted, source) for source in ENCRYPTED)


def test_command_of_the_message_makes_a_raw_copy_current(encrypted: World) -> None:
    stderr = encrypted.replicate(expect=1).stderr
    for copy in ("offsite/data/safe", "offsite/data/safe/disk"):
        paste(stderr, f"zfs rollback -r {copy}@one")
    encrypted.replicate()
    assert all(is_current(encrypted, source) for source in ENCRYPTED)


def test_snapshot_on_a_placeholder_stops_nothing(world: World) -> None:
    zfs("create", "tank/data/child")
    world.snapshot("tank/data/child@one")
    world.replicate()
    world.snapshot("offsite/data@autosnap", recursive=True)
    world.snapshot("tank/data/child@two")
    assert "left alone" in world.replicate("-n", "-k", "0").stdout
    assert world.replicate("-k", "0").stderr == ""
    assert world.snapshots("offsite/data") == ["autosnap"]
    assert "two" in world.snapshots("offsite/data/child")


def test_dataset_with_nothing_on_the_source_keeps_its_data(world: World) -> None:
    zfs("create", "tank/data/child")
    zfs("create", "tank/data/empty")
    world.snapshot("tank/data/child@one")
    world.replicate()
    zfs("create", "offsite/data/empty")
    world.write("offsite/data/empty", "precious")
    before = world.read("offsite/data/empty", "precious")
    world.snapshot("offsite/data/empty@mine")
    world.write("offsite/data/empty", "more")
    world.snapshot("tank/data/child@two")
    world.replicate("--rollback", "-k", "0")
    assert world.read("offsite/data/empty", "precious") == before
    assert world.snapshots("offsite/data/empty") == ["mine"]
