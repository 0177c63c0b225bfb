"""Carry out one pass: probe, read both sides, plan and, unless it is a dry run, execute."""

from __future__ import annotations

import logging
import time
from concurrent.futures import wait
from dataclasses import replace

from zfs_replicate.config import MirrorRequest
from zfs_replicate.errors import ReplicateError, UsageError
from zfs_replicate.hosts.base import Host, TargetHost
from zfs_replicate.model import Capabilities, Inventory, PlanContext, StreamOptions
from zfs_replicate.plan.planner import plan
from zfs_replicate.report.record import Attempt
from zfs_replicate.run.executor import Executor, Moved
from zfs_replicate.run.inventory import probe, read_source, read_target, side_by_side
from zfs_replicate.run.stream_steps import Carrier, RunContext
from zfs_replicate.run.transfer import Cancellation, Pipe
from zfs_replicate.steps import Meter, Plan, RunResult
from zfs_replicate.zfs import names
from zfs_replicate.zfs.properties import Settings

log = logging.getLogger(__name__)


class Pass:
    """Everything that one pass over the tree needs; `now` is Unix seconds."""

    def __init__(
        self, request: MirrorRequest, source: Host, target: TargetHost, now: int, carrier: Carrier | None = None
    ) -> None:
        self._config = request
        self._source = source
        self._target = target
        self._now = now
        self._began = time.monotonic()
        self._carrier = carrier
        self._programs: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())
        self._made: Plan | None = None
        self._executor: Executor | None = None

    @property
    def attempt(self) -> Attempt:
        """What there is to tell of this pass, however it has ended."""
        return Attempt(self._made, () if self._executor is None else self._executor.outcomes)

    def plan(self) -> Plan:
        """Read both sides and decide. Changes nothing."""
        request = self._config
        (theirs, source), (ours, target) = self._read()
        self._programs = (theirs.programs, ours.programs)
        if request.bytes_per_second is not None and "mbuffer" not in ours.programs:
            raise ReplicateError("--bwlimit needs mbuffer on this machine; install it (apt install mbuffer)")
        if theirs.pool_guid == ours.pool_guid and names.overlaps(request.remote, request.local):
            raise UsageError(
                f"{request.remote} on {self._source.name} is in the very pool that {request.local} is in, and they"
                " overlap; a mirror cannot lie within itself"
            )
        _check_there_is_something(source, self._source)
        has_bookmarks = theirs.has_feature("bookmarks")
        context = PlanContext(request.policy, stream_options(theirs, ours), self._now, has_bookmarks)
        self._made = plan(source, target, context)
        return self._made

    def execute(self, made: Plan, cancellation: Cancellation, moved: Moved, meter: Meter | None = None) -> RunResult:
        request = self._config
        pipe = replace(self._pipe(made), meter=meter)
        machinery = RunContext(
            self._source,
            self._target,
            request.jobs,
            pipe,
            carrier=self._carrier,
            is_bundling=not request.connection.is_local,
        )
        self._executor = Executor(machinery, cancellation, moved)
        outcomes = self._executor.execute(made)
        return RunResult(made, outcomes, time.monotonic() - self._began)

    def _pipe(self, made: Plan) -> Pipe:
        """What streams go through: as asked for, and as both sides have it."""
        request = self._config
        theirs, ours = self._programs
        if "mbuffer" not in ours:
            log.warning("mbuffer is not installed on this machine: streams go unbuffered (apt install mbuffer)")
        has_compressor = request.compressor is None or request.compressor in theirs & ours
        if not has_compressor and not request.connection.is_local:
            where = self._source.name if request.compressor in ours else "this machine"
            log.warning(
                "%s is not installed on %s: streams go uncompressed; install it, or leave -z out",
                request.compressor,
                where,
            )
        limit = request.bytes_per_second
        if limit is not None:
            limit = max(1, limit // max(1, min(request.jobs, made.stream_count)))
        return Pipe(
            request.mbuffer_size if "mbuffer" in ours else None,
            request.stall_seconds,
            limit,
            request.compressor if has_compressor and not request.connection.is_local else None,
            settings=Settings(request.properties, self._target.is_root),
        )

    def _read(self) -> tuple[tuple[Capabilities, Inventory], tuple[Capabilities, Inventory]]:
        """Probes and trees of both ends, all at the same time; an error of the source is told first, and of a probe.

        With -j 1 one after the other on each side.
        """
        theirs, ours = (self._source, self._config.remote), (self._target, self._config.local)
        with side_by_side(4) as pool:
            probes = [pool.submit(probe, *theirs), pool.submit(probe, *ours)]
            if self._config.jobs == 1:
                wait(probes)
            trees = [pool.submit(read_source, *theirs), pool.submit(read_target, *ours)]
            capabilities = [each.result() for each in probes]
            return (capabilities[0], trees[0].result()), (capabilities[1], trees[1].result())


def stream_options(source: Capabilities, target: Capabilities) -> StreamOptions:
    """Given both ends, return how streams are written: what the target pool takes (zfs-send(8), zpool-features(7))."""
    takes_zstd = target.has_feature("zstd_compress") or not source.uses_feature("zstd_compress")
    return StreamOptions(
        large_blocks=source.has_feature("large_blocks") and target.has_feature("large_blocks"),
        compressed=target.has_feature("lz4_compress") and takes_zstd,
    )


def _check_there_is_something(source: Inventory, host: Host) -> None:
    if not any(dataset.snapshots for dataset in source.datasets.values()):
        raise ReplicateError(
            f"{source.root} on {host.name}: there is no snapshot to mirror; take one there: zfs snapshot -r"
            f" {source.root}@NAME"
        )
