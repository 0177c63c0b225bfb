"""Test cut streams: what has arrived is kept, and the next run resumes there."""

from __future__ import annotations

import subprocess

from tests.support.lab.world import World, run, zfs


def token(world: World, dataset: str = "offsite/data") -> str:
    return world.get(dataset, "receive_resume_token")


def cut_first_send(world: World, port: int) -> None:
    world.write("tank/data", "large", 2_000_000)
    world.snapshot("tank/data@one")
    done = world.replicate("-p", str(port), expect=1)
    assert "the stream ended early" in done.stderr
    assert token(world).startswith("1-")


def cut_incremental(world: World, port: int) -> None:
    world.snapshot("tank/data@zero")
    world.replicate(host="localhost")
    world.write("tank/data", "large", 2_000_000)
    world.snapshot("tank/data@one", "tank/data@two")
    world.replicate("-p", str(port), expect=1)
    assert token(world).startswith("1-")


def test_resume_first_send(world: World, cutting_port: int) -> None:
    cut_first_send(world, cutting_port)
    world.snapshot("tank/data@two")
    done = world.replicate("-n")
    assert "resume tank/data@one" in done.stdout
    world.replicate(host="localhost")
    assert world.guids("offsite/data") == world.guids("tank/data")
    assert world.read("offsite/data", "large") == world.read("tank/data", "large")
    assert world.get("offsite/data", "readonly") == "on"
    assert world.holds("tank/data") == {"two": {"mirror"}}


def test_resume_incremental_then_the_rest(world: World, cutting_port: int) -> None:
    cut_incremental(world, cutting_port)
    assert world.holds("tank/data") == {"zero": {"mirror"}, "two": {"mirror"}}
    world.snapshot("tank/data@three")
    world.replicate()
    assert world.guids("offsite/data") == world.guids("tank/data")
    assert world.holds("tank/data") == {"three": {"mirror"}}


def test_resume_moves_only_the_rest(world: World, cutting_port: int) -> None:
    cut_first_send(world, cutting_port)
    done = world.replicate("-v")
    assert "tank/data@one → offsite/data, resumed\n" in done.stderr
    moved = next(line for line in done.stderr.splitlines() if "1 snapshot, " in line)
    assert moved.endswith(", resumed: tank/data@one")
    assert float(moved.split("1 snapshot, ")[1].split()[0]) < 1700  # KiB


def test_stale_token_of_a_first_send_is_cleared_and_said(world: World, cutting_port: int) -> None:
    cut_first_send(world, cutting_port)
    for tag in world.holds("tank/data")["one"]:
        zfs("release", tag, "tank/data@one")
    zfs("destroy", "tank/data@one")
    world.snapshot("tank/data@two")
    done = world.replicate()
    assert (
        "offsite/data: clearing the saved state of an interrupted receive: the source no longer has tank/data@one"
        in done.stderr
    )
    assert world.guids("offsite/data") == world.guids("tank/data")


def test_stale_token_of_an_incremental_is_cleared_and_said(world: World, cutting_port: int) -> None:
    cut_incremental(world, cutting_port)
    zfs("destroy", "tank/data@one")
    done = world.replicate()
    assert "clearing the saved state" in done.stderr
    assert world.guids("offsite/data") == world.guids("tank/data")
    assert world.snapshots("offsite/data") == ["zero", "two"]


def test_stale_token_of_a_renamed_snapshot_is_cleared(world: World, cutting_port: int) -> None:
    cut_incremental(world, cutting_port)
    zfs("rename", "tank/data@one", "tank/data@uno")
    world.replicate()
    assert world.snapshots("offsite/data") == ["zero", "uno", "two"]


def test_snapshot_taken_on_the_target_makes_a_saved_state_stale(world: World, cutting_port: int) -> None:
    """With an auto-snapshotter on the target, zfs would receive all the rest and then fail, at every run."""
    cut_incremental(world, cutting_port)
    world.snapshot("offsite/data@auto")
    done = world.replicate()
    assert "a snapshot has since been taken on the target: @auto" in done.stderr
    assert world.snapshots("offsite/data") == ["zero", "auto", "one", "two"]


def test_saved_state_on_top_of_an_own_snapshot_is_continued(world: World, cutting_port: int) -> None:
    world.snapshot("tank/data@zero")
    world.replicate(host="localhost")
    world.snapshot("offsite/data@own")
    world.write("tank/data", "large", 2_000_000)
    world.snapshot("tank/data@one")
    world.replicate("-p", str(cutting_port), expect=1)
    assert "resume tank/data@one" in world.replicate("-n").stdout
    world.replicate()
    assert world.snapshots("offsite/data") == ["zero", "own", "one"]


def test_token_of_another_source_is_cleared_not_continued(world: World, cutting_port: int) -> None:
    """The target was partly received from another dataset: its token does not belong to this run's source."""
    cut_first_send(world, cutting_port)
    zfs("create", "tank/other")
    world.snapshot("tank/other@here")
    world.replicate_from("tank/other", "offsite/data")
    assert world.guids("offsite/data") == world.guids("tank/other")


def test_unfinished_first_receive_does_not_stop_siblings(world: World, cutting_port: int) -> None:
    for child in ("a", "b"):
        zfs("create", f"tank/data/{child}")
    world.write("tank/data/a", "large", 2_000_000)
    world.snapshot("tank/data@one", recursive=True)
    world.replicate("-p", str(cutting_port), expect=1)
    assert world.snapshots("offsite/data/b") == ["one"]
    world.replicate(host="localhost")
    assert world.guids("offsite/data/a") == world.guids("tank/data/a")


def test_resume_fills_a_placeholder(world: World, cutting_port: int) -> None:
    zfs("create", "tank/data/a")
    zfs("create", "tank/data/a/b")
    world.snapshot("tank/data@one", "tank/data/a/b@one")
    world.replicate(host="localhost")
    world.write("tank/data/a", "large", 2_000_000)
    world.snapshot("tank/data/a@two")
    world.replicate("-p", str(cutting_port), expect=1)
    assert token(world, "offsite/data/a").startswith("1-")
    world.replicate()
    assert world.guids("offsite/data/a") == world.guids("tank/data/a")
    assert world.snapshots("offsite/data/a/b") == ["one"]


def test_receive_under_way_elsewhere_is_not_disturbed(world: World) -> None:
    world.write("tank/data", "large", 2_000_000)
    world.snapshot("tank/data@one")
    slow = "{ zfs send tank/data@one | head -c 600000; sleep 8; } | zfs receive -s -u offsite/data"
    with subprocess.Popen(["sh", "-c", slow], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
        run("sh", "-c", "until zfs get -H -o value receive_resume_token offsite/data | grep -q ^1-; do sleep 0.2; done")
        done = world.replicate(expect=1)
    assert "another receive is running" in done.stderr
    world.replicate(host="localhost")
    assert world.guids("offsite/data") == world.guids("tank/data")
