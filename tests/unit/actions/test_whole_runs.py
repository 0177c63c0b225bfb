"""Whole runs from words to exit status, between two simulated machines: mirror and status, well and badly."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.simulator.faults import Call, Fail, HangUp
from tests.support.whole_runs import MIRROR, STATUS, Capture, Site, report
from zfs_replicate.actions import status
from zfs_replicate.cli import main
from zfs_replicate.model import SECONDS_PER_DAY


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
