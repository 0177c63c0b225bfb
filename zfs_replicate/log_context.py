"""Mark log records with their run and dataset."""

from __future__ import annotations

import contextlib
import contextvars
import os
from collections.abc import Iterator

current_dataset: contextvars.ContextVar[str | None] = contextvars.ContextVar("dataset", default=None)


def new_identity() -> str:
    """Return a random identity for a run: 16 hexadecimal digits."""
    return os.urandom(8).hex()


@contextlib.contextmanager
def about(dataset: str) -> Iterator[None]:
    """Mark what this thread logs within the block with this dataset."""
    token = current_dataset.set(dataset)
    try:
        yield
    finally:
        current_dataset.reset(token)
