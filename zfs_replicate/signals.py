"""Turn signals that end the program into an exception in the main thread, so that every `with` block is left."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

SIGNALLED = 128
"""An exit status from here on means: ended by signal (status - 128)."""


class Interrupted(BaseException):
    """A signal told us to end. Not an Exception, so that no `except Exception` swallows it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextlib.contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """Raise Interrupted in the main thread on the first ending signal; ignore further ones until the block is left.

    A block within it, after the first signal, can be ended by a second one.
    """

    def end(number: int, _frame: FrameType | None) -> None:
        for ending_signal in ENDING_SIGNALS:
            signal.signal(ending_signal, signal.SIG_IGN)
        raise Interrupted(number)

    before = {number: signal.signal(number, end) for number in ENDING_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
