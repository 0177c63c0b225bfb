"""Carry out the holds and releases of many plans, and keep what shows on the source whose they are.

tag_all([(DatasetPlan, Hold | Release)], RunContext, Ledger) → those that failed. Many datasets share a command.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace

from zfs_replicate.errors import ReplicateError, TagTaken
from zfs_replicate.log_context import about
from zfs_replicate.plans import DatasetPlan
from zfs_replicate.run.context import RunContext
from zfs_replicate.run.holds import Failures, renew_bookmarks, tag_snapshots
from zfs_replicate.run.ledger import Ledger
from zfs_replicate.steps import BookmarkSource, Hold, Release, Side

log = logging.getLogger(__name__)

Pending = Sequence[tuple[DatasetPlan, Hold | Release]]


def tag_all(
    pending: Pending, context: RunContext, ledger: Ledger
) -> Iterator[tuple[DatasetPlan, Hold | Release, ReplicateError]]:
    """Carry out steps of one kind on one side; record what is done, and yield the others with their error."""
    if not pending:
        return
    first = pending[0][1]
    host = context.source if first.side is Side.SOURCE else context.target
    done = "placed" if isinstance(first, Hold) else "released"
    snapshots = tuple(snapshot for _plan, step in pending for snapshot in step.snapshots)
    merged = replace(first, snapshots=snapshots)
    if isinstance(merged, Hold):
        merged = replace(merged, is_first=any(isinstance(step, Hold) and step.is_first for _plan, step in pending))
    # one that is gone may have been renamed: its hold is released by a new plan, before ours on the copy
    may_be_gone = first.side is Side.TARGET
    failures = tag_snapshots(host, merged, context.width, may_be_gone)
    for plan, step in pending:
        errors = _errors(step, failures)
        with about(plan.source):
            for snapshot in step.snapshots:
                if snapshot not in failures:
                    log.info("%s: %s the hold %s on %s", host.name, done, step.tag, snapshot)
        if errors:
            yield plan, step, errors[0]
        else:
            ledger.record_done(plan, step)


def _errors(step: Hold | Release, failures: Failures) -> list[ReplicateError]:
    """Return what failed of a step. Of two mirrors that begin at once, the tag belongs to the one that is first on the
    first snapshot; whatever else was there already is held all the same."""
    errors = [failures[snapshot] for snapshot in step.snapshots if snapshot in failures]
    is_taken = isinstance(step, Hold) and step.is_first and isinstance(failures.get(step.snapshots[0]), TagTaken)
    return [error for error in errors if is_taken or not isinstance(error, TagTaken)]


def mark_source(context: RunContext, ledger: Ledger) -> None:
    """Renew the bookmarks, and release the claims that nothing needs any more.

    Where no bookmark can be made, a claim on the same snapshot shows whose the holds are; if that fails too, all older
    claims stay.
    """
    bookmarking = ledger.pending(BookmarkSource)
    done = {step.snapshot for step in renew_bookmarks(context.source, [step for _plan, step in bookmarking])}
    needed: set[str] = set()
    for plan, step in bookmarking:
        if step.snapshot in done:
            ledger.record_done(plan, step)
        if step.claim is not None and (step.bookmark is None or step.snapshot not in done):
            needed.add(step.snapshot)
    claims = [
        (plan, Hold(Side.SOURCE, step.claim, (step.snapshot,), is_claim=True))
        for plan, step in bookmarking
        if step.claim is not None and step.snapshot in needed and not _has_claim(plan, step.snapshot)
    ]
    unclaimed: set[str] = set()
    for plan, _step, error in tag_all(claims, context, ledger):
        log.info("%s; nothing but the hold on the target shows whose the holds on the source are", error)
        unclaimed.add(plan.source)
    releases = [
        (plan, replace(step, snapshots=tuple(name for name in step.snapshots if name not in needed)))
        for plan, step in ledger.pending(Release)
        if step.is_claim and plan.source not in unclaimed
    ]
    for plan, release, error in tag_all([entry for entry in releases if entry[1].snapshots], context, ledger):
        ledger.fail(plan, error, release)


def _has_claim(plan: DatasetPlan, snapshot: str) -> bool:
    """Whether a snapshot has the claim already: the plan releases it, unless that proves to be all there is."""
    return any(isinstance(step, Release) and step.is_claim and snapshot in step.snapshots for step in plan.steps)


def withdraw_claims(plans: Sequence[DatasetPlan], context: RunContext, ledger: Ledger) -> None:
    """Release the claims on datasets whose tag another mirror has placed at the same moment."""
    withdrawn = [
        (plan, Release(Side.SOURCE, step.tag, step.snapshots, is_claim=True))
        for plan in plans
        for step in plan.steps
        if isinstance(step, Hold) and step.is_claim
    ]
    for _plan, _step, error in tag_all(withdrawn, context, ledger):
        log.info("%s; the next run releases it", error)
