"""Measure the progress of a stream, for an Observer that wants bytes."""

from __future__ import annotations

import time

from zfs_replicate.hosts.base import Process
from zfs_replicate.observer import Observer
from zfs_replicate.steps import Resume, Send
from zfs_replicate.zfs.send_progress import SendProgress

INTERVAL_SECONDS = 0.2
"""Frequent enough to look smooth, rare enough to cost nothing."""


class Gauge:
    """Measures one stream. It does nothing for an observer that does not want bytes."""

    def __init__(self, observer: Observer, step: Send | Resume, sender: Process) -> None:
        self._observer = observer
        self._step = step
        self._sender = sender
        self._progress = SendProgress()
        self._byte_count = 0
        self._last = 0.0

    def add(self, byte_count: int) -> None:
        """Count `byte_count` more bytes, and call the observer if it is time."""
        self._byte_count += byte_count
        if not self._observer.wants_bytes or time.monotonic() < self._last + INTERVAL_SECONDS:
            return
        self._last = time.monotonic()
        self._progress.feed(self._sender.stderr_since(self._progress.byte_count))
        # a compressed stream has fewer bytes here than zfs counts
        sent = max(self._byte_count, self._progress.sent)
        self._observer.stream_moved(self._step, sent, self._progress.size)
