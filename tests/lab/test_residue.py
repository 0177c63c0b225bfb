"""Test how little counts as a change of the copy: on pools of all sectors, and through the program."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.lab.world import World, destroy_pools, make_pools, paste, run, zfs
from zfs_replicate.plan.divergence import residue_limit
from zfs_replicate.zfs import parse, queries

DISKS = 6


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    destroy_pools()
    yield tmp_path
    destroy_pools()


def make_pool(directory: Path, ashift: int, layout: str, *options: str) -> None:
    """Create the pool `offsite`; in the layout, `N` stands for the N-th disk."""
    for number in range(1, DISKS + 1):
        with (directory / f"{number}.img").open("wb") as file:
            file.truncate(128 << 20)
    vdevs = [str(directory / f"{word}.img") if word.isdigit() else word for word in layout.split()]
    run("zpool", "create", "-o", f"ashift={ashift}", "-O", "mountpoint=none", *options, "offsite", *vdevs)


def written(dataset: str) -> int:
    run("zpool", "sync", "offsite")
    return int(zfs("get", "-Hpo", "value", "written", dataset))


@pytest.mark.parametrize(
    ("ashift", "layout"),
    [
        (9, "1"),
        (9, "raidz1 1 2 3"),
        (12, "1"),
        (12, "raidz2 1 2 3 4"),
        (12, "draid1:4d:6c:1s 1 2 3 4 5 6"),
        (13, "raidz1 1 2 3"),
        (14, "1"),
        (16, "1"),
    ],
)
def test_residue_and_change_lie_on_both_sides_of_the_limit(directory: Path, ashift: int, layout: str) -> None:
    make_pool(directory, ashift, layout, "-O", "atime=off")
    world = World(directory)
    probed = run(*queries.list_sectors("offsite"), check=False).stdout
    limit = residue_limit(parse.sector_bytes(probed.splitlines()))
    for copies in ("1", "3"):
        name = f"offsite/data{copies}"
        zfs("create", "-o", f"copies={copies}", name)
        world.write(name, "file")
        zfs("snapshot", f"{name}@base")
        with world.mounted(name) as mounted:
            os.utime(mounted / "file")
        assert written(name) > limit
        zfs("rollback", f"{name}@base")
        assert 0 < written(name) <= limit


def test_rollback_by_hand_on_large_sectors_ends_the_conflict(directory: Path) -> None:
    """The copy was once the source: its base was taken there, so that something stays `written`."""
    world = make_pools(directory)
    destroy_pools(("offsite",))
    make_pool(directory, 14, "1", "-O", "atime=off")
    zfs("create", "offsite/data")
    world.write("offsite/data", "file")
    world.snapshot("offsite/data@base")
    run("sh", "-c", "zfs destroy tank/data; zfs send offsite/data@base | zfs receive -u tank/data")
    world.snapshot("tank/data@new")
    world.write("offsite/data", "change")
    assert "zfs rollback offsite/data@base" in world.replicate(expect=1).stderr
    zfs("rollback", "offsite/data@base")
    assert written("offsite/data") > 12 << 10
    world.replicate()
    assert world.snapshots("offsite/data") == ["base", "new"]


@pytest.fixture
def world(directory: Path) -> World:
    """A mirror of a filesystem and a volume; the source has new snapshots."""
    world = make_pools(directory)
    zfs("create", "-V", "8M", "tank/data/my disk")
    world.write("tank/data", "file")
    world.snapshot("tank/data@one", recursive=True)
    world.replicate()
    zfs("set", "readonly=off", "offsite/data")
    zfs("set", "readonly=off", "offsite/data/my disk")
    world.snapshot("tank/data@two", recursive=True)
    return world


def newest_volume() -> Path:
    return max(Path("/dev").glob("zd*"), key=lambda path: path.stat().st_ctime_ns)


def test_smallest_change_is_rolled_back_when_asked(world: World) -> None:
    """A file is read with atime=on, and the copy stays mounted, so that the change is not even on disk."""
    zfs("set", "atime=on", "offsite/data")
    zfs("set", "relatime=off", "offsite/data")
    with world.mounted("offsite/data") as mounted:
        (mounted / "file").read_bytes()
        stderr = world.replicate(expect=1).stderr
        assert "since the newest common snapshot @one (20" in stderr
        assert "to discard the changes: zfs rollback offsite/data@one (or run" in stderr
        (mounted / "file").read_bytes()
        world.replicate("--rollback")
    assert world.snapshots("offsite/data") == ["one", "two"]


def test_sector_written_to_a_volume_is_rolled_back(world: World) -> None:
    with newest_volume().open("r+b", buffering=0) as volume:
        volume.write(os.urandom(512))
        os.fsync(volume.fileno())
    assert "offsite/data/my disk@one" in world.replicate("--rollback", "-n").stdout
    stderr = world.replicate(expect=1).stderr
    assert "to discard the changes: zfs rollback 'offsite/data/my disk@one' (or run" in stderr
    world.replicate("--rollback")
    assert world.guids("offsite/data/my disk") == world.guids("tank/data/my disk")


def test_command_for_a_copy_with_newer_bookmarks_helps(world: World) -> None:
    """With --rollback the program destroys them itself; the command of the message does, too."""
    world.snapshot("offsite/data@own")
    zfs("bookmark", "offsite/data@own", "offsite/data#own")
    zfs("bookmark", "offsite/data@one", "offsite/data#base")
    zfs("destroy", "offsite/data@own")
    world.write("offsite/data", "change")
    before = zfs("list", "-Hp", "-d1", "-t", "all", "-o", "name", "offsite/data")
    assert "offsite/data#own" in world.replicate("--rollback", "-n").stdout
    stderr = world.replicate(expect=1).stderr
    assert zfs("list", "-Hp", "-d1", "-t", "all", "-o", "name", "offsite/data") == before
    paste(stderr, "zfs rollback ")
    world.replicate()
    assert zfs("list", "-H", "-t", "bookmark", "-o", "name", "-d", "1", "offsite/data").split() == ["offsite/data#base"]


def test_rollback_goes_past_newer_bookmarks(world: World) -> None:
    world.snapshot("offsite/data@gone", "offsite/data@own")
    zfs("bookmark", "offsite/data@gone", "offsite/data#gone")
    zfs("destroy", "offsite/data@gone")
    world.write("offsite/data", "change")
    world.replicate("--rollback")
    assert world.snapshots("offsite/data") == ["one", "two"]
