"""Work in threads: in order, and nobody waits for it after an error or a signal."""

from __future__ import annotations

import threading

import pytest

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
