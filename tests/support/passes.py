"""Run one pass of the program between two given hosts, in place of those that its request names."""

from __future__ import annotations

import contextlib
import time
from types import SimpleNamespace
from unittest import mock

from zfs_replicate.actions import one_pass
from zfs_replicate.config import MirrorRequest
from zfs_replicate.hosts.base import Host, TargetHost
from zfs_replicate.plans import Attempt


def simulated_pass(request: MirrorRequest, source: Host, target: TargetHost, now: int) -> Attempt:
    """Return the attempt of actions.one_pass itself; only how it finds hosts and clock is replaced."""
    with mock.patch.multiple(
        one_pass,
        connected=lambda _connection: contextlib.nullcontext(source),
        here=lambda _connection: target,
        carrier=lambda _request, _source: None,
        time=SimpleNamespace(time=lambda: now, monotonic=time.monotonic),
    ):
        return one_pass.one_pass(request)
