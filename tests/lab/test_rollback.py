"""Test --rollback, which discards changes of the copy but respects holds and clones; also bookmarks and release."""

from __future__ import annotations

import pytest

from tests.support.lab.world import World, mirror_identity, run, zfs


@pytest.fixture
def diverged(world: World) -> World:
    """The copy was changed and has its own snapshot; the source has a new one."""
    world.snapshot("tank/data@one")
    world.replicate(host="localhost")
    zfs("set", "readonly=off", "offsite/data")
    world.write("offsite/data", "change")
    world.snapshot("offsite/data@mine")
    world.write("offsite/data", "more")
    world.snapshot("tank/data@two")
    return world


def test_rollback_discards_down_to_the_base_and_says_what(diverged: World) -> None:
    done = diverged.replicate("--rollback")
    assert "roll back to offsite/data@one: discards" in done.stderr
    assert "the snapshots offsite/data@mine" in done.stderr
    assert diverged.guids("offsite/data") == diverged.guids("tank/data")


def test_rollback_is_shown_by_the_dry_run_and_not_done(diverged: World) -> None:
    done = diverged.replicate("--rollback", "-n")
    assert "roll back to offsite/data@one: discards" in done.stdout
    assert diverged.snapshots("offsite/data") == ["one", "mine"]


def test_rollback_is_only_done_when_asked(diverged: World) -> None:
    done = diverged.replicate(expect=1)
    assert "or run once with --rollback" in done.stderr
    assert diverged.snapshots("offsite/data") == ["one", "mine"]


def test_rollback_never_goes_through_a_foreign_hold(diverged: World) -> None:
    zfs("hold", "legal", "offsite/data@mine")
    done = diverged.replicate("--rollback", expect=1)
    assert "@mine is held by legal" in done.stderr
    assert diverged.snapshots("offsite/data") == ["one", "mine"]


def test_rollback_never_goes_through_a_clone(diverged: World) -> None:
    zfs("clone", "offsite/data@mine", "offsite/clone")
    done = diverged.replicate("--rollback", expect=1)
    assert "@mine is cloned as offsite/clone" in done.stderr
    assert diverged.exists("offsite/clone")


def test_rollback_never_goes_past_the_base(world: World) -> None:
    zfs("create", "offsite/data")
    world.snapshot("offsite/data@on_target")
    world.snapshot("tank/data@on_source")
    done = world.replicate("--rollback", expect=1)
    assert "no common snapshot" in done.stderr
    assert world.snapshots("offsite/data") == ["on_target"]


def test_rollback_when_the_source_was_rolled_back(world: World) -> None:
    """The newest common snapshot was destroyed by force on the source: the previous one is the base."""
    world.snapshot("tank/data@one")
    world.replicate(host="localhost")
    world.write("tank/data", "file")
    world.snapshot("tank/data@two")
    world.replicate()
    zfs("release", "mirror", "tank/data@two")
    for bookmark in zfs("list", "-H", "-t", "bookmark", "-o", "name", "-r", "tank").split():
        zfs("destroy", bookmark)
    zfs("rollback", "-r", "tank/data@one")
    world.snapshot("tank/data@three")
    world.replicate(expect=1)
    world.replicate("--rollback")
    assert world.snapshots("offsite/data") == ["one", "three"]
    assert world.holds("offsite/data") == {"three": {"mirror:target"}}


def test_rollback_frees_a_taken_name(world: World) -> None:
    world.snapshot("tank/data@one")
    world.replicate(host="localhost")
    world.snapshot("offsite/data@two")
    world.snapshot("tank/data@two")
    world.replicate("--rollback")
    assert world.guids("offsite/data") == world.guids("tank/data")


def test_advised_rollback_to_a_local_snapshot_ends_the_conflict(world: World) -> None:
    """The copy was once the source. zfs counts some bytes as written after such a rollback."""
    world.snapshot("offsite@unused")
    zfs("create", "offsite/data")
    world.write("offsite/data", "file")
    world.snapshot("offsite/data@base")
    run("sh", "-c", "zfs destroy tank/data; zfs send offsite/data@base | zfs receive -u tank/data")
    world.snapshot("tank/data@new")
    world.write("offsite/data", "change")
    done = world.replicate(expect=1)
    assert "zfs rollback offsite/data@base" in done.stderr
    zfs("rollback", "offsite/data@base")
    world.replicate()
    assert world.snapshots("offsite/data") == ["base", "new"]


