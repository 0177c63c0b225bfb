"""The report: a Run in, one JSON object out. Pure. docs/report.md tells of it, docs/report.schema.json defines it.

Times are Unix seconds.

Within one version, keys may be added; none goes, and none changes its meaning.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from zfs_replicate import __version__
from zfs_replicate.config import THIS_MACHINE
from zfs_replicate.model import Bookmark, Snapshot
from zfs_replicate.report.record import DatasetRun, Problem, Run, StepRun
from zfs_replicate.report.wording import describe, parent_reason
from zfs_replicate.steps import Conflict, DatasetPlan, Expire, Resume, Send

SCHEMA = "zfs_replicate-report"
VERSION = 1

Object = dict[str, Any]


def text(run: Run) -> str:
    """The report as text, ready to print. Whatever a hostile name or message holds is escaped in JSON's own way."""
    return json.dumps(document(run), indent=2) + "\n"


def document(run: Run) -> Object:
    """Given a run, return its report."""
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
        "datasets": [_dataset(each) for each in datasets],
        "orphans": list(plan.orphans if plan else ()),
    }


OUTCOMES = ("received", "up_to_date", "planned", "conflict", "failed", "not_done")


def totals(datasets: Iterable[DatasetRun]) -> Object:
    """The sums over all datasets; `outcomes` counts them by how they ended."""
    found = tuple(datasets)
    words = [each.word for each in found]
    return {
        "datasets": len(found),
        "outcomes": {word: words.count(word) for word in OUTCOMES},
        "bytes": sum(each.byte_count for each in found),
        "estimated_bytes": sum(each.plan.byte_estimate for each in found),
        "snapshots_planned": sum(each.plan.snapshot_count for each in found),
        "snapshots_received": sum(each.snapshots_received for each in found),
        "snapshots_expired": sum(len(each.expired) for each in found),
        "snapshots_to_expire": sum(
            len(step.snapshots) for each in found for step in each.plan.steps if isinstance(step, Expire)
        ),
    }


def _dataset(each: DatasetRun) -> Object:
    plan = each.plan
    error = each.last.error
    return {
        "source": plan.source,
        "target": plan.target,
        "outcome": each.word,
        "bytes": each.byte_count,
        "estimated_bytes": plan.byte_estimate,
        "seconds": round(each.seconds, 3),
        "snapshots_received": each.snapshots_received,
        "newest_common": _mark(each.newest_common),
        "newest_on_source": _mark(plan.tip),
        "lag_seconds": each.lag_seconds,
        "steps": [_step(step, plan) for step in each.steps],
        "conflict": _conflict(plan.conflict, plan),
        "error": None if error is None else _problem(Problem(type(error).__name__, str(error))),
        "holds": [{"snapshot": f"{plan.source}@{held.name}", "creation": held.creation} for held in each.held],
        "expired": list(each.expired),
        "kept": [{"snapshot": kept.name, "reason": kept.reason} for kept in plan.kept],
        "notes": list(plan.notes),
    }


def _mark(mark: Snapshot | Bookmark | None) -> Object | None:
    """A guid is text: it does not fit into the numbers of JavaScript."""
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


def _step(each: StepRun, plan: DatasetPlan) -> Object:
    """What the step is, why, and what became of it."""
    description = describe(each.step, plan)
    told = {
        **description.fields,
        "reason": description.reason,
        "state": each.state,
        "attempt": each.attempt,
    }
    if isinstance(each.step, Send | Resume):
        told |= {"bytes": each.byte_count, "seconds": round(each.seconds, 3)}
    return told
