"""Test the hooks: their input, their time limit, and the message when one fails."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

import pytest

from zfs_replicate.errors import HookFailed
from zfs_replicate.output.hooks import run_hook


def test_a_hook_gets_the_report_and_the_environment(tmp_path: Path) -> None:
    line = f'cat > {tmp_path}/got; echo "$RESULT" > {tmp_path}/result'
    run_hook("--on-success", line, "{}\n", {"RESULT": "success"})
    assert (tmp_path / "got").read_text() == "{}\n"
    assert (tmp_path / "result").read_text() == "success\n"


def test_a_hook_need_not_read_the_report() -> None:
    run_hook("--on-success", "true", "x" * 1_000_000, {})


def test_output_of_a_hook_goes_to_the_log(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    run_hook("--on-success", "echo sent; echo also >&2", "", {})
    assert capfd.readouterr() == ("", "")
    assert "--on-success: sent also" in caplog.text


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("echo no route >&2; exit 7", r"ended with status 7 \(no route\): echo"),
        ("kill -9 $$", "was killed by signal 9"),
        ("/nonexistent/command", "ended with status 127"),
    ],
)
def test_a_failed_hook_is_an_error(line: str, problem: str) -> None:
    with pytest.raises(HookFailed, match=f"--on-failure: the command {problem}"):
        run_hook("--on-failure", line, "", {})


def test_a_hook_out_of_time_is_killed_with_its_children(tmp_path: Path) -> None:
    line = f"sleep 60 & echo $! > {tmp_path}/child; wait"
    with pytest.raises(HookFailed, match=r"did not end within 0\.5 seconds and was killed"):
        run_hook("--on-failure", line, "", {}, seconds=0.5)
    assert ended(int((tmp_path / "child").read_text()))


def ended(process: int) -> bool:
    """Wait for the end of a process that is not our child; the kernel needs a moment after SIGKILL."""
    for _attempt in range(500):
        try:
            if Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.02)
    return False


def test_a_child_that_a_hook_leaves_delays_nothing(tmp_path: Path) -> None:
    run_hook("--on-success", f"sleep 5 & echo $! > {tmp_path}/child", "", {}, seconds=4)
    os.kill(int((tmp_path / "child").read_text()), 9)
