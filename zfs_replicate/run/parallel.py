"""Run work in threads that nobody waits for after an error or a signal. run_parallel(width, work, items) → results."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Threads:
    """Up to `width` threads that take work in turn. A thread that hangs does not keep the program from ending.

    concurrent.futures has no such thing: Python waits for its threads before it exits.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._tasks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []

    def submit(self, work: Callable[..., Result], *arguments: object) -> Future[Result]:
        """Let a thread call `work`; the future gets what it returns or raises."""
        future: Future[Result] = Future()

        def task() -> None:
            try:
                future.set_result(work(*arguments))
            except BaseException as error:  # whoever asks for the result decides what it means
                future.set_exception(error)

        self._tasks.put(task)
        if len(self._threads) < self._width:
            self._threads.append(threading.Thread(target=self._run, daemon=True))
            self._threads[-1].start()
        return future

    def end(self, is_waiting: bool) -> None:
        """Take no more work. Without `is_waiting`, what has not begun never begins."""
        with contextlib.suppress(queue.Empty):
            while not is_waiting:
                self._tasks.get_nowait()
        for _thread in self._threads:
            self._tasks.put(None)
        for thread in self._threads if is_waiting else ():
            thread.join()

    def _run(self) -> None:
        while (task := self._tasks.get()) is not None:
            task()


@contextlib.contextmanager
def threads(width: int) -> Iterator[Threads]:
    """Provide `width` threads. They are waited for unless the block raises: a host that hangs would keep us.

    A thread that still reads from the source ends when its connection is closed.
    """
    pool = Threads(width)
    try:
        yield pool
    except BaseException:
        pool.end(is_waiting=False)
        raise
    pool.end(is_waiting=True)


def run_parallel(width: int, work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Given items, call `work` on each, `width` at a time; return the results in the order of the items."""
    with threads(width) as pool:
        return [future.result() for future in [pool.submit(work, item) for item in items]]
