"""Test conflicts, which only a person can resolve: evidence and remedy, exit status 1, and no change."""

from __future__ import annotations

import re
import shlex

from tests.support.lab.world import World, paste, run, zfs


def refused(world: World, *options: str) -> str:
    """Run; check for status 1 and an unchanged target; return the message."""
    before = zfs("list", "-Hp", "-t", "all", "-o", "name,guid,userrefs", "-r", "offsite")
    done = world.replicate(*options, expect=1)
    assert zfs("list", "-Hp", "-t", "all", "-o", "name,guid,userrefs", "-r", "offsite") == before
    return done.stderr


def test_conflict_target_with_data_of_its_own_and_no_snapshot(world: World) -> None:
    zfs("create", "offsite/data")
    world.write("offsite/data", "precious")
    before = world.read("offsite/data", "precious")
    world.snapshot("tank/data@one")
    stderr = refused(world)
    assert "may hold data of its own" in stderr
    assert world.read("offsite/data", "precious") == before
    zfs("create", "offsite/data.old")  # from an earlier conflict
    moved = shlex.split(paste(stderr, "zfs rename "))[-1]
    assert world.read(moved, "precious") == before
    world.replicate()


def test_conflict_placeholder_with_data_keeps_it(world: World) -> None:
    zfs("create", "tank/data/a")
    zfs("create", "tank/data/a/b")
    world.snapshot("tank/data@one", "tank/data/a/b@one")
    world.replicate()
    world.write("offsite/data/a", "precious", 5 << 20)
    status = world.program("status", "-l", "offsite/data", "-t", "mirror", expect=1)
    assert "data has been written to it since" in status.stdout
    before = world.read("offsite/data/a", "precious")
    world.snapshot("tank/data/a@two")
    stderr = refused(world)
    assert "data has been written to it since" in stderr
    assert "zfs rename offsite/data/a offsite/data/a.old-20" in stderr
    assert "(which takes along the 1 dataset below it)" in stderr
    assert world.read("offsite/data/a", "precious") == before
    with world.mounted("offsite/data/a") as directory:
        (directory / "precious").unlink()
    guids = world.guids("offsite/data/a/b")
    world.replicate()
    assert world.guids("offsite/data/a") == world.guids("tank/data/a")
    assert world.guids("offsite/data/a/b") == guids


def test_conflict_placeholder_written_to_a_moment_ago(world: World) -> None:
    """What is not on disk yet counts, too."""
    zfs("create", "tank/data/a")
    world.snapshot("tank/data/a@one")
    world.replicate()
    world.snapshot("tank/data@two")
    with world.mounted("offsite/data") as directory:
        (directory / "precious").write_text("x" * 200)
        assert "data has been written to it since" in refused(world)


def test_conflict_no_common_snapshot_names_both_newest(world: World) -> None:
    zfs("create", "offsite/data")
    world.snapshot("offsite/data@on_target")
    world.snapshot("tank/data@on_source")
    stderr = refused(world)
    assert "no common snapshot" in stderr
    assert "@on_target (20" in stderr
    assert "@on_source (20" in stderr
    paste(stderr, "zfs rename ")
    world.replicate()
    assert world.guids("offsite/data") == world.guids("tank/data")


def test_conflict_root_of_a_pool_names_another_target(world: World) -> None:
    """It cannot be renamed."""
    zfs("snapshot", "offsite@mine")
    world.snapshot("tank/data@one")
    stderr = world.replicate_from("tank/data", "offsite", expect=1).stderr
    (target,) = re.findall(r"since a pool's root cannot be renamed: -l (\S+),", stderr)
    world.replicate_from("tank/data", shlex.split(target)[0])
    assert world.guids("offsite/data") == world.guids("tank/data")


def test_conflict_target_changed_since_the_base(world: World) -> None:
    world.snapshot("tank/data@one")
    world.replicate(host="localhost")
    zfs("set", "readonly=off", "offsite/data")
    world.write("offsite/data", "change")
    world.snapshot("tank/data@two")
    stderr = refused(world)
    assert "has changed since the newest common snapshot @one" in stderr
    assert paste(stderr, "zfs rollback ") == "zfs rollback offsite/data@one"
    world.replicate()
    assert world.snapshots("offsite/data") == ["one", "two"]


