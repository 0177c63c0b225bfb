"""Test that an odd foreign thing on either side stops at most its own dataset."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.lab.world import World, run, zfs

LATIN_1 = os.fsdecode(b"latin \xe9")


def test_hold_tags_of_any_bytes(world: World) -> None:
    """Also one that looks as if the next dataset were held by us: that one gets its hold."""
    for name in ("odd", "other"):
        zfs("create", "-u", f"tank/data/{name}")
    world.snapshot("tank/data@a", recursive=True)
    zfs("hold", "nightly", "tank/data/other@a")
    since = zfs("holds", "-H", "tank/data/other@a").rstrip("\n").rpartition("\t")[2]
    for tag in ("tab\tin it", "line\nbreak", LATIN_1, "\x1b[2J", f"x\t{since}\ntank/data/other@a\tmirror"):
        zfs("hold", tag, "tank/data/odd@a")
    world.replicate()
    assert world.holds("tank/data/other") == {"a": {"nightly", "mirror"}}
    assert world.guids("offsite/data/odd") == world.guids("tank/data/odd")

    for tag in ("tab\tin it", LATIN_1, f"x\t{since}\noffsite/data/other@a\tmirror:target"):
        zfs("hold", tag, "offsite/data/odd@a")
    world.snapshot("tank/data@b", recursive=True)
    world.replicate("-k", "0")
    world.program("status", "-h", "127.0.0.1", "-r", "tank/data", "-l", "offsite/data", "-t", "mirror")
    kept = {name: world.snapshots(f"offsite/data{name}") for name in ("", "/odd", "/other")}
    assert kept == {"": ["b"], "/odd": ["a", "b"], "/other": ["b"]}
    assert "mirror" in run("zfs", "holds", "-H", "tank/data/odd@b").stdout
    assert "mirror" not in run("zfs", "holds", "-H", "tank/data/other@a").stdout


def test_user_properties_of_a_pool_with_any_bytes(world: World) -> None:
    if "zfs-2.1" in zfs("version"):
        pytest.skip("pools have user properties from OpenZFS 2.2 on")
    for pool in ("tank", "offsite"):
        for name, value in (
            ("x:a", "tab\tline\nbreak\n"),
            ("x:b", "x\nfeature@large_blocks\tx\nguid\tx"),
            ("x:c", LATIN_1),
        ):
            run("zpool", "set", f"{name}={value}", pool)
    world.snapshot("tank/data@a")
    world.replicate()
    assert world.guids("offsite/data") == world.guids("tank/data")


def channel_snapshot(dataset: str, name: str, directory: Path) -> None:
    """Take a snapshot by a channel program, which checks no name."""
    program = directory / "snapshot.lua"
    program.write_text(f'zfs.sync.snapshot("{dataset}@{name}")')
    run("zfs", "program", dataset.partition("/")[0], str(program))


def test_snapshots_with_names_that_zfs_cannot_receive(world: World, tmp_path: Path) -> None:
    """They are left out, and all others arrive; also those of a dataset whose old snapshot has too long a name here."""
    long = f"tank/data/{'l' * 100}"
    zfs("create", "-u", long)
    world.snapshot(f"{long}@{'s' * 144}", days_ago=40)
    world.snapshot("tank/data@a", recursive=True)
    for number, name in enumerate(("a%b", "a$b", r"tab\tin it", "caf\u00e9", r"latin \xe9")):
        channel_snapshot("tank/data", name, tmp_path)
        world.snapshot(f"tank/data@after{number}")
    world.snapshot("tank/data@b", recursive=True)
    done = world.replicate_from("tank/data", f"offsite/{'d' * 20}", "-k", "30", "-v")
    afterwards = [f"after{number}" for number in range(5)]
    assert world.snapshots(f"offsite/{'d' * 20}") == ["a", *afterwards, "b"]
    assert world.snapshots(f"offsite/{'d' * 20}/{'l' * 100}") == ["a", "b"]
    assert "left out, because zfs cannot receive a name like this: @a%b, @a$b, @tab" in done.stderr
