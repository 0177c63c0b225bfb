"""Test what each kind of run leaves behind, and how a failure to write it changes the exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.reported_runs import good_run, lost_run, plan, run
from zfs_replicate.output.publish import publish

Capture = pytest.CaptureFixture[str]


EXIT_CODE = "zfs_replicate_exit_code{"


def words(directory: Path) -> list[str]:
    """Return options for all outputs."""
    return [
        *("--report", f"{directory}/report.json", "--metrics", f"{directory}/mirror.prom"),
        *("--on-success", f"cat > {directory}/success", "--on-failure", f"cat > {directory}/failure"),
    ]


def left(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def test_a_good_run_leaves_files_and_calls_the_success_hook(tmp_path: Path, capsys: Capture) -> None:
    assert publish(good_run(*words(tmp_path))) == 0
    assert left(tmp_path) == {"report.json", "mirror.prom", "success"}
    assert (tmp_path / "success").read_text() == (tmp_path / "report.json").read_text()
    assert capsys.readouterr() == ("", "")


def test_a_failed_run_calls_the_failure_hook(tmp_path: Path) -> None:
    assert publish(lost_run(*words(tmp_path))) == 3
    assert left(tmp_path) == {"report.json", "mirror.prom", "failure"}
    assert json.loads((tmp_path / "failure").read_text())["run"]["error"]["kind"] == "ConnectionFailed"


def test_json_is_one_object_on_stdout(capsys: Capture) -> None:
    assert publish(good_run("--json")) == 0
    assert json.loads(capsys.readouterr().out)["run"]["result"] == "success"


def test_a_dry_run_leaves_its_plan_and_calls_nobody(tmp_path: Path) -> None:
    assert publish(run(plan(), (), "-n", *words(tmp_path))) == 0
    assert left(tmp_path) == {"report.json"}


def test_a_run_that_gave_way_leaves_the_files_to_the_other_one(tmp_path: Path, capsys: Capture) -> None:
    assert publish(run(None, (), "--json", *words(tmp_path), is_skipped=True, attempts=())) == 0
    assert left(tmp_path) == set()
    assert json.loads(capsys.readouterr().out)["run"]["result"] == "skipped"


def test_a_report_that_cannot_be_written_makes_a_good_run_fail(tmp_path: Path, capsys: Capture) -> None:
    good = good_run(*words(tmp_path))
    (tmp_path / "report.json").symlink_to("no/such/directory")
    assert publish(good) == 1
    assert "cannot be written" in capsys.readouterr().err
    failure = json.loads((tmp_path / "failure").read_text())["run"]
    assert (failure["error"]["kind"], failure["exit_status"]) == ("OutputFileError", 1)
    (line,) = (line for line in (tmp_path / "mirror.prom").read_text().splitlines() if line.startswith(EXIT_CODE))
    assert line.endswith(" 1.0")


def test_an_unwritable_file_does_not_hide_a_worse_status(tmp_path: Path) -> None:
    lost = lost_run(*words(tmp_path))
    (tmp_path / "report.json").symlink_to("no/such/directory")
    assert publish(lost) == 3


def test_a_failed_hook_is_reported_and_changes_no_status(capsys: Capture) -> None:
    assert publish(good_run("--on-success", "echo no route; exit 6")) == 0
    assert "--on-success: the command ended with status 6 (no route)" in capsys.readouterr().err


def test_a_hook_knows_the_run_from_its_environment(tmp_path: Path) -> None:
    line = f'echo "$ZFS_REPLICATE_RUN_ID $ZFS_REPLICATE_RESULT $ZFS_REPLICATE_EXIT_STATUS" > {tmp_path}/result'
    publish(lost_run("--on-failure", line))
    assert (tmp_path / "result").read_text() == "0123456789abcdef failure 3\n"


def test_a_malformed_metrics_file_is_reported_and_replaced(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "mirror.prom"
    path.write_text("what is this {")
    assert publish(good_run("--metrics", str(path))) == 0
    assert "cannot read the metrics of the previous run" in caplog.text
    assert "zfs_replicate_exit_code" in path.read_text()
