"""Whole runs from words to exit status, between two simulated machines: mirror, status and release, well and badly."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import shlex
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.simulator import SimulatedHost, World
from tests.support.simulator.faults import Call, Fail, HangUp
from zfs_replicate.actions import mirror, one_pass, release, status
from zfs_replicate.cli import main
from zfs_replicate.config import Connection
from zfs_replicate.errors import PoolMissing
from zfs_replicate.model import SECONDS_PER_DAY

Capture = pytest.CaptureFixture[str]

MIRROR = ("-h", "nas1", "-r", "tank/data", "-l", "off/data", "-t", "offsite", "-j", "1")
STATUS = ("status", "-l", "off/data", "-h", "nas1", "-r", "tank/data", "-t", "offsite")
RELEASE = ("release", "-h", "nas1", "-r", "tank/data", "-t", "offsite", "--yes")
RELEASE_HERE = ("release", "--target", "-t", "offsite", "--yes")


@dataclass
class Site:
    """tank/data with two children on nas1, off/data here. `pauses`: seconds between attempts."""

    world: World = field(default_factory=World)
    pauses: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        for pool in ("tank", "off"):
            self.world.add_pool(pool)
        self.source = SimulatedHost(self.world, "tank", name="nas1")
        self.target = SimulatedHost(self.world, "off", name="localhost")
        for name in ("tank/data", "tank/data/a", "tank/data/b"):
            self.source.run("zfs", "create", name)

    def snapshot(self, name: str) -> None:
        for dataset in ("tank/data", "tank/data/a", "tank/data/b"):
            self.world.write(dataset, 4096)
        self.source.run("zfs", "snapshot", "-r", f"tank/data@{name}")


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Site:
    """The program finds these machines where it looks for the source and for this one."""
    new_site = Site()

    @contextlib.contextmanager
    def connected(connection: Connection) -> Iterator[SimulatedHost]:
        new_site.source.reconnect()
        yield new_site.target if connection.is_local else new_site.source

    @contextlib.contextmanager
    def locked(_root: str) -> Iterator[None]:
        yield

    for action in (one_pass, status, release):
        monkeypatch.setattr(action, "connected", connected)
    monkeypatch.setattr(one_pass, "here", lambda _connection: new_site.target)
    monkeypatch.setattr(one_pass, "carrier", lambda _request, _source: None)
    for action in (status, release):
        monkeypatch.setattr(action, "LocalHost", lambda: new_site.target)
    monkeypatch.setattr(mirror, "locked", locked)
    monkeypatch.setattr(time, "sleep", new_site.pauses.append)
    monkeypatch.setattr(time, "time", lambda: new_site.world.now)
    monkeypatch.chdir(tmp_path)
    return new_site


def report(*words: str) -> Any:
    """The report of a run, which must be the exit status's own story."""
    exit_status = main.main([*MIRROR, "--report", "report.json", *words])
    data = json.loads(Path("report.json").read_text())
    assert data["run"]["exit_status"] == exit_status
    return data


def test_a_first_mirror_is_silent_and_complete(site: Site, capsys: Capture) -> None:
    site.snapshot("one")
    assert report()["totals"]["outcomes"]["received"] == 3
    assert capsys.readouterr() == ("", "")
    assert site.world.snapshots("off/data/b") == ["one"]
    assert site.world.holds("tank/data/b") == {"one": {"offsite"}}


