"""Collect what carrying out a plan needs: both hosts, the pipe, and the route of each stream."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from zfs_replicate.config import MirrorRequest
from zfs_replicate.hosts.base import Host, TargetHost
from zfs_replicate.model import Capabilities, Survey
from zfs_replicate.plans import Plan
from zfs_replicate.run.transfer import Pipe
from zfs_replicate.steps import Resume, Send
from zfs_replicate.zfs import mbuffer
from zfs_replicate.zfs.properties import Settings

log = logging.getLogger(__name__)

Carrier = Callable[[int], Host]
"""Given the estimated bytes of a stream, return the host that sends it: the source, by one connection or another."""

WIDTH = 4
"""How many commands run in parallel when each waits for a pool to write. By default sshd allows 10 sessions on one
connection (MaxSessions)."""


@dataclass(frozen=True, slots=True)
class RunContext:
    """What carrying out a plan needs. `jobs`: how many datasets receive in parallel.

    `carrier` None: the source sends all streams. `is_bundling`: whether small increments share commands, which pays off
    when the source is remote.
    """

    source: Host
    target: TargetHost
    jobs: int
    pipe: Pipe
    carrier: Carrier | None = None
    is_bundling: bool = False

    @property
    def width(self) -> int:
        """How many commands may run in parallel when each waits for a pool to write; 1 with a single job."""
        return WIDTH if self.jobs > 1 else 1

    def host_for(self, step: Send | Resume) -> Host:
        """Given a stream, return the host that sends it: the source, by the connection that suits the size."""
        return self.source if self.carrier is None else self.carrier(step.byte_estimate)


def choose_pipe(request: MirrorRequest, survey: Survey, plan: Plan, is_root: bool) -> Pipe:
    """Given the request and what is installed on both sides, return the pipe for streams. Logs what is missing."""
    on_source, on_target = survey.source_capabilities.programs, _programs(survey.target_capabilities)
    if "mbuffer" not in on_target:
        log.warning(
            "mbuffer is not installed on this machine: streams go unbuffered; to install it: apt install mbuffer"
        )
    compressor = None if request.connection.is_local else request.compressor
    if compressor is not None and compressor not in on_source & on_target:
        where = survey.source_host if compressor in on_target else "this machine"
        log.warning(
            "%s is not installed on %s: streams go uncompressed; install it, or leave out -z", compressor, where
        )
        compressor = None
    limit = request.bytes_per_second
    if limit is not None:
        limit = max(mbuffer.MIN_BYTES_PER_SECOND, limit // max(1, min(request.jobs, plan.stream_count)))
    return Pipe(
        request.mbuffer_size if "mbuffer" in on_target else None,
        request.stall_seconds,
        limit,
        compressor,
        settings=Settings(request.properties, is_root, _can_resume(survey.target_capabilities)),
    )


def _can_resume(capabilities: Capabilities | Exception) -> bool:
    return not isinstance(capabilities, Capabilities) or capabilities.can_resume


def _programs(capabilities: Capabilities | Exception) -> frozenset[str]:
    return capabilities.programs if isinstance(capabilities, Capabilities) else frozenset()
