"""Format a plan and the outcome of a run as lines of text for people. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from zfs_replicate.plans import Attempt, DatasetPlan, Leftover, Outcome, Plan
from zfs_replicate.report.wording import describe, parent_reason
from zfs_replicate.steps import Expire, Hold, MakeRoom, Release, Resume
from zfs_replicate.units import counted, rate, size


def plan_lines(plan: Plan) -> Iterator[str]:
    """Given a plan, return its warnings, then a line for each dataset, followed by its steps, each with its reason."""
    yield from (f"warning: {warning}" for warning in plan.warnings)
    for ancestor in plan.ancestors:
        yield f"{ancestor.target}: create as a parent, unmounted: {parent_reason(ancestor)}"
    for dataset in plan.datasets:
        yield f"{dataset.source} → {dataset.target}{': up to date' if _is_up_to_date(dataset) else ''}"
        if dataset.conflict is not None:
            yield f"    conflict: {dataset.conflict.what}; {dataset.conflict.next_step}"
        for step in dataset.steps:
            yield from (f"    {line}" for line in describe(step, dataset).lines)
        yield from (f"    keep @{kept.name}: {kept.reason}" for kept in dataset.kept)
        yield from (f"    note: {note}" for note in dataset.notes)
    yield from (f"{orphan}: not on the source; kept" for orphan in plan.orphans)
    yield from map(leftover_line, plan.leftovers)


def leftover_line(leftover: Leftover) -> str:
    """Return the line for holds that the mirror does not need: which, why, and what releases them."""
    held = f"{leftover.snapshots[0]}{f' and {len(leftover.snapshots) - 1} more' if len(leftover.snapshots) > 1 else ''}"
    return (
        f"{leftover.dataset}: this mirror no longer needs its hold {leftover.tag} on {held}, because {leftover.reason};"
        f" if nothing else does, release it: {leftover.command}"
    )


def _is_up_to_date(plan: DatasetPlan) -> bool:
    return plan.conflict is None and not plan.steps and not plan.notes


def totals_line(plan: Plan) -> str:
    """Given a plan, return its last line: the totals over all datasets."""
    plans = plan.datasets
    steps = [step for dataset in plans for step in dataset.steps]
    holds = sum(len(step.snapshots) for step in steps if isinstance(step, Hold) and not step.is_claim)
    releases = sum(len(step.snapshots) for step in steps if isinstance(step, Release) and not step.is_claim)
    expiring = sum(len(step.snapshots) for step in steps if isinstance(step, Expire | MakeRoom))
    kept = sum(len(dataset.kept) for dataset in plans)
    arriving = counted(sum(dataset.snapshot_count for dataset in plans), "snapshot")
    parts = [
        f"{counted(len(plans), 'dataset')}, {plan.stream_count} to receive {arriving}"
        f" (about {size(sum(dataset.byte_estimate for dataset in plans))})",
        f"{counted(holds, 'hold')} to place, {releases} to release",
        f"{counted(expiring, 'snapshot')} to expire, {kept} kept past their time",
    ]
    conflicts = sum(1 for dataset in plans if dataset.conflict is not None)
    if conflicts:
        parts.append(counted(conflicts, "CONFLICT"))
    return "; ".join(parts)


def arrival_line(outcome: Outcome) -> str:
    """Return the line for a dataset whose streams have arrived."""
    resumed = "".join(f", resumed: {step.snapshot}" for step in outcome.plan.steps if isinstance(step, Resume))
    return f"{outcome.plan.target}: {counted(outcome.plan.snapshot_count, 'snapshot')}, {_amount(outcome)}{resumed}"


def detail_lines(plan: Plan) -> Iterator[str]:
    """Given a plan, return a line for each snapshot that is kept past its time, each note, orphan and unneeded hold."""
    for dataset in plan.datasets:
        yield from (f"{dataset.target}@{kept.name}: kept: {kept.reason}" for kept in dataset.kept)
        yield from (f"{dataset.target}: {note}" for note in dataset.notes)
    yield from (f"{orphan}: not on the source; kept" for orphan in plan.orphans)
    yield from map(leftover_line, plan.leftovers)


def summary_line(attempt: Attempt) -> str:
    """Return the last line of a run: datasets, expired snapshots, failures, bytes, time and rate."""
    outcomes = attempt.outcomes
    moved = sum(1 for outcome in outcomes if outcome.byte_count)
    failures = sum(1 for outcome in outcomes if outcome.error is not None)
    expired = sum(len(outcome.expired) for outcome in outcomes)
    parts = [f"{counted(len(outcomes), 'dataset')}, {moved} received"]
    if expired:
        parts.append(f"{counted(expired, 'snapshot')} expired")
    if failures:
        parts.append(f"{failures} FAILED")
    byte_count = sum(outcome.byte_count for outcome in outcomes)
    return f"{', '.join(parts)}: {size(byte_count)} in {attempt.seconds:.1f} s ({rate(byte_count, attempt.seconds)})"


def _amount(outcome: Outcome) -> str:
    return f"{size(outcome.byte_count)} in {outcome.seconds:.1f} s ({rate(outcome.byte_count, outcome.seconds)})"