def bookmarks(dataset: str) -> list[str]:
    return zfs("list", "-H", "-d1", "-t", "bookmark", "-o", "name", dataset).split()


def test_bookmark_of_the_newest_common_snapshot_is_kept(world: World) -> None:
    for name in ("one", "two"):
        world.snapshot(f"tank/data@{name}")
        world.replicate()
        assert bookmarks("tank/data") == [f"tank/data#zfs_replicate_mirror_{mirror_identity()}_{name}"]


def test_bookmark_serves_when_the_held_snapshot_was_destroyed(world: World) -> None:
    world.snapshot("tank/data@one")
    world.replicate(host="localhost")
    zfs("release", "mirror", "tank/data@one")
    zfs("destroy", "tank/data@one")
    world.snapshot("tank/data@two", "tank/data@three")
    world.replicate()
    assert world.snapshots("offsite/data") == ["one", "two", "three"]
    assert bookmarks("tank/data") == [f"tank/data#zfs_replicate_mirror_{mirror_identity()}_three"]


def test_bookmarks_of_another_mirror_stay(world: World) -> None:
    world.snapshot("tank/data@one")
    world.replicate_from("tank/data", "offsite/first", tag="first")
    world.snapshot("tank/data@two")
    world.replicate_from("tank/data", "offsite/second", tag="second")
    names = sorted(bookmarks("tank/data"))
    first, second = (mirror_identity(target=f"offsite/{name}") for name in ("first", "second"))
    assert names == [f"tank/data#zfs_replicate_first_{first}_one", f"tank/data#zfs_replicate_second_{second}_two"]


def test_bookmark_without_the_right_to_it_is_no_failure(world: World) -> None:
    world.snapshot("tank/data@one")
    zfs("allow", "lab", "send,hold,release", "tank/data")
    done = world.replicate(host="lab@127.0.0.1")
    assert done.stderr == ""
    assert bookmarks("tank/data") == []


def test_the_old_bookmark_stays_where_no_new_one_can_be_made(world: World) -> None:
    world.snapshot("tank/data@one")
    world.replicate()
    zfs("allow", "lab", "send,hold,release,destroy,mount", "tank/data")
    world.snapshot("tank/data@two")
    done = world.replicate(host="lab@127.0.0.1")
    assert done.stderr == ""
    assert bookmarks("tank/data") == [f"tank/data#zfs_replicate_mirror_{mirror_identity()}_one"]
    world.snapshot("tank/data@three")
    world.replicate()
    assert bookmarks("tank/data") == [f"tank/data#zfs_replicate_mirror_{mirror_identity()}_three"]


def release(world: World, *options: str, expect: int = 0) -> str:
    done = world.program("release", "-h", "127.0.0.1", "-r", "tank/data", "-t", "mirror", *options, expect=expect)
    return done.stdout + done.stderr


def test_release_lists_and_releases_all_holds_of_the_tag(world: World) -> None:
    zfs("create", "tank/data/child")
    world.snapshot("tank/data@one", recursive=True, days_ago=3)
    zfs("hold", "other", "tank/data@one")
    world.replicate()
    output = release(world, "-n", "-l", "offsite/data")
    assert "tank/data/child@one: held by mirror; taken 20" in output
    assert "3 days old, on the target too" in output
    assert world.holds("tank/data") == {"one": {"mirror", "other"}}
    release(world, "--yes")
    assert (world.holds("tank/data"), world.holds("tank/data/child")) == ({"one": {"other"}}, {})
    assert bookmarks("tank/data") == []
    assert world.snapshots("tank/data") == ["one"]


def test_release_needs_a_yes_without_a_terminal(world: World) -> None:
    world.snapshot("tank/data@one")
    world.replicate()
    assert "use --yes" in release(world, expect=2)
    assert world.holds("tank/data") == {"one": {"mirror"}}


def test_release_asks_on_a_terminal(world: World) -> None:
    world.snapshot("tank/data@one")
    world.replicate()
    command = "python3 bin/zfs_replicate release -h 127.0.0.1 -r tank/data -t mirror"
    for answer, expected in (("n", {"one": {"mirror"}}), ("y", {})):
        run("sh", "-c", f"echo {answer} | script -qec '{command}' /dev/null")
        assert world.holds("tank/data") == expected