def test_at_a_terminal_each_dataset_has_a_line(site: Site, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    site.snapshot("one")
    assert main.main([*MIRROR, "--progress", "never"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines[:3]] == ["off/data", "off/data/a", "off/data/b"]
    assert lines[3].startswith("3 datasets, 3 received: ")


def test_a_dry_run_prints_the_plan_and_changes_nothing(site: Site, capsys: Capture) -> None:
    site.snapshot("one")
    assert main.main([*MIRROR, "-n"]) == 0
    plan = capsys.readouterr().out
    assert "send tank/data/a@one in full" in plan
    assert plan.splitlines()[-1].startswith("3 datasets, 3 to receive 3 snapshots")
    assert not [command for command in site.source.commands if command[:2] == ("zfs", "hold")]


def test_a_dry_run_as_json_prints_nothing_else(site: Site, capsys: Capture) -> None:
    site.snapshot("one")
    assert main.main([*MIRROR, "-n", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["run"]["kind"] == "plan"


VANISHING = {
    "a dataset": ("-r", "tank/data/a"),
    "the snapshot to be sent": ("tank/data/a@two",),
    "all snapshots of a dataset": ("tank/data/a@one,two",),
}


@pytest.mark.parametrize("what", VANISHING)
@pytest.mark.parametrize("command", ["zfs holds", "zfs hold ", "zfs send"])
def test_vanishing_from_the_source_fails_nothing(site: Site, capsys: Capture, what: str, command: str) -> None:
    """Also without --retries: what is left is planned anew at once."""

    def vanish() -> None:
        for snapshot in site.world.dataset("tank/data/a").snapshots:
            snapshot.holds.clear()
        site.source.run("zfs", "destroy", *VANISHING[what])

    site.snapshot("one")
    main.main([*MIRROR])
    site.snapshot("two")
    site.world.faults.arm(Call(vanish), command, host="nas1")
    data = report("--retries", "0")
    assert (data["run"]["exit_status"], site.pauses) == (0, [])
    assert capsys.readouterr().err == ""
    assert [site.world.snapshots(f"off/data{name}") for name in ("", "/a", "/b")] == [
        ["one", "two"],
        ["one"],
        ["one", "two"],
    ]


def test_a_conflict_is_one_paragraph_and_leaves_the_others_alone(site: Site, capsys: Capture) -> None:
    site.snapshot("one")
    main.main([*MIRROR])
    site.world.write("off/data/a", 1 << 20)
    site.snapshot("two")
    assert main.main([*MIRROR, "-n"]) == 1
    capsys.readouterr()
    data = report()
    assert (data["run"]["exit_status"], data["totals"]["outcomes"]["conflict"]) == (1, 1)
    assert capsys.readouterr().err.count("\n") == 1
    assert site.world.snapshots("off/data/b") == ["one", "two"]


def test_a_lost_connection_is_tried_again_after_a_pause(site: Site) -> None:
    site.snapshot("one")
    site.world.faults.arm(HangUp(), "zfs send")
    data = report()
    assert (data["run"]["exit_status"], data["run"]["attempts"], site.pauses) == (0, 2, [5])


def test_an_error_that_stays_ends_after_the_last_attempt(site: Site, capsys: Capture) -> None:
    site.snapshot("one")
    for nth in (1, 2):
        site.world.faults.arm(Fail("cannot hold: pool or dataset is busy\n"), "zfs hold", nth=nth)
    data = report("--retries", "1")
    assert (data["run"]["exit_status"], data["run"]["attempts"], site.pauses) == (1, 2, [5])
    assert [command[:2] for command in site.source.commands].count(("zfs", "hold")) == 2
    assert "tank/data@one on nas1: cannot place the hold offsite" in capsys.readouterr().err


def test_each_pause_is_three_times_the_one_before(site: Site) -> None:
    site.snapshot("one")
    for nth in (1, 2, 3):
        site.world.faults.arm(Fail("cannot hold: pool or dataset is busy\n"), "zfs hold", nth=nth)
    data = report("--retries", "3")
    assert (data["run"]["exit_status"], data["run"]["attempts"], site.pauses) == (0, 4, [5, 15, 45])


def test_a_permanent_error_is_not_tried_again(site: Site, capsys: Capture) -> None:
    data = report()
    assert (data["run"]["exit_status"], data["run"]["attempts"], site.pauses) == (1, 1, [])
    assert "there are no snapshots to mirror" in capsys.readouterr().err


def test_a_job_that_fails_does_not_stop_the_next(site: Site, capsys: Capture) -> None:
    site.snapshot("one")
    Path("jobs.toml").write_text(
        '[defaults]\nhost = "nas1"\njobs = 1\ntag = "offsite"\n'
        '[jobs.bad]\nremote = "tank/none"\nlocal = "off/none"\n'
        '[jobs.good]\nremote = "tank/data"\nlocal = "off/data"\n'
    )
    assert main.main(["run", "--config", "jobs.toml"]) == 1
    assert capsys.readouterr().err.startswith("zfs_replicate: job bad: tank/none on nas1")
    assert site.world.snapshots("off/data") == ["one"]


def test_metrics_need_their_package_before_the_run(
    site: Site, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    assert main.main([*MIRROR, "--metrics", "x.prom"]) == 1
    assert "the Python package prometheus_client is missing" in capsys.readouterr().err
    assert site.source.commands == []


# --- status ---


def test_status_compares_both_sides(site: Site, capsys: Capture) -> None:
    site.snapshot("one")
    main.main([*MIRROR])
    site.snapshot("two")
    assert main.main([*STATUS, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [(dataset["dataset"], dataset["behind_snapshots"]) for dataset in data["datasets"]] == [
        ("off/data", 1),
        ("off/data/a", 1),
        ("off/data/b", 1),
    ]


def test_a_wrong_clock_is_in_log_report_and_status(site: Site, capsys: Capture) -> None:
    site.snapshot("one")
    report()
    site.source.machine = replace(site.source.machine, seconds_ahead=2 * SECONDS_PER_DAY)
    (warning,) = report()["warnings"]
    assert warning.startswith("the clocks disagree: it is ")
    assert warning in capsys.readouterr().err
    assert main.main([*STATUS]) == 1
    assert warning in capsys.readouterr().out
    assert main.main([*MIRROR, "-n"]) == 0
    assert f"warning: {warning}" in capsys.readouterr().out


def test_status_without_a_copy_or_its_pool_is_a_warning(site: Site, capsys: Capture) -> None:
    site.snapshot("one")
    assert main.main([*STATUS[:2], "elsewhere/data", *STATUS[3:]]) == 1
    assert "not mirrored yet" in capsys.readouterr().out


def test_status_without_a_copy_beyond_crit_is_critical(site: Site, capsys: Capture) -> None:
    site.snapshot("one")
    site.world.now += 3 * SECONDS_PER_DAY
    assert main.main([*STATUS[:2], "elsewhere/data", *STATUS[3:], "--crit", "2d"]) == 2
    assert "not mirrored yet" in capsys.readouterr().out


@pytest.mark.usefixtures("site")
def test_status_that_fails_is_unknown_on_stdout(capsys: Capture) -> None:
    assert main.main([*STATUS[:6], "tank/none", *STATUS[7:]]) == 3
    stdout, stderr = capsys.readouterr()
    assert (stdout.startswith("ZFS_REPLICATE UNKNOWN - "), stderr) == (True, "")


@pytest.mark.usefixtures("site")
def test_an_internal_error_of_status_is_unknown_too(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "read_both", lambda *_places, **_options: 1 / 0)
    assert main.main([*STATUS]) == 3
    assert capsys.readouterr().out.startswith("ZFS_REPLICATE UNKNOWN - internal error: ZeroDivisionError")


# --- release ---


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
