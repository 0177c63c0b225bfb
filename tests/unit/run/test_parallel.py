"""Work in threads: in order, and nobody waits for it after an error or a signal."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from tests.support import TOP
from zfs_replicate.run.parallel import run_parallel


def test_results_come_in_the_order_of_the_items() -> None:
    assert run_parallel(4, lambda number: number * 2, range(9)) == list(range(0, 18, 2))


def test_an_error_is_raised_while_other_work_hangs() -> None:
    """A host that never answers must not keep the program: a signal is raised in the main thread likewise."""
    is_over, hanging, has_ended = threading.Event(), threading.Event(), threading.Event()

    def work(name: str) -> None:
        if name == "hangs":
            hanging.set()
            is_over.wait(30)
            has_ended.set()
        else:
            assert hanging.wait(30)
            raise ZeroDivisionError

    try:
        with pytest.raises(ZeroDivisionError):
            run_parallel(2, work, ["fails", "hangs"])
        assert not has_ended.is_set()
    finally:
        is_over.set()


def test_no_more_than_the_width_run_at_a_time() -> None:
    running, most, lock = 0, 0, threading.Lock()

    def work(_number: int) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        with lock:
            running -= 1

    run_parallel(3, work, range(50))
    assert most <= 3


def test_work_that_hangs_does_not_keep_the_program_from_ending() -> None:
    script = """
import threading
from zfs_replicate.run.parallel import run_parallel
def work(name):
    if name == "fails":
        raise ZeroDivisionError
    threading.Event().wait()
try:
    run_parallel(2, work, ["fails", "hangs"])
except ZeroDivisionError:
    print("ended")
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=TOP, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "ended\n"
