"""What a person reads: Plan and Outcomes in, lines of text out. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from zfs_replicate.report.wording import describe, parent_reason
from zfs_replicate.steps import Attempt, DatasetPlan, Expire, Hold, Outcome, Plan, Release
from zfs_replicate.units import counted, rate, size


def plan_lines(plan: Plan) -> Iterator[str]:
    """The plan as text: a line for each dataset, then its steps with their reasons, in the order in which they run."""
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
    yield from (f"{orphan}: not on the source, or no longer: kept" for orphan in plan.orphans)


def _is_up_to_date(plan: DatasetPlan) -> bool:
    return plan.conflict is None and not plan.steps and not plan.notes


def totals_line(plan: Plan) -> str:
    """The last line of a plan: what all datasets come to."""
    plans = plan.datasets
    steps = [step for each in plans for step in each.steps]
    holds = sum(len(step.snapshots) for step in steps if isinstance(step, Hold))
    releases = sum(len(step.snapshots) for step in steps if isinstance(step, Release))
    expiring = sum(len(step.snapshots) for step in steps if isinstance(step, Expire))
    arriving = counted(sum(each.snapshot_count for each in plans), "snapshot")
    parts = [
        f"{counted(len(plans), 'dataset')}, {sum(1 for each in plans if each.snapshot_count)} to receive {arriving}"
        f" (about {size(sum(each.byte_estimate for each in plans))})",
        f"{counted(holds, 'hold')} to place, {releases} to release",
        f"{counted(expiring, 'snapshot')} to expire, {sum(len(each.kept) for each in plans)} kept past the time",
    ]
    conflicts = sum(1 for each in plans if each.conflict is not None)
    if conflicts:
        parts.append(f"{counted(conflicts, 'CONFLICT')}")
    return "; ".join(parts)


def arrival_line(outcome: Outcome) -> str:
    """One line for a dataset whose streams have arrived."""
    return f"{outcome.plan.target}: {counted(outcome.plan.snapshot_count, 'snapshot')}, {_amount(outcome)}"


def detail_lines(plan: Plan) -> Iterator[str]:
    """What a person wants to know beside what moved: snapshots kept for a reason, notes, orphans."""
    for dataset in plan.datasets:
        yield from (f"{dataset.target}@{kept.name}: kept: {kept.reason}" for kept in dataset.kept)
        yield from (f"{dataset.target}: {note}" for note in dataset.notes)
    yield from (f"{orphan}: not on the source, or no longer: kept" for orphan in plan.orphans)


def summary_line(attempt: Attempt) -> str:
    """The last line of a run: datasets, bytes, time and rate, what expired, what failed."""
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
