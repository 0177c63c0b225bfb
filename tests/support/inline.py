"""Do the program's parallel work one after another, in the thread of its caller: quicker, and always in one order."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import TypeVar
from unittest import mock

from zfs_replicate.hosts import base
from zfs_replicate.run import lanes, parallel

Result = TypeVar("Result")


class Inline:
    """In place of a pool of threads: what is submitted is done at once, and its future has the result or the error."""

    def __init__(self, *_width: object, **_options: object) -> None:
        pass

    def submit(self, work: Callable[..., Result], *arguments: object) -> Future[Result]:
        future: Future[Result] = Future()
        try:
            future.set_result(work(*arguments))
        except BaseException as error:  # whoever asks for the result decides what it means, as in a thread
            future.set_exception(error)
        return future

    def end(self, is_waiting: bool) -> None: ...

    def shutdown(self, cancel_futures: bool) -> None: ...


@contextlib.contextmanager
def without_threads() -> Iterator[None]:
    """Within the block, the program starts no thread, if called with --stall-timeout 0: no command takes too long."""
    with (
        mock.patch.object(parallel, "Threads", Inline),
        mock.patch.object(lanes, "ThreadPoolExecutor", Inline),
        mock.patch.object(base, "within", return_value=contextlib.nullcontext()),
    ):
        yield