def test_conflict_target_changed_and_snapshotted(world: World) -> None:
    world.snapshot("tank/data@one")
    world.replicate()
    zfs("set", "readonly=off", "offsite/data")
    world.write("offsite/data", "change")
    world.snapshot("offsite/data@mine")
    world.snapshot("tank/data@two")
    stderr = refused(world)
    assert "newer snapshots of its own: @mine" in stderr
    assert paste(stderr, "zfs rollback -r ") == "zfs rollback -r offsite/data@one"
    world.replicate()
    assert world.snapshots("offsite/data") == ["one", "two"]


def test_conflict_coming_name_is_taken(world: World) -> None:
    world.snapshot("tank/data@one")
    world.replicate()
    world.snapshot("offsite/data@two")
    world.snapshot("tank/data@two")
    stderr = refused(world)
    assert paste(stderr, "zfs rename ") == "zfs rename offsite/data@two offsite/data@two.local"
    world.replicate()
    assert world.snapshots("offsite/data") == ["one", "two.local", "two"]


def test_conflict_volume_against_filesystem(world: World) -> None:
    zfs("create", "-s", "-V", "8M", "tank/data/thing")
    world.snapshot("tank/data@one", "tank/data/thing@one")
    world.replicate("-x", "thing")
    zfs("create", "offsite/data/thing")
    stderr = refused(world)
    assert "it is a filesystem, but tank/data/thing is a volume" in stderr
    paste(stderr, "zfs rename ")
    world.replicate()
    assert world.guids("offsite/data/thing") == world.guids("tank/data/thing")


def test_conflict_moved_aside_gives_its_children_back(world: World) -> None:
    """As in docs/troubleshooting.md; they are not sent again."""
    zfs("create", "tank/data/home")
    world.snapshot("tank/data@one", recursive=True)
    world.replicate()
    home = world.get("offsite/data/home", "guid")
    zfs("set", "readonly=off", "offsite/data")
    world.write("offsite/data", "change")
    world.snapshot("tank/data@two", recursive=True)
    stderr = refused(world, "-x", "home")
    assert "(which takes along the 1 dataset below it)" in stderr
    moved = shlex.split(paste(stderr, "zfs rename "))[-1]
    zfs("create", "-o", "canmount=off", "-o", "zfs_replicate:placeholder=on", "offsite/data")
    zfs("rename", f"{moved}/home", "offsite/data/home")
    world.replicate()
    assert world.guids("offsite/data") == world.guids("tank/data")
    assert world.get("offsite/data/home", "guid") == home
    assert world.snapshots("offsite/data/home") == ["one", "two"]


def test_conflict_of_a_promoted_clone_takes_the_snapshots_back(world: World) -> None:
    world.snapshot("tank/data@one")
    world.replicate()
    zfs("clone", "offsite/data@one", "offsite/trial")
    zfs("promote", "offsite/trial")
    world.snapshot("tank/data@two")
    stderr = refused(world)
    assert "it is a clone of offsite/trial@one" in stderr
    paste(stderr, "zfs promote ")
    world.replicate()
    assert world.snapshots("offsite/data") == ["one", "two"]


def test_conflict_keeps_anything_from_being_begun_below_it(world: World) -> None:
    """After a typing error in -l, and when a volume became a tree."""
    zfs("create", "offsite/data")
    world.write("offsite/data", "precious")
    zfs("create", "tank/data/a")
    zfs("create", "-s", "-V", "8M", "tank/data/v")
    world.snapshot("tank/data@one", recursive=True)
    assert world.replicate("-n", expect=1).stdout.count("it is not begun, because offsite/data above it") == 2
    stderr = refused(world)
    assert stderr.count("zfs rename") == 1
    assert world.datasets("offsite/data") == ["offsite/data"]
    zfs("rename", "offsite/data", "offsite/data.old")
    world.replicate()

    zfs("rename", "tank/data/v", "tank/data/a/v")
    zfs("create", "tank/data/v")
    zfs("create", "tank/data/v/c")
    world.snapshot("tank/data@two", recursive=True)
    stderr = world.replicate(expect=1).stderr
    assert "it is a volume, but tank/data/v is a filesystem" in stderr
    assert "it is not begun, because offsite/data/v above it is in conflict" in stderr
    assert world.snapshots("offsite/data/a/v") == ["one", "two"]
    zfs("rename", "offsite/data/v", "offsite/data/v.old")
    world.replicate()
    assert world.guids("offsite/data/v/c") == world.guids("tank/data/v/c")


