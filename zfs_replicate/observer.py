"""Follow a run: what is told of its streams while they move, and of each dataset that has arrived."""

from __future__ import annotations

from zfs_replicate.steps import Outcome, Resume, Send


class Observer:
    """Is told how a run goes on, from the threads of its streams. Does nothing by itself: override what you need."""

    wants_bytes = False
    """Whether `stream_moved` is to be called: zfs is then asked for its figures, too."""

    def stream_began(self, step: Send | Resume) -> None: ...

    def stream_moved(self, step: Send | Resume, byte_count: int, expected: int | None) -> None:
        """So many bytes have arrived; `expected`: what zfs expects the stream to be, None: not known yet."""

    def stream_ended(self, step: Send | Resume) -> None: ...

    def dataset_arrived(self, outcome: Outcome) -> None:
        """All streams of a dataset have arrived. Called once for each."""
