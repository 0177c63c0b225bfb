"""A full target recovers by itself: what is overdue goes before the stream that needs room, and nothing else does."""

from __future__ import annotations

from pathlib import Path

from tests.support.lab.world import World, paste, run, zfs

SIZE = 8 << 20


def replaced(world: World, old: str | None, new: str, days_ago: int = 0) -> None:
    """Delete one large file, write another, and take a snapshot with its name."""
    with world.mounted("tank/data") as directory:
        if old is not None:
            (directory / old).unlink()
    world.write("tank/data", new, SIZE)
    world.snapshot(f"tank/data@{new}", days_ago=days_ago)


def test_a_full_target_makes_room_before_the_stream(world: World) -> None:
    replaced(world, None, "s1", days_ago=35)
    replaced(world, "s1", "s2", days_ago=32)
    world.replicate()
    zfs("hold", "mirror:target", "offsite/data@s1")  # left over
    zfs("release", "mirror:target", "offsite/data@s2")
    zfs("set", "quota=20M", "offsite/data")
    replaced(world, "s2", "s3")
    plan = world.replicate("-n", "-k", "30").stdout
    assert plan.index("expire @s1: room for @s3") < plan.index("send tank/data@s3")
    world.replicate(expect=1)  # without -k nothing may go
    assert world.snapshots("offsite/data") == ["s1", "s2"]
    world.replicate("-k", "30")
    assert world.snapshots("offsite/data") == ["s3"]
    assert world.holds("offsite/data") == {"s3": {"mirror:target"}}
    assert world.holds("tank/data") == {"s3": {"mirror"}}
    assert world.guids("offsite/data") == world.guids("tank/data")[-1:]


def test_a_target_that_proves_full_makes_room_in_the_same_run(world: World) -> None:
    """Here everything takes twice the room, which the plan cannot see; so a quota above ends the stream amid it."""
    zfs("set", "copies=2", "offsite")
    replaced(world, None, "s1", days_ago=35)
    replaced(world, "s1", "s2", days_ago=20)
    world.replicate()
    zfs("set", "quota=46M", "offsite")
    replaced(world, "s2", "s3")
    done = world.replicate("-k", "30", "-v")
    assert "the target was full, and overdue snapshots have expired; trying again" in done.stderr
    assert world.snapshots("offsite/data") == ["s2", "s3"]
    assert world.read("offsite/data", "s3") == world.read("tank/data", "s3")


def test_a_wrong_value_is_named_with_those_that_are_valid(world: World) -> None:
    world.snapshot("tank/data@one")
    done = world.replicate("-o", "recordsize=3", expect=1)
    assert "a value given with -o (or 'properties' in a job) is not valid; correct it" in done.stderr
    assert "'recordsize' must be power of 2" in done.stderr


def test_a_source_that_lost_its_large_blocks_needs_a_new_copy(world: World, tmp_path: Path) -> None:
    zfs("set", "recordsize=1M", "tank/data")
    world.write("tank/data", "large", 2 << 20)
    world.snapshot("tank/data@one")
    world.replicate()
    image = tmp_path / "other.img"
    with image.open("wb") as file:
        file.truncate(200 << 20)
    run("zpool", "create", "-O", "mountpoint=none", "other", str(image))
    try:
        run("sh", "-c", "zfs send tank/data@one | zfs receive -u other/data")
        zfs("snapshot", "other/data@two")
        done = world.replicate_from("other/data", "offsite/data", expect=1)
        assert "but the source has none any more" in done.stderr
        paste(done.stderr, "zfs rename ")
        world.replicate_from("other/data", "offsite/data")
        assert world.snapshots("offsite/data") == ["one", "two"]
    finally:
        run("zpool", "destroy", "-f", "other")


def test_a_mirror_that_can_never_fit_loses_nothing(world: World) -> None:
    replaced(world, None, "s1", days_ago=35)
    replaced(world, "s1", "s2", days_ago=32)
    world.replicate()
    zfs("set", "quota=20M", "offsite/data")
    world.write("tank/data", "huge", 5 * SIZE)
    world.snapshot("tank/data@s3")
    done = world.replicate("-k", "30", expect=1)
    assert "once it has arrived, these will expire: @s1, @s2" in done.stderr
    assert world.snapshots("offsite/data") == ["s1", "s2"]
