"""Follow a run: be called as its streams start, move and end, and once for each dataset that has arrived."""

from __future__ import annotations

from zfs_replicate.plans import Outcome
from zfs_replicate.steps import Resume, Send


class Observer:
    """Called by a run from the threads of its streams. Each method does nothing: override those that you need."""

    wants_bytes = False
    """Whether to call `stream_moved`; `zfs send` is then asked to report its progress, too."""

    def stream_began(self, step: Send | Resume) -> None: ...

    def stream_moved(self, step: Send | Resume, byte_count: int, expected: int | None) -> None:
        """`byte_count` bytes have arrived; `expected` is the size that zfs expects, None while it is not known."""

    def stream_ended(self, step: Send | Resume) -> None: ...

    def dataset_arrived(self, outcome: Outcome) -> None:
        """All streams of this dataset have arrived."""
