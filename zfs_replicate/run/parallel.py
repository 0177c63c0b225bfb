"""Run work in threads that nobody waits for after an error or a signal. run_parallel(width, work, items) → results."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@contextlib.contextmanager
def threads(width: int) -> Iterator[ThreadPoolExecutor]:
    """Provide `width` threads. They are waited for unless the block raises: a silent host would keep us for ever.

    A thread that still reads from a host ends when its connection is closed.
    """
    pool = ThreadPoolExecutor(width)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def run_parallel(width: int, work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Given items, call `work` on each, `width` at a time; return the results in the order of the items."""
    with threads(width) as pool:
        return list(pool.map(work, items))
