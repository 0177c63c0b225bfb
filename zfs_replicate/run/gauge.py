"""How far a stream is, told to whoever shows it. A running send in, figures for a Meter out."""

from __future__ import annotations

import time

from zfs_replicate.hosts.base import Process
from zfs_replicate.steps import Meter, Resume, Send
from zfs_replicate.zfs.send_progress import SendProgress

TELLING_SECONDS = 0.2
"""Often enough for an eye, seldom enough to cost nothing."""


class Gauge:
    """Of one stream. Without a meter it costs nothing and asks nothing."""

    def __init__(self, meter: Meter | None, step: Send | Resume, sender: Process) -> None:
        self._meter = meter
        self._step = step
        self._sender = sender
        self._talk = SendProgress()
        self._passed = 0
        self._told = 0.0

    def passed(self, byte_count: int) -> None:
        """Some bytes went through."""
        self._passed += byte_count
        if self._meter is None or time.monotonic() < self._told + TELLING_SECONDS:
            return
        self._told = time.monotonic()
        self._talk.feed(self._sender.stderr_since(self._talk.byte_count))
        # compressed on its way, fewer bytes pass here than zfs counts
        self._meter.reached(self._step, max(self._passed, self._talk.sent), self._talk.size)
