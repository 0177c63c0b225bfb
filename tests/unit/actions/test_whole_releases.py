"""Whole runs of release, and the holds that a mirror no longer needs, between two simulated machines."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from tests.support.simulator.faults import Fail
from tests.support.whole_runs import MIRROR, RELEASE, RELEASE_HERE, STATUS, Capture, Site, report
from zfs_replicate.cli import main
from zfs_replicate.errors import PoolMissing


def test_release_below_the_root_leaves_the_others_held(site: Site) -> None:
    site.snapshot("one")
    main.main([*MIRROR])
    assert main.main(["release", "-h", "nas1", "-r", "tank/data/a", "-t", "offsite", "--yes"]) == 0
    assert (site.world.holds("tank/data/a"), site.world.dataset("tank/data/a").bookmarks) == ({}, {})
    assert site.world.holds("tank/data/b") == {"one": {"offsite"}}


def test_release_of_the_target_leaves_the_source_held(site: Site, capsys: Capture) -> None:
    site.snapshot("one")
    main.main([*MIRROR])
    site.target.run("zfs", "rename", "off/data/a", "off/data/a b.old")
    site.target.run("zfs", "hold", "admin", "off/data/a b.old@one")
    assert main.main([*RELEASE_HERE, "-l", "off/data/a b.old", "-n"]) == 0
    assert capsys.readouterr().out.startswith("off/data/a b.old@one: held by offsite:target; taken ")
    assert main.main([*RELEASE_HERE, "-l", "off/data/a b.old"]) == 0
    assert site.world.holds("off/data/a b.old") == {"one": {"admin"}}
    assert site.world.holds("off/data/b") == {"one": {"offsite:target"}}
    assert site.world.holds("tank/data/a") == {"one": {"offsite"}}


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("name", ["off/no", "no/data"])
def test_release_of_a_target_that_does_not_exist_says_so(capsys: Capture, name: str) -> None:
    assert main.main([*RELEASE_HERE, "-l", name]) == 1
    assert f"{name} on localhost: there is no such dataset; check -l" in capsys.readouterr().err


def test_holds_that_remain_on_the_target_are_counted(site: Site, capsys: Capture) -> None:
    site.snapshot("one")
    main.main([*MIRROR])
    refused = "cannot release hold from snapshot 'off/data/a@one': permission denied\n"
    site.world.faults.arm(Fail(refused), "zfs release", host="localhost", at="after")
    assert main.main([*RELEASE_HERE, "-l", "off/data"]) == 1
    assert "1 of 3 holds remain on the target" in capsys.readouterr().err


def test_release_shows_the_copies_and_releases_the_holds(site: Site, capsys: Capture) -> None:
    site.snapshot("one")
    main.main([*MIRROR])
    assert main.main([*RELEASE, "-l", "off/data"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.endswith(", on the target too") for line in lines if "held by" in line] == [True] * 3
    assert site.world.holds("tank/data/a") == {}


def test_release_works_where_the_target_pool_is_gone(site: Site, capsys: Capture) -> None:
    site.snapshot("one")
    main.main([*MIRROR])
    assert main.main([*RELEASE, "-l", "elsewhere/data"]) == 0
    assert capsys.readouterr().out.count(", not on the target") == 3
    assert site.world.holds("tank/data/a") == {}


def test_a_mirror_into_a_missing_pool_is_refused(site: Site, capsys: Capture) -> None:
    site.snapshot("one")
    assert main.main([*MIRROR[:4], "-l", "elsewhere/data", *MIRROR[6:], "--report", "report.json"]) == 1
    assert json.loads(Path("report.json").read_text())["run"]["error"]["kind"] == PoolMissing.__name__
    assert "there is no such pool" in capsys.readouterr().err


# --- leftovers ---


def leave_out(site: Site, how: str) -> tuple[str, ...]:
    """Mirror, then do something to tank/data/a or its copy; return the options that the mirror has from then on."""
    site.snapshot("one")
    main.main([*MIRROR])
    match how:
        case "excluded":
            return ("-x", "a")
        case "moved out of the tree":
            site.source.run("zfs", "rename", "tank/data/a", "tank/my a")
        case "renamed here":
            site.target.run("zfs", "rename", "off/data/a", "off/data/a.old")
        case "moved aside with its root":
            site.target.run("zfs", "rename", "off/data", "off/data.old")
        case "gone":
            site.source.run("zfs", "release", "offsite", "tank/data/a@one")
            site.source.run("zfs", "destroy", "-r", "tank/data/a")
    return ()


LEFT = {
    "excluded": {"tank/data/a", "off/data/a"},
    "moved out of the tree": {"tank/my a", "off/data/a"},
    "renamed here": {"off/data/a.old"},
    "moved aside with its root": {"off/data.old"},
    "gone": {"off/data/a"},
}


@pytest.mark.parametrize("how", LEFT)
def test_leftover_holds_go_by_the_commands_that_are_printed(site: Site, capsys: Capture, how: str) -> None:
    options = leave_out(site, how)
    main.main([*MIRROR, *options])
    capsys.readouterr()
    assert main.main([*MIRROR, *options]) == 0
    assert capsys.readouterr() == ("", ""), "a run without -v is silent"
    main.main([*STATUS, *options, "--json"])
    leftovers = json.loads(capsys.readouterr().out)["leftover_holds"]
    assert {leftover["dataset"] for leftover in leftovers} == LEFT[how]
    assert main.main([*MIRROR, *options, "-n"]) == 0
    plan = capsys.readouterr().out
    main.main([*STATUS, *options])
    table = capsys.readouterr().out
    main.main([*MIRROR, *options, "-v"])
    log = capsys.readouterr().err
    for leftover in leftovers:
        assert all(leftover["command"] in text for text in (plan, table, log))
        assert main.main([*shlex.split(leftover["command"])[1:], "--yes"]) == 0
    capsys.readouterr()
    main.main([*STATUS, *options, "--json"])
    assert json.loads(capsys.readouterr().out)["leftover_holds"] == []
    assert main.main([*MIRROR, *options]) == 0
    assert site.world.holds("tank/data/b") == {"one": {"offsite"}}
    assert site.world.holds("off/data/b") == {"one": {"offsite:target"}}


def test_a_report_lists_leftover_holds_within_the_trees(site: Site) -> None:
    leave_out(site, "excluded")
    assert [leftover["side"] for leftover in report("-x", "a")["leftover_holds"]] == ["source", "target"]


def test_a_status_without_a_tag_lists_no_leftover_holds(site: Site, capsys: Capture) -> None:
    leave_out(site, "excluded")
    main.main([*STATUS[:-2], "-x", "a", "--json"])
    assert json.loads(capsys.readouterr().out)["leftover_holds"] == []