def test_conflict_of_one_dataset_does_not_stop_the_others(world: World) -> None:
    for child in ("a", "b"):
        zfs("create", f"tank/data/{child}")
    world.snapshot("tank/data@one", recursive=True)
    world.replicate(host="localhost")
    zfs("set", "readonly=off", "offsite/data/a")
    world.write("offsite/data/a", "change")
    world.snapshot("tank/data@two", recursive=True)
    world.replicate(expect=1)
    assert world.snapshots("offsite/data") == world.snapshots("offsite/data/b") == ["one", "two"]
    assert world.snapshots("offsite/data/a") == ["one"]
    assert world.holds("tank/data/a") == {"one": {"mirror"}}


def test_conflict_brings_back_the_holds_of_both_sides(world: World) -> None:
    """The source's retention cannot take the base while a person decides; the decision still works afterwards."""
    world.snapshot("tank/data@one")
    world.replicate()
    zfs("set", "readonly=off", "offsite/data")
    world.write("offsite/data", "change")
    world.snapshot("tank/data@two")
    zfs("release", "mirror", "tank/data@one")
    zfs("release", "mirror:target", "offsite/data@one")
    dry = world.replicate("-n", expect=1)
    assert "place the hold mirror on tank/data@one: the newest common snapshot" in dry.stdout
    assert "place the hold mirror:target on offsite/data@one: it is the newest common snapshot" in dry.stdout
    assert world.holds("tank/data") == {}
    done = world.replicate(expect=1)
    assert "has changed since the newest common snapshot @one" in done.stderr
    assert world.holds("tank/data") == {"one": {"mirror"}}
    assert world.holds("offsite/data") == {"one": {"mirror:target"}}
    assert run("zfs", "destroy", "tank/data@one", check=False).returncode == 1
    zfs("rollback", "offsite/data@one")
    world.replicate()
    assert world.snapshots("offsite/data") == ["one", "two"]


def test_conflict_of_a_taken_name_brings_back_the_hold(world: World) -> None:
    world.snapshot("tank/data@one")
    world.replicate()
    world.snapshot("offsite/data@two")
    world.snapshot("tank/data@two")
    zfs("release", "mirror", "tank/data@one")
    assert "is not the source's @two" in refused(world)
    assert world.holds("tank/data") == {"one": {"mirror"}}


def test_conflict_changes_nothing_in_expiry(world: World) -> None:
    world.snapshot("tank/data@d50", "tank/data@d40", days_ago=40)
    world.replicate()
    zfs("set", "readonly=off", "offsite/data")
    world.write("offsite/data", "change")
    world.snapshot("tank/data@d0")
    refused(world, "-k", "30")


def test_conflict_shows_in_the_dry_run(world: World) -> None:
    zfs("create", "offsite/data")
    world.snapshot("tank/data@one")
    done = world.replicate("-n", expect=1)
    assert "conflict: it exists but has no snapshots" in done.stdout


def test_changed_target_without_news_to_send_is_no_conflict(world: World) -> None:
    world.snapshot("tank/data@one")
    world.replicate(host="localhost")
    zfs("set", "readonly=off", "offsite/data")
    world.write("offsite/data", "change")
    world.replicate()


def test_bookmark_serves_as_base(world: World) -> None:
    world.snapshot("tank/data@one")
    world.replicate(host="localhost")
    zfs("bookmark", "tank/data@one", "tank/data#one")
    zfs("release", "mirror", "tank/data@one")
    zfs("destroy", "tank/data@one")
    world.write("tank/data", "later")
    world.snapshot("tank/data@two", "tank/data@three", "tank/data@four")
    world.replicate()
    assert world.snapshots("offsite/data") == ["one", "two", "three", "four"]
    assert world.holds("tank/data") == {"four": {"mirror"}}
