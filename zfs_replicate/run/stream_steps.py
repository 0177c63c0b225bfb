"""Carry out one step that creates, fills, rolls back or clears a copy. run_step(Step, RunContext, …) → bytes."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace

from zfs_replicate.errors import CommandFailed, OutOfSpace, ReplicateError, TargetChanged
from zfs_replicate.hosts.base import TargetHost, run
from zfs_replicate.hosts.bundled import Bundled
from zfs_replicate.plans import DatasetPlan
from zfs_replicate.run.context import RunContext
from zfs_replicate.run.holds import destroy_bookmarks
from zfs_replicate.run.parents import create_parent
from zfs_replicate.run.places import take_place
from zfs_replicate.run.transfer import TINY_BYTES, Cancellation, transfer
from zfs_replicate.steps import (
    AbortReceive,
    ClearPlaceholder,
    CreateParent,
    Expire,
    RenameSnapshots,
    Resume,
    Rollback,
    Send,
    Step,
    TakePlace,
)
from zfs_replicate.zfs import commands, messages, names, parse, queries
from zfs_replicate.zfs.known_messages import MOVE_ASIDE
from zfs_replicate.zfs.limits import find_limit

log = logging.getLogger(__name__)

STREAM_STEPS = (AbortReceive, Rollback, CreateParent, Send, Resume, ClearPlaceholder)

MAX_IN_BUNDLE = 150
"""This many increments fit into one command even with the longest names (commands.BATCH_BYTES)."""


def bundles(plans: Iterable[DatasetPlan], context: RunContext) -> list[tuple[DatasetPlan, ...]]:
    """Given plans, return those with a single small increment to stream, in groups that share a command.

    With 2 jobs and 401 such plans: groups of 150, 150 and 101.
    """
    if not context.is_bundling or not context.pipe.is_plain:
        return []
    plans = list(plans)
    moving = {plan.target for plan in plans if plan.arrives_beside}  # what is below waits for it
    small = [
        plan for plan in plans if _small_increment(plan) is not None and moving.isdisjoint(names.ancestors(plan.target))
    ]
    if len(small) <= context.jobs:
        return []
    length = min(MAX_IN_BUNDLE, -(-len(small) // context.jobs))
    return [tuple(small[begin : begin + length]) for begin in range(0, len(small), length)]


def _small_increment(plan: DatasetPlan) -> Send | None:
    """Return the only stream of the plan if it is a small increment, else None."""
    match [step for step in plan.steps if isinstance(step, STREAM_STEPS)]:
        case [Send(base=str()) as step] if step.byte_estimate < TINY_BYTES:
            return step
        case _:
            return None


def is_streamed(step: Step, plan: DatasetPlan) -> bool:
    """Whether a step of the plan is carried out in its turn between the streams."""
    return isinstance(step, STREAM_STEPS) or (isinstance(step, TakePlace) and plan.arrives_beside)


def is_before_streams(step: Step, plan: DatasetPlan) -> bool:
    """Whether a step of the plan comes before all its streams, or it has none."""
    begin = next((place for place, other in enumerate(plan.steps) if isinstance(other, STREAM_STEPS)), len(plan.steps))
    return any(other is step for other in plan.steps[:begin])


@contextlib.contextmanager
def bundled(plans: Iterable[DatasetPlan], context: RunContext) -> Iterator[RunContext]:
    """Return the context with one command for the streams of these plans, which must run in this order."""
    steps = [step for step in map(_small_increment, plans) if step is not None]
    with Bundled(context.host_for(steps[0]), [commands.send(step) for step in steps]) as host:
        yield replace(context, carrier=lambda _byte_count: host)


def run_step(step: Step, context: RunContext, cancellation: Cancellation) -> int:
    """Carry out one of STREAM_STEPS, or a RenameSnapshots or TakePlace; return the number of bytes moved.

    Raises: CommandFailed, ConnectionFailed.
    """
    target = context.target
    if isinstance(step, Send | Resume):
        how = ", resumed" if isinstance(step, Resume) else ""
        log.info("%s → %s%s", step.snapshot, step.receiving.target, how)
        return transfer(context.host_for(step), target, step, context.pipe, cancellation)
    if isinstance(step, AbortReceive):
        log.warning("%s: clearing the saved state of an interrupted receive: %s", step.target, step.reason)
        run_on_target(target, commands.abort_receive(step.target), step.target, "clear the saved state")
    elif isinstance(step, Rollback):
        _roll_back(step, context)
    elif isinstance(step, CreateParent):
        create_parent(target, step)
    elif isinstance(step, RenameSnapshots):
        rename_snapshots(step, target)
    elif isinstance(step, TakePlace):
        take_place(step, target)
    elif isinstance(step, ClearPlaceholder):
        run_on_target(target, commands.clear_placeholder(step.target), step.target, "clear the placeholder mark")
    return 0


def rename_snapshots(step: RenameSnapshots, target: TargetHost) -> None:
    """Carry out the renames of one copy, one after the other. Raises: the error of the first that fails.

    Each leaves the copy complete; the next run goes on, because it knows the snapshots by their guids.
    """
    for rename in step.renames:
        doing = f"rename it to @{rename.new}, as the source did"
        run_on_target(target, commands.rename_snapshot(step.target, rename), f"{step.target}@{rename.old}", doing)
        log.info("%s: renamed @%s to @%s, as the source did", step.target, rename.old, rename.new)


def _roll_back(step: Rollback, context: RunContext) -> None:
    """Discard what is beyond a snapshot, but no snapshot of the copy before a rollback is known to be possible.

    For that, it first goes back to the newest snapshot, which discards what is to be discarded anyway.
    """
    log.warning("%s: as requested with --rollback, %s", step.target, step.text)
    target = context.target
    for error in destroy_bookmarks(target, step.bookmarks).values():
        raise error
    for newest in step.lost[-1:]:
        run_on_target(target, commands.rollback(newest), step.target, "roll back")
    if step.release is not None:
        release = commands.release(step.release.tag, step.release.snapshots)
        run_on_target(target, release, step.target, "release our own holds")
    for batch in commands.batches([name.partition("@")[2] for name in step.lost]):
        run_on_target(target, commands.destroy(step.target, batch), step.target, "discard snapshots")
    run_on_target(target, commands.rollback(step.snapshot), step.target, "roll back")


def run_on_target(target: TargetHost, command: commands.Command, subject: str, doing: str) -> None:
    """Run a command on the target that must succeed. Raises: the error that matches its message."""
    _text, ended = run(target, command)
    if ended.exit_status != 0:
        error = messages.explain(target.name, subject, ended, doing)
        raise _with_limit(error, subject, 0, target) if isinstance(error, OutOfSpace) else error


def explained(plan: DatasetPlan, error: ReplicateError, target: TargetHost) -> ReplicateError:
    """Given why a stream failed, return the error with what the plan and the target know about it."""
    if isinstance(error, OutOfSpace):
        return _name_the_limit(plan, error, target)
    if not isinstance(error, CommandFailed) or error.explanation is None:
        return error
    if isinstance(error, TargetChanged) and plan.unforeseen is not None:
        return messages.reworded(error, plan.unforeseen.next_step, plan.unforeseen.what)
    if error.explanation.next_step == MOVE_ASIDE and plan.aside:
        return messages.reworded(error, f"{plan.aside}, then run again for a new full copy")
    return error


def _name_the_limit(plan: DatasetPlan, error: OutOfSpace, target: TargetHost) -> OutOfSpace:
    """Given the error of a full target, return it with what is full, and what expires once the stream arrives."""
    error = _with_limit(error, plan.target, plan.byte_estimate, target)
    overdue = [f"@{old.name}" for step in plan.steps if isinstance(step, Expire) for old in step.snapshots]
    expiring = f"; once it has arrived, these will expire: {', '.join(overdue)}" if overdue else ""
    return OutOfSpace(f"{error}{expiring}")


def _with_limit(error: OutOfSpace, dataset: str, needed_bytes: int, target: TargetHost) -> OutOfSpace:
    try:
        text, _ended = run(target, queries.list_limits((*names.ancestors(dataset), dataset)))
        values = parse.properties(text.splitlines())
    except ReplicateError as problem:
        log.info("cannot find out what is full: %s", problem)
        return error
    limit = find_limit(values, dataset, needed_bytes, target.is_root)
    if limit is None:
        return error
    return messages.reworded(error, f"{limit.next_step}; then run again: it resumes where it stopped", limit.meaning)
