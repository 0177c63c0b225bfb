"""Test pools that cannot do everything: imported read-only, or old and without features."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.lab.world import POOL_SIZE, World, destroy_pools, mirror_identity, paste, run, zfs
from zfs_replicate.zfs import marks

STATUS = ("status", "-h", "127.0.0.1", "-r", "tank/data", "-l", "offsite/data", "-t", "mirror")
RELEASE = ("release", "-h", "127.0.0.1", "-r", "tank/data", "-t", "mirror", "--yes")


@contextmanager
def read_only(world: World, pool: str) -> Iterator[None]:
    run("zpool", "export", pool)
    run("zpool", "import", "-o", "readonly=on", "-d", str(world.directory), pool)
    try:
        yield
    finally:
        run("zpool", "export", pool)
        run("zpool", "import", "-d", str(world.directory), pool)


def test_a_read_only_source_is_mirrored_without_holds(world: World) -> None:
    """Also into a new copy, and beside a conflict; status and release work."""
    for name in ("child", "changed"):
        zfs("create", "-u", f"tank/data/{name}")
    world.snapshot("tank/data@one", recursive=True)
    world.replicate()
    for name in ("two", "three"):
        world.write("tank/data/child", name, 3_000_000)
        world.snapshot(f"tank/data@{name}", recursive=True)
    world.write("offsite/data/changed", "file", 100_000)
    with read_only(world, "tank"):
        done = world.replicate(expect=1)
        assert done.stderr.count("its pool was imported read-only") == 1
        assert "conflict" in done.stderr
        assert "cannot hold" not in done.stderr
        zfs("rollback", "offsite/data/changed@one")
        assert world.replicate().stderr.count("zfs_replicate: ") == 1
        assert world.guids("offsite/data/child") == world.guids("tank/data/child")
        assert world.holds("offsite/data/child") == {"one": {"mirror:target"}, "three": {"mirror:target"}}
        world.replicate_from("tank/data", "offsite/new", tag="new")
        assert world.snapshots("offsite/new/child") == ["one", "two", "three"]
        assert "imported read-only" in world.replicate("-n").stdout
        world.program(*STATUS)
        assert "the pool was imported read-only" in world.program(*RELEASE, expect=1).stderr
        assert world.holds("tank/data/child") == {"one": {"mirror"}}
    world.replicate()
    assert world.holds("tank/data/child") == {"three": {"mirror"}}
    assert world.holds("offsite/data/child") == {"three": {"mirror:target"}}


def test_a_read_only_pool_is_imported_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the commands in the messages of a release on the source, and of a run. The devices are files here."""
    monkeypatch.setenv("ZPOOL_IMPORT_PATH", str(world.directory))
    world.snapshot("tank/data@one")
    world.replicate()
    with read_only(world, "tank"):
        paste(world.program(*RELEASE, expect=1).stderr, "zpool export ")
        world.program(*RELEASE)
    world.snapshot("tank/data@two")
    with read_only(world, "offsite"):
        paste(world.replicate(expect=1).stderr, "zpool export ")
        world.replicate()
    assert world.snapshots("offsite/data") == ["one", "two"]


def test_a_read_only_target_is_an_error_at_once(world: World) -> None:
    world.snapshot("tank/data@one")
    world.replicate()
    world.snapshot("tank/data@two")
    with read_only(world, "offsite"):
        done = world.replicate("--retries", "3", expect=1)
        assert "zpool export offsite && zpool import offsite" in done.stderr
        assert "two" not in world.holds("tank/data")
        world.program(*STATUS)
    world.replicate()
    assert world.snapshots("offsite/data") == ["one", "two"]


@pytest.fixture
def old_pool(world: World) -> Iterator[World]:
    """A pool `old` without any feature."""
    image = world.directory / "old.img"
    with image.open("wb") as file:
        file.truncate(POOL_SIZE)
    run("zpool", "create", "-d", "-O", "mountpoint=none", "old", str(image))
    yield world
    destroy_pools(["old"])


def test_an_old_target_receives_without_saving_state(old_pool: World) -> None:
    """Until the command of the warning has run there: then a stream that is cut can be resumed."""
    world = old_pool
    zfs("create", "-u", "tank/data/child")
    for name in ("one", "two"):
        world.write("tank/data/child", name, 1_000_000)
        world.snapshot(f"tank/data@{name}", recursive=True)
        done = world.replicate_from("tank/data", "old/data")
        assert done.stderr.count("so a stream that is cut begins anew") == 1
    assert world.guids("old/data/child") == world.guids("tank/data/child")
    assert world.holds("old/data/child") == {"two": {"mirror:target"}}
    paste(done.stderr, "zpool set ")
    world.snapshot("tank/data@three", recursive=True)
    assert world.replicate_from("tank/data", "old/data").stderr == ""
    assert world.guids("old/data/child") == world.guids("tank/data/child")


def test_an_old_source_is_mirrored_without_bookmarks(old_pool: World) -> None:
    world = old_pool
    zfs("create", "-u", "old/data")
    for name in ("one", "two"):
        world.snapshot(f"old/data@{name}")
        assert world.replicate_from("old/data", "offsite/old").stderr == ""
    claim = marks.claim_tag("mirror", mirror_identity("old/data", "offsite/old"))  # in place of a bookmark
    assert world.holds("old/data") == {"two": {"mirror", claim}}
    assert world.guids("offsite/old") == world.guids("old/data")
