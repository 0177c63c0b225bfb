"""Test expiry: old snapshots are destroyed, and no others."""

from __future__ import annotations

from pathlib import Path

from tests.support.lab.world import World, look, run, zfs


def mirrored(world: World) -> None:
    """Make snapshots from 50, 40 and 10 days ago and from today, all on both sides."""
    for name, days in (("d50", 50), ("d40", 40), ("d10", 10), ("d0", 0)):
        world.snapshot(f"tank/data@{name}", days_ago=days)
    world.replicate(host="localhost")
    assert world.snapshots("offsite/data") == ["d50", "d40", "d10", "d0"]


def test_expiry_destroys_what_is_older_on_the_target_only(world: World) -> None:
    mirrored(world)
    world.replicate("-k", "30")
    assert world.snapshots("offsite/data") == ["d10", "d0"]
    assert world.snapshots("tank/data") == ["d50", "d40", "d10", "d0"]


def test_expiry_needs_the_option(world: World) -> None:
    mirrored(world)
    world.replicate()
    assert len(world.snapshots("offsite/data")) == 4


def test_expiry_of_zero_days_keeps_the_newest_common_snapshot(world: World) -> None:
    mirrored(world)
    world.replicate("-k", "0")
    assert world.snapshots("offsite/data") == ["d0"]


def test_expiry_never_takes_the_newest_common_snapshot(world: World) -> None:
    world.snapshot("tank/data@d50", days_ago=50)
    world.replicate(host="localhost")
    world.replicate("-k", "30")
    assert world.snapshots("offsite/data") == ["d50"]
    assert world.holds("tank/data") == {"d50": {"mirror"}}


def test_expiry_skips_and_names_what_another_tag_holds(world: World) -> None:
    mirrored(world)
    zfs("hold", "legal", "offsite/data@d50")
    done = world.replicate("-k", "30", "-v")
    assert world.snapshots("offsite/data") == ["d50", "d10", "d0"]
    assert "offsite/data@d50: kept: held by legal" in done.stderr


def test_expiry_skips_and_names_what_is_cloned(world: World) -> None:
    mirrored(world)
    zfs("clone", "offsite/data@d40", "offsite/clone")
    done = world.replicate("-k", "30", "-v")
    assert world.snapshots("offsite/data") == ["d40", "d10", "d0"]
    assert "offsite/data@d40: kept: cloned as offsite/clone" in done.stderr


def test_expiry_happens_with_nothing_to_send_in_the_whole_tree(world: World) -> None:
    zfs("create", "tank/data/child")
    world.snapshot("tank/data@d50", days_ago=50, recursive=True)
    world.snapshot("tank/data@d0", recursive=True)
    world.replicate(host="localhost")
    world.replicate("-k", "30")
    assert world.snapshots("offsite/data") == world.snapshots("offsite/data/child") == ["d0"]


def test_expiry_releases_before_it_destroys(world: World) -> None:
    """The base of the last run is old and held on both sides: it is released, then expires, in one run."""
    world.snapshot("tank/data@d50", days_ago=50)
    world.replicate(host="localhost")
    world.snapshot("tank/data@d0")
    world.replicate("-k", "30")
    assert world.snapshots("offsite/data") == ["d0"]
    assert world.holds("tank/data") == {"d0": {"mirror"}}


def test_first_send_starts_inside_the_keep_window(world: World) -> None:
    for name, days in (("d50", 50), ("d40", 40), ("d10", 10), ("d0", 0)):
        world.snapshot(f"tank/data@{name}", days_ago=days)
    world.replicate("-k", "30")
    assert world.snapshots("offsite/data") == ["d10", "d0"]


def test_first_send_takes_the_newest_when_all_are_older(world: World) -> None:
    world.snapshot("tank/data@d50", days_ago=50)
    world.snapshot("tank/data@d40", days_ago=40)
    world.replicate("-k", "30")
    assert world.snapshots("offsite/data") == ["d40"]


def test_expiry_of_many_snapshots_at_once(world: World) -> None:
    for number in range(60):
        world.snapshot(f"tank/data@old {number:02}", days_ago=50)
    world.snapshot("tank/data@new")
    world.replicate(host="localhost")
    assert len(world.snapshots("offsite/data")) == 61
    world.replicate("-k", "30")
    assert world.snapshots("offsite/data") == ["new"]


def test_expiry_leaves_only_the_snapshot_that_is_mounted(world: World, tmp_path: Path) -> None:
    """docs/restoring.md mounts one like this; the advice of the message finds it."""
    for name, days in (("d60", 60), ("d50", 50), ("d40", 40), ("d0", 0)):
        world.snapshot(f"tank/data@{name}", days_ago=days)
    world.replicate(host="localhost")
    directory = tmp_path / "restore"
    directory.mkdir()
    run("mount", "-t", "zfs", "-o", "ro", "offsite/data@d50", str(directory))
    try:
        done = world.replicate("-k", "30", expect=1)
        assert world.snapshots("offsite/data") == ["d50", "d0"]
        assert "offsite/data@d50 on" in done.stderr
        assert "cannot expire @d50: a mount or a hold keeps it" in done.stderr
        assert "cannot destroy snapshot offsite/data@d50: dataset is busy" in done.stderr
        assert str(directory) in look(done.stderr, "mount | grep ")
    finally:
        run("umount", str(directory))
    world.replicate("-k", "30")
    assert world.snapshots("offsite/data") == ["d0"]
    assert world.holds("tank/data") == {"d0": {"mirror"}}
