"""Test holds: placed before anything is sent, restored by every run, moved only forward; and chains of mirrors."""

from __future__ import annotations

import pytest

from tests.support.lab.world import World, mirror_identity, run, zfs
from zfs_replicate.zfs import marks


def test_holds_stand_on_the_newest_common_snapshot_of_both_sides(world: World) -> None:
    world.snapshot("tank/data@one", "tank/data@two")
    world.replicate()
    assert world.holds("tank/data") == {"two": {"mirror"}}
    assert world.holds("offsite/data") == {"two": {"mirror:target"}}


def test_holds_move_with_each_run(world: World) -> None:
    world.snapshot("tank/data@one")
    world.replicate()
    world.snapshot("tank/data@two", "tank/data@three")
    world.replicate()
    assert world.holds("tank/data") == {"three": {"mirror"}}
    assert world.holds("offsite/data") == {"three": {"mirror:target"}}


def test_holds_keep_the_common_snapshot_on_the_source(world: World) -> None:
    world.snapshot("tank/data@one")
    world.replicate()
    world.snapshot("tank/data@two")
    assert run("zfs", "destroy", "tank/data@one", check=False).returncode == 1
    world.replicate()
    zfs("destroy", "tank/data@one")
    assert world.snapshots("tank/data") == ["two"]


def test_holds_are_repaired_with_nothing_to_send(world: World) -> None:
    world.snapshot("tank/data@one")
    world.replicate()
    zfs("release", "mirror", "tank/data@one")
    zfs("release", "mirror:target", "offsite/data@one")
    world.replicate()
    assert world.holds("tank/data") == {"one": {"mirror"}}
    assert world.holds("offsite/data") == {"one": {"mirror:target"}}


def test_holds_are_placed_before_the_first_stream(world: World) -> None:
    """The target has room for two of three: the third is held all the same, and so is the newest that has arrived."""
    world.snapshot("tank/data@one", "tank/data@two")
    zfs("set", "quota=1M", "offsite")
    world.write("tank/data", "large", 4 << 20)
    world.snapshot("tank/data@three")
    world.replicate(expect=1)
    assert world.snapshots("offsite/data") == ["one", "two"]
    claim = marks.claim_tag("mirror", mirror_identity())
    assert world.holds("tank/data") == {"one": {"mirror", claim}, "two": {"mirror"}, "three": {"mirror"}}
    zfs("set", "quota=none", "offsite")
    world.replicate()
    assert world.holds("tank/data") == {"three": {"mirror"}}


def test_holds_of_a_failed_run_are_tidied_by_the_next(world: World) -> None:
    world.snapshot("tank/data@one")
    world.replicate()
    world.write("tank/data", "large", 8 << 20)
    world.snapshot("tank/data@two")
    zfs("set", "quota=2M", "offsite")
    world.replicate(expect=1)
    assert world.holds("tank/data") == {"one": {"mirror"}, "two": {"mirror"}}
    zfs("set", "quota=none", "offsite")
    world.replicate()
    assert world.holds("tank/data") == {"two": {"mirror"}}


def test_holds_on_snapshots_unknown_to_the_target_stay(world: World) -> None:
    world.snapshot("tank/data@stranger")
    zfs("hold", "mirror", "tank/data@stranger")
    world.snapshot("tank/data@one")
    zfs("create", "tank/other")
    run("sh", "-c", "zfs send tank/data@one | zfs receive -u offsite/data")
    done = world.replicate("-v")
    beside = marks.tag_beside("mirror", mirror_identity())
    assert world.holds("tank/data") == {"stranger": {"mirror"}, "one": {beside}}
    assert "seems to use the tag mirror, too" in done.stderr


def test_holds_of_another_mirror_are_left_alone(world: World) -> None:
    world.snapshot("tank/data@one")
    world.replicate_from("tank/data", "offsite/first", tag="first")
    world.snapshot("tank/data@two")
    world.replicate_from("tank/data", "offsite/second", tag="second")
    assert world.holds("tank/data") == {"one": {"first"}, "two": {"second"}}


def test_holds_are_batched(world: World, counting_sshd) -> None:  # type: ignore[no-untyped-def]
    for number in range(8):
        zfs("create", "-u", f"tank/data/child{number}")
    for name, hold_commands in (("one", 2), ("two", 1)):  # in the first run the claim, too
        world.snapshot(f"tank/data@{name}", recursive=True)
        before = len(counting_sshd.commands())
        world.replicate("-p", str(counting_sshd.port))
        commands = counting_sshd.commands()[before:]
        assert len([line for line in commands if " zfs hold " in line]) == hold_commands


@pytest.fixture
def chain(world: World) -> World:
    """tank (A) → offsite (B) → offsite/c (C), each hop with its own tag."""
    world.snapshot("tank/data@old", days_ago=40)
    world.replicate_from("tank/data", "offsite/b", tag="hop1")
    world.replicate_from("offsite/b", "offsite/c/b", tag="hop2")
    return world


def test_chain_carries_snapshots_through_both_hops(chain: World) -> None:
    chain.snapshot("tank/data@new")
    chain.replicate_from("tank/data", "offsite/b", tag="hop1")
    chain.replicate_from("offsite/b", "offsite/c/b", tag="hop2")
    assert chain.guids("offsite/c/b") == chain.guids("tank/data")
    assert chain.holds("offsite/b") == {"new": {"hop1:target", "hop2"}}


def test_expiry_in_a_chain_respects_the_hold_of_the_next_hop(chain: World) -> None:
    chain.snapshot("tank/data@new")
    done = chain.replicate_from("tank/data", "offsite/b", "-k", "30", "-v", tag="hop1")
    assert chain.snapshots("offsite/b") == ["old", "new"]
    assert "offsite/b@old: kept: held by hop2" in done.stderr
    chain.replicate_from("offsite/b", "offsite/c/b", tag="hop2")
    chain.replicate_from("tank/data", "offsite/b", "-k", "30", tag="hop1")
    assert chain.snapshots("offsite/b") == ["new"]
