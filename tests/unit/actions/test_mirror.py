"""Test runs that end early: each writes its report and metrics, and runs its hook."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.support.reported_runs import LINE, carried_out, plan
from zfs_replicate.actions import mirror
from zfs_replicate.cli import main
from zfs_replicate.config import MirrorRequest
from zfs_replicate.errors import AlreadyRunning, ConnectionFailed, UsageError
from zfs_replicate.plans import Attempt

Capture = pytest.CaptureFixture[str]


def ended(
    monkeypatch: pytest.MonkeyPatch, directory: Path, error: BaseException | signal.Signals, *more: str
) -> tuple[int, Any]:
    """Run a mirror that executes a plan and then ends with this error; return its exit status and its report."""

    def make_attempts(_request: MirrorRequest, attempts: list[Attempt]) -> int:
        executed = plan()
        attempts.append(Attempt(executed, carried_out(executed)))
        if isinstance(error, signal.Signals):
            signal.raise_signal(error)
            raise AssertionError("the signal arrives at once")
        raise error

    monkeypatch.setattr(mirror, "_make_attempts", make_attempts)
    path = directory / "report.json"
    hooks = ("--on-failure", f"cat > {directory}/failure", "--on-success", f"cat > {directory}/success")
    status = main.main([*LINE, "--report", str(path), "--metrics", f"{directory}/x.prom", *hooks, *more])
    return status, json.loads(path.read_text()) if path.exists() else None


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (ConnectionFailed("nas1: lost"), 3, "ConnectionFailed"),
        (UsageError("off/a: overlaps"), 2, "UsageError"),
        (ZeroDivisionError("a bug"), 1, "ZeroDivisionError"),
        (ModuleNotFoundError(name="paramiko"), 1, "ModuleNotFoundError"),
        (signal.SIGTERM, 143, "Ended"),
    ],
)
def test_a_run_that_ends_early_leaves_all_and_calls(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: BaseException | signal.Signals, status: int, kind: str
) -> None:
    exit_status, data = ended(monkeypatch, tmp_path, error)
    assert (exit_status, data["run"]["exit_status"], data["run"]["error"]["kind"]) == (status, status, kind)
    assert data["datasets"][0]["outcome"] == "received"  # what was done before the end is reported
    assert json.loads((tmp_path / "failure").read_text()) == data
    assert not (tmp_path / "success").exists()
    exit_code = next(line for line in (tmp_path / "x.prom").read_text().splitlines() if "_exit_code{" in line)
    assert exit_code.endswith(f" {status}.0")


def test_json_is_all_there_is_on_stdout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Capture) -> None:
    _status, data = ended(monkeypatch, tmp_path, ConnectionFailed("nas1: lost"), "--json")
    stdout, stderr = capsys.readouterr()
    assert json.loads(stdout) == data
    assert stderr == "zfs_replicate: nas1: lost\n"


def test_with_a_json_log_the_failure_is_a_record(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Capture
) -> None:
    _status, data = ended(monkeypatch, tmp_path, ConnectionFailed("nas1: lost"), "--log-format", "json")
    (record,) = map(json.loads, capsys.readouterr().err.splitlines())
    assert (record["level"], record["message"], record["run"]) == ("error", "nas1: lost", data["run"]["id"])


def test_a_run_that_gives_way_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Capture) -> None:
    assert ended(monkeypatch, tmp_path, AlreadyRunning("off/a: another run is already working")) == (0, None)
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr() == ("", "")


def test_an_internal_error_is_traced_at_debug_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Capture
) -> None:
    ended(monkeypatch, tmp_path, ZeroDivisionError("a bug"))
    assert "Traceback" not in capsys.readouterr().err
    ended(monkeypatch, tmp_path, ZeroDivisionError("a bug"), "--log-level", "debug")
    assert "zfs_replicate: internal error: Traceback" in capsys.readouterr().err
