"""Test the program around a pass: the exit status, and what goes to stdout and stderr."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from unittest import mock

import pytest

from tests.support import TOP
from zfs_replicate import errors, signals
from zfs_replicate.actions import mirror
from zfs_replicate.cli import main
from zfs_replicate.cli.manual import MANUAL

LINE = ["-h", "nas1", "-r", "tank/a", "-l", "off/a", "-t", "offsite"]


@pytest.fixture
def mirror_raises(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException | None], None]:
    def set_up(error: BaseException | None) -> None:
        attempts = mock.create_autospec(mirror._make_attempts, return_value=0, side_effect=error)
        monkeypatch.setattr(mirror, "_make_attempts", attempts)

    return set_up


Raises = Callable[[BaseException | None], None]


def test_help_goes_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["--help"]) == 0
    assert capsys.readouterr() == (MANUAL, "")


def test_bad_usage_is_2_with_the_usage_lines_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main([*LINE, "-k", "-1"]) == 2
    stdout, stderr = capsys.readouterr()
    assert stdout == ""
    assert stderr.startswith("zfs_replicate: -k '-1': must be a whole number")
    assert "Usage:\n  zfs_replicate -h HOST" in stderr


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (None, 0),
        (errors.OutOfSpace("full"), 1),
        (errors.LockError("no lock"), 1),
        (errors.UsageError("overlap"), 2),
        (errors.HostKeyRejected("unknown"), 3),
        (errors.AuthenticationFailed("no key"), 3),
        (errors.ConnectionFailed("refused"), 3),
        (errors.SourceUnusable("banner"), 3),
        (errors.DatasetMissing("no such dataset"), 1),
        (ZeroDivisionError("a bug"), 1),
    ],
)
def test_each_error_has_its_exit_status(
    mirror_raises: Raises, capsys: pytest.CaptureFixture[str], error: Exception | None, status: int
) -> None:
    mirror_raises(error)
    assert main.main(LINE) == status
    stdout, stderr = capsys.readouterr()
    assert stdout == ""
    assert (str(error) in stderr) if error else (stderr == "")


def test_another_run_at_work_is_0_and_silent(mirror_raises: Raises, capsys: pytest.CaptureFixture[str]) -> None:
    mirror_raises(errors.AlreadyRunning("off/a: another run is already working"))
    assert main.main(LINE) == 0
    assert capsys.readouterr() == ("", "")


def test_an_internal_error_is_no_traceback(mirror_raises: Raises, capsys: pytest.CaptureFixture[str]) -> None:
    mirror_raises(ZeroDivisionError("what"))
    main.main(LINE)
    stderr = capsys.readouterr().err
    assert "internal error: ZeroDivisionError: what" in stderr
    assert "Traceback" not in stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_ending_signal_is_128_and_its_number(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: signal.Signals
) -> None:
    monkeypatch.setattr(mirror, "_make_attempts", lambda _request, _attempts: signal.raise_signal(number))
    assert main.main(LINE) == 128 + number
    assert f"ended by {number.name}" in capsys.readouterr().err


def test_signal_handlers_are_put_back() -> None:
    before = [signal.getsignal(number) for number in signals.ENDING_SIGNALS]
    main.main(["--version"])
    assert [signal.getsignal(number) for number in signals.ENDING_SIGNALS] == before


# --- closed standard streams ---


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", ">&- 2>&-"])
@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("--help", 0),
        ("-h nas1", 2),
        ("status -l off/a", 3),
        ("status -l off/a@x", 3),
        ("-h localhost -r a -l b -t c -n", 1),
    ],
)
def test_closed_standard_streams_change_no_exit_status(closed: str, words: str, status: int) -> None:
    """There is no zfs in this PATH, so whatever gets that far fails in a known way."""
    script = f"exec {sys.executable} -m zfs_replicate {words} {closed}"
    environment = {"PATH": "/nowhere", "PYTHONPATH": str(TOP), "HOME": "/nowhere"}
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == status, done.stderr
    assert "internal error" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", ["status", "status -l off/a", "--help", "-h nas1"])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_has_left_is_no_error(words: str, unbuffered: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    environment = {"PATH": "/nowhere", "PYTHONPATH": str(TOP), "HOME": "/nowhere", "PYTHONUNBUFFERED": unbuffered}
    command = [sys.executable, "-m", "zfs_replicate", *words.split()]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, env=environment, check=False)
    os.close(writer)
    assert done.returncode == (2 if words == "-h nas1" else 141)
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
