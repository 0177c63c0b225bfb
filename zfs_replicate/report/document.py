"""Report a run as one JSON object. document(Run) → object. Pure.

docs/report.md explains the report, docs/report.schema.json defines it. Times are Unix seconds. Within one VERSION, keys
may be added; none is removed or changes its meaning.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from zfs_replicate import __version__
from zfs_replicate.config import THIS_MACHINE
from zfs_replicate.model import Bookmark, Snapshot
from zfs_replicate.plans import Conflict, DatasetPlan, Leftover
from zfs_replicate.report.record import DatasetRun, Problem, Run, StepRun
from zfs_replicate.report.wording import describe, parent_reason
from zfs_replicate.steps import Expire, MakeRoom, Resume, Send

SCHEMA = "zfs_replicate-report"
VERSION = 1

Object = dict[str, Any]


def text(run: Run) -> str:
    """Given a run, return its report as text. It is safe to print: JSON escapes hostile names and messages."""
    return json.dumps(document(run), indent=2) + "\n"


def document(run: Run) -> Object:
    """Given a run, return its report as an object for JSON."""
    datasets = run.datasets
    plan = run.plan
    policy = run.request.policy
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "program": __version__,
        "run": {
            "id": run.identity,
            "kind": "plan" if run.request.is_dry_run else "mirror",
            "result": run.result,
            "exit_status": run.exit_status,
            "began": round(run.began, 3),
            "ended": round(run.ended, 3),
            "seconds": round(run.ended - run.began, 3),
            "attempts": len(run.attempts),
            "error": _problem(run.problem),
        },
        "source": {"host": run.request.connection.host, "dataset": run.request.remote},
        "target": {"host": THIS_MACHINE, "dataset": run.request.local},
        "policy": {
            "tag": policy.tag,
            "keep_days": policy.keep_days,
            "excludes": list(policy.excludes),
            "rollback": policy.may_roll_back,
        },
        "totals": totals(datasets),
        "ancestors": [
            {"dataset": ancestor.target, "reason": parent_reason(ancestor)}
            for ancestor in (plan.ancestors if plan else ())
        ],
        "datasets": [_dataset(dataset) for dataset in datasets],
        "orphans": list(plan.orphans if plan else ()),
        "warnings": list(plan.warnings if plan else ()),
        "leftover_holds": [leftover_data(leftover) for leftover in (plan.leftovers if plan else ())],
    }


def leftover_data(leftover: Leftover) -> Object:
    """Return holds that the mirror does not need, as an object for JSON."""
    return {
        "side": leftover.side.value,
        "dataset": leftover.dataset,
        "tag": leftover.tag,
        "snapshots": list(leftover.snapshots),
        "reason": leftover.reason,
        "command": leftover.command,
    }


OUTCOMES = ("received", "up_to_date", "planned", "conflict", "failed", "not_done")


def totals(datasets: Iterable[DatasetRun]) -> Object:
    """Given datasets, return the sums over all of them; `outcomes` counts them by result."""
    runs = tuple(datasets)
    results = [run.result for run in runs]
    return {
        "datasets": len(runs),
        "outcomes": {result: results.count(result) for result in OUTCOMES},
        "bytes": sum(run.byte_count for run in runs),
        "estimated_bytes": sum(run.plan.byte_estimate for run in runs),
        "snapshots_planned": sum(run.plan.snapshot_count for run in runs),
        "snapshots_received": sum(run.snapshots_received for run in runs),
        "snapshots_expired": sum(len(run.expired) for run in runs),
        "snapshots_to_expire": sum(
            len(step.snapshots) for run in runs for step in run.plan.steps if isinstance(step, Expire | MakeRoom)
        ),
    }


def _dataset(dataset: DatasetRun) -> Object:
    plan = dataset.plan
    error = dataset.last.error
    return {
        "source": plan.source,
        "target": plan.target,
        "outcome": dataset.result,
        "bytes": dataset.byte_count,
        "estimated_bytes": plan.byte_estimate,
        "seconds": round(dataset.seconds, 3),
        "snapshots_received": dataset.snapshots_received,
        "newest_common": _mark(dataset.newest_common),
        "newest_on_source": _mark(plan.tip),
        "lag_seconds": dataset.lag_seconds,
        "steps": [_step(step, plan) for step in dataset.steps],
        "conflict": _conflict(plan.conflict, plan),
        "error": None if error is None else _problem(Problem(type(error).__name__, str(error))),
        "holds": [{"snapshot": f"{plan.source}@{held.name}", "creation": held.creation} for held in dataset.held],
        "expired": list(dataset.expired),
        "kept": [{"snapshot": kept.name, "reason": kept.reason} for kept in plan.kept],
        "notes": list(plan.notes),
    }


def _mark(mark: Snapshot | Bookmark | None) -> Object | None:
    """The guid is text because it does not fit into a number of JavaScript."""
    if mark is None:
        return None
    kind = "bookmark" if isinstance(mark, Bookmark) else "snapshot"
    return {"name": mark.name, "kind": kind, "guid": str(mark.guid), "creation": mark.creation}


def _conflict(conflict: Conflict | None, plan: DatasetPlan) -> Object | None:
    if conflict is None:
        return None
    rollback = None if conflict.rollback is None else describe(conflict.rollback, plan).fields
    return {"what": conflict.what, "next_step": conflict.next_step, "rollback": rollback}


def _problem(problem: Problem | None) -> Object | None:
    return None if problem is None else {"kind": problem.kind, "message": problem.message}


def _step(run: StepRun, plan: DatasetPlan) -> Object:
    """Return what the step is, why it is there, and how it ended."""
    description = describe(run.step, plan)
    fields = {
        **description.fields,
        "reason": description.reason,
        "state": run.state,
        "attempt": run.attempt,
    }
    if isinstance(run.step, Send | Resume):
        fields |= {"bytes": run.byte_count, "seconds": round(run.seconds, 3)}
    return fields
