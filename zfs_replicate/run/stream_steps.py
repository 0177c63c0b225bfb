"""One step of a dataset's streams, carried out: what makes, fills, rolls back or clears the target's copy."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace

from zfs_replicate.errors import OutOfSpace, ReplicateError
from zfs_replicate.hosts.base import TargetHost, run
from zfs_replicate.hosts.bundled import Bundled
from zfs_replicate.run.context import RunContext
from zfs_replicate.run.transfer import TINY_BYTES, Cancellation, transfer
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
from zfs_replicate.units import size
from zfs_replicate.zfs import commands, messages, names

log = logging.getLogger(__name__)

STREAM_STEPS = (AbortReceive, Rollback, CreateParent, Send, Resume, ClearPlaceholder)

MAX_IN_BUNDLE = 150
"""So many with the longest of names fit into one command (commands.BATCH_BYTES)."""


def bundles(plans: Iterable[DatasetPlan], context: RunContext) -> list[tuple[DatasetPlan, ...]]:
    """Return those that have only one small increment to stream, in the groups that share a command."""
    if not context.is_bundling or not context.pipe.is_plain:
        return []
    small = [plan for plan in plans if _small_increment(plan) is not None]
    if len(small) <= context.jobs:
        return []
    size = min(MAX_IN_BUNDLE, -(-len(small) // context.jobs))
    return [tuple(small[begin : begin + size]) for begin in range(0, len(small), size)]


def _small_increment(plan: DatasetPlan) -> Send | None:
    """The only thing to stream, if it is that."""
    match [step for step in plan.steps if isinstance(step, STREAM_STEPS)]:
        case [Send(base=str()) as step] if step.byte_estimate < TINY_BYTES:
            return step
        case _:
            return None


@contextlib.contextmanager
def bundled(plans: Iterable[DatasetPlan], context: RunContext) -> Iterator[RunContext]:
    """The same context, but with one command for the streams of these plans, to be carried out in this order."""
    steps = [step for step in map(_small_increment, plans) if step is not None]
    with Bundled(context.carrying(steps[0]), [commands.send(step) for step in steps]) as host:
        yield replace(context, carrier=lambda _byte_count: host)


def run_step(step: Step, context: RunContext, cancellation: Cancellation) -> int:
    """Carry out one of STREAM_STEPS; return how many bytes it moved. Raises: CommandFailed, ConnectionFailed."""
    target = context.target
    if isinstance(step, Send | Resume):
        log.info("%s → %s", step.snapshot, step.receiving.target)
        return transfer(context.carrying(step), target, step, context.pipe, cancellation)
    if isinstance(step, AbortReceive):
        log.warning("%s: clearing the saved state of a cut receive: %s", step.target, step.reason)
        on_target(target, commands.abort_receive(step.target), step.target, "clear the saved state")
    elif isinstance(step, Rollback):
        _roll_back(step, context)
    elif isinstance(step, CreateParent):
        log.info("%s: create as a parent", step.target)
        on_target(target, commands.create_parent(step), step.target, "create it")
    elif isinstance(step, ClearPlaceholder):
        on_target(target, commands.clear_placeholder(step.target), step.target, "clear the placeholder mark")
    return 0


def _roll_back(step: Rollback, context: RunContext) -> None:
    log.warning("%s: as asked with --rollback, %s", step.target, step.text)
    target = context.target
    if step.release is not None:
        release = commands.release(step.release.tag, step.release.snapshots)
        on_target(target, release, step.target, "release our own holds")
    for batch in commands.batches([name.partition("@")[2] for name in step.lost]):
        on_target(target, commands.destroy(step.target, batch), step.target, "discard snapshots")
    on_target(target, commands.rollback(step.snapshot), step.target, "roll back")


def on_target(target: TargetHost, command: commands.Command, subject: str, doing: str) -> None:
    """Run a command that must end well. Raises: the error that its message stands for."""
    _text, ended = run(target, command)
    if ended.exit_status != 0:
        raise messages.explain(target.name, subject, ended, doing)


def with_space(plan: DatasetPlan, error: ReplicateError, target: TargetHost) -> OutOfSpace:
    """The same error, and what a person wants to know about a full target."""
    above = (*names.ancestors(plan.target), plan.target)
    free = [text.strip() for text, ended in (run(target, commands.available(name)) for name in above)]
    known = [f"{size(int(text))} free in {name}" for name, text in zip(above, free, strict=True) if text.isdigit()]
    overdue = [f"@{each.name}" for step in plan.steps if isinstance(step, Expire) for each in step.snapshots]
    expiring = f"; once it has arrived these will expire: {', '.join(overdue)}" if overdue else ""
    return OutOfSpace(f"{error}; {', '.join(known[-1:])}{expiring}")
