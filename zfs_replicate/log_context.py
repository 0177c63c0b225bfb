"""Which run and which dataset a record of the log belongs to."""

from __future__ import annotations

import contextlib
import contextvars
import os
from collections.abc import Iterator

current_dataset: contextvars.ContextVar[str | None] = contextvars.ContextVar("dataset", default=None)


def new_identity() -> str:
    """What tells a run from all others: 16 hexadecimal digits."""
    return os.urandom(8).hex()


@contextlib.contextmanager
def about(dataset: str) -> Iterator[None]:
    """What is logged within, by this thread, is about this dataset."""
    token = current_dataset.set(dataset)
    try:
        yield
    finally:
        current_dataset.reset(token)
