"""Collect what a plan is carried out with: both hosts, the pipe, and which way each stream goes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from zfs_replicate.config import MirrorRequest
from zfs_replicate.hosts.base import Host, TargetHost
from zfs_replicate.model import Capabilities, Survey
from zfs_replicate.run.transfer import Pipe
from zfs_replicate.steps import Plan, Resume, Send
from zfs_replicate.zfs.properties import Settings

log = logging.getLogger(__name__)

Carrier = Callable[[int], Host]
"""Given about how many bytes a stream has, return the host that carries it: the source, by one way or another."""

WIDTH = 4
"""How many commands run side by side where each waits for a pool to write. sshd allows 10 sessions on one connection,
unless it was told otherwise (MaxSessions)."""


@dataclass(frozen=True, slots=True)
class RunContext:
    """What a plan is carried out with. `jobs`: how many datasets receive at a time.

    `is_bundling`: whether small increments share commands: where the source is far, and streams go as they are.
    """

    source: Host
    target: TargetHost
    jobs: int
    pipe: Pipe
    carrier: Carrier | None = None
    is_bundling: bool = False

    @property
    def width(self) -> int:
        """How many commands may run side by side where each waits for a pool to write; with one job only one."""
        return WIDTH if self.jobs > 1 else 1

    def carrying(self, step: Send | Resume) -> Host:
        """The host whose commands carry this stream: the source, by the way that suits its size."""
        return self.source if self.carrier is None else self.carrier(step.byte_estimate)


def choose_pipe(request: MirrorRequest, survey: Survey, plan: Plan, is_root: bool) -> Pipe:
    """Return what streams go through: as asked for, and as both sides have it. What is missing is logged."""
    there, here = survey.source_capabilities.programs, _programs(survey.target_capabilities)
    if "mbuffer" not in here:
        log.warning("mbuffer is not installed on this machine: streams go unbuffered (apt install mbuffer)")
    compressor = None if request.connection.is_local else request.compressor
    if compressor is not None and compressor not in there & here:
        where = survey.source_host if compressor in here else "this machine"
        log.warning(
            "%s is not installed on %s: streams go uncompressed; install it, or leave -z out", compressor, where
        )
        compressor = None
    limit = request.bytes_per_second
    if limit is not None:
        limit = max(1, limit // max(1, min(request.jobs, plan.stream_count)))
    return Pipe(
        request.mbuffer_size if "mbuffer" in here else None,
        request.stall_seconds,
        limit,
        compressor,
        settings=Settings(request.properties, is_root),
    )


def _programs(capabilities: Capabilities | Exception) -> frozenset[str]:
    return capabilities.programs if isinstance(capabilities, Capabilities) else frozenset()
