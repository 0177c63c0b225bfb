"""One step of a dataset's streams, carried out: what makes, fills, rolls back or clears the target's copy."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from zfs_replicate.errors import OutOfSpace
from zfs_replicate.hosts.base import Host, TargetHost, run
from zfs_replicate.model import Policy
from zfs_replicate.report import rollback_line, size
from zfs_replicate.steps import (
    AbortReceive,
    ClearPlaceholder,
    CreateParent,
    DatasetPlan,
    Expire,
    Resume,
    Rollback,
    Send,
    Step,
)
from zfs_replicate.transfer import Cancellation, Pipe, transfer
from zfs_replicate.zfs import commands, messages, names

log = logging.getLogger(__name__)

STREAM_STEPS = (AbortReceive, Rollback, CreateParent, Send, Resume, ClearPlaceholder)

Carrier = Callable[[int], Host]
"""About how many bytes a stream has in, the host that carries it out: the source in any case."""


@dataclass(frozen=True, slots=True)
class Machinery:
    """What the steps are carried out with."""

    source: Host
    target: TargetHost
    policy: Policy
    jobs: int
    pipe: Pipe
    carrier: Carrier | None = None

    def carrying(self, step: Send | Resume) -> Host:
        """The host whose commands carry this stream: the source, by the way that suits its size."""
        return self.source if self.carrier is None else self.carrier(step.byte_estimate)


def carry_out(step: Step, machinery: Machinery, cancellation: Cancellation) -> int:
    """Carry out one of STREAM_STEPS; return how many bytes it moved. Raises: CommandFailed, ConnectionFailed."""
    target = machinery.target
    if isinstance(step, Send | Resume):
        log.info("%s → %s", step.snapshot, step.receiving.target)
        return transfer(machinery.carrying(step), target, step, machinery.pipe, cancellation)
    if isinstance(step, AbortReceive):
        log.warning("%s: clearing the saved state of a cut receive: %s", step.target, step.reason)
        on_target(target, commands.abort_receive(step.target), step.target, "clear the saved state")
    elif isinstance(step, Rollback):
        _roll_back(step, machinery)
    elif isinstance(step, CreateParent):
        log.info("%s: create as a parent", step.target)
        on_target(target, commands.create_parent(step), step.target, "create it")
    elif isinstance(step, ClearPlaceholder):
        on_target(target, commands.clear_placeholder(step.target), step.target, "clear the placeholder mark")
    return 0


def _roll_back(step: Rollback, machinery: Machinery) -> None:
    log.warning("%s: as asked with --rollback, %s", step.target, rollback_line(step))
    target = machinery.target
    if step.own_holds:
        release = commands.release(machinery.policy.target_tag, step.own_holds)
        on_target(target, release, step.target, "release our own holds")
    for batch in commands.batches([name.partition("@")[2] for name in step.lost]):
        on_target(target, commands.destroy(step.target, batch), step.target, "discard snapshots")
    on_target(target, commands.rollback(step.snapshot), step.target, "roll back")


def on_target(target: TargetHost, command: commands.Command, subject: str, doing: str) -> None:
    """Run a command that must end well. Raises: the error that its message stands for."""
    _text, ended = run(target, command)
    if ended.exit_status != 0:
        raise messages.explain(target.name, subject, ended.stderr, doing)


def with_space(plan: DatasetPlan, error: OutOfSpace, target: TargetHost) -> OutOfSpace:
    """The same error, and what a person wants to know about a full target."""
    above = (*names.ancestors(plan.target), plan.target)
    free = [text.strip() for text, ended in (run(target, commands.available(name)) for name in above)]
    known = [f"{size(int(text))} free in {name}" for name, text in zip(above, free, strict=True) if text.isdigit()]
    overdue = [f"@{each.name}" for step in plan.steps if isinstance(step, Expire) for each in step.snapshots]
    expiring = f"; once it has arrived these will expire: {', '.join(overdue)}" if overdue else ""
    return OutOfSpace(f"{error}; {', '.join(known[-1:])}{expiring}")
