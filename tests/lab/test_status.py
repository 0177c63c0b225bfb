"""Test status as a monitoring system uses it: the first line, and exit status 0, 1, 2 and 3."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema

from tests.support import TOP
from tests.support.lab.world import World, run, zfs

SCHEMA = json.loads((TOP / "docs" / "status.schema.json").read_text())
LOCAL = ("status", "-l", "offsite/data", "-t", "mirror")
LIMITS = ("--warn", "2d", "--crit", "4d")


def status_of(world: World, *options: str, expect: int = 0) -> Any:
    """Return the JSON object, checked against its schema."""
    data = json.loads(world.program(*LOCAL, *options, "--json", expect=expect).stdout)
    jsonschema.validate(data, SCHEMA)
    return data


def first(text: str) -> str:
    return text.splitlines()[0]


def test_status_from_the_first_run_to_a_copy_that_is_too_old(world: World) -> None:
    """Follow one mirror, with and without its source."""
    source = ("-h", "localhost", "-r", "tank/data")
    both = (*LOCAL, *source)
    assert "CRITICAL - offsite/data: there is no copy" in world.program(*LOCAL, expect=2).stdout
    zfs("create", "tank/data/web")
    world.snapshot("tank/data@one", days_ago=3, recursive=True)
    assert "not mirrored yet" in world.program(*both, *LIMITS, expect=1).stdout
    world.replicate(host="localhost")
    assert first(world.program(*LOCAL).stdout).startswith(
        "ZFS_REPLICATE OK - offsite/data: 2 datasets, oldest copy 3 days"
    )
    late = world.program(*both, *LIMITS, expect=1).stdout
    assert first(late).startswith("ZFS_REPLICATE WARNING - 2 of 2 datasets below offsite/data: offsite/data: 3 days")
    assert "behind=0;;;0" in first(late)
    world.program(*LOCAL, "--crit", "3d", expect=2)

    world.snapshot("tank/data@two", recursive=True)
    behind = status_of(world, *source)
    assert [dataset["behind_snapshots"] for dataset in behind["datasets"]] == [1, 1]
    world.replicate(host="localhost")
    table = world.program(*both, *LIMITS).stdout
    assert "\033" not in table
    assert [line.split()[:2] for line in table.splitlines()[2:]] == [
        ["offsite/data", "@two"],
        ["offsite/data/web", "@two"],
    ]


def test_status_of_lost_holds_orphans_and_a_local_snapshot(world: World) -> None:
    zfs("create", "tank/data/gone")
    world.snapshot("tank/data@one", recursive=True, days_ago=9)
    world.replicate(host="localhost")
    zfs("release", "mirror", "tank/data/gone@one")
    zfs("destroy", "-r", "tank/data/gone")
    world.snapshot("offsite/data@own")
    zfs("release", "mirror", "tank/data@one")
    both = ("-h", "127.0.0.1", "-r", "tank/data")
    data = status_of(world, *both, expect=1)
    root, gone = data["datasets"]
    assert (root["newest"], root["source_hold"], root["target_hold"]) == ("one", False, True)
    assert root["problems"] == ["the hold mirror on the source is missing"]
    assert (gone["orphan"], gone["level"]) == (True, "OK")
    # without the source an orphan looks like any copy; -x excludes it
    world.program(*LOCAL, "--crit", "1d", "-x", "gone", expect=2)
    zfs("release", "mirror:target", "offsite/data@one")
    assert "the hold mirror:target on the target is missing" in world.program(*LOCAL, expect=1).stdout


def test_status_of_an_unfinished_receive(world: World, tmp_path: Path) -> None:
    world.snapshot("tank/data@one")
    world.replicate(host="localhost")
    world.write("tank/data", "large", 4 << 20)
    world.snapshot("tank/data@two")
    cut = tmp_path / "cut"
    run("sh", "-c", f"zfs send -i @one tank/data@two | head -c 2000000 > {cut}")
    run("sh", "-c", f"zfs receive -s -u offsite/data < {cut}", check=False)
    dataset = status_of(world)["datasets"][0]
    assert dataset["unfinished_receive"] is True
    assert dataset["newest"] == "one"


def test_status_that_cannot_be_found_out_is_unknown(world: World) -> None:
    for options in (("-h", "localhost", "-r", "tank/nope"), ("-h", "nas1"), ("--warn", "yesterday"), ("--nope",)):
        done = world.program(*LOCAL, *options, expect=3)
        assert done.stdout.startswith("ZFS_REPLICATE UNKNOWN - ")
        assert len(done.stdout.splitlines()) == 1
    assert status_of(world, "-h", "localhost", "-r", "tank/nope", expect=3)["level"] == "UNKNOWN"
