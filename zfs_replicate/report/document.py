"""The report: a Run in, one JSON object out. Pure. docs/report.md tells of it, docs/report.schema.json defines it.

Times are Unix seconds.

Within one version, keys may be added; none goes, and none changes its meaning.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from zfs_replicate import __version__
from zfs_replicate.config import THIS_MACHINE
from zfs_replicate.model import Bookmark, Policy, Snapshot
from zfs_replicate.report.record import DatasetRun, Problem, Run, StepRun
from zfs_replicate.report.wording import hold_reason, parent_reason, reason
from zfs_replicate.steps import (
    AbortReceive,
    BookmarkSource,
    ClearPlaceholder,
    Conflict,
    CreateParent,
    DatasetPlan,
    Expire,
    HoldSource,
    HoldTarget,
    ReleaseSource,
    ReleaseTarget,
    Resume,
    Rollback,
    Send,
    Step,
    Verify,
)

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
    policy = run.config.policy
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "program": __version__,
        "run": {
            "id": run.identity,
            "kind": "plan" if run.config.is_dry_run else "mirror",
            "result": run.result,
            "exit_status": run.exit_status,
            "began": round(run.began, 3),
            "ended": round(run.ended, 3),
            "seconds": round(run.ended - run.began, 3),
            "attempts": len(run.attempts),
            "error": _problem(run.problem),
        },
        "source": {"host": run.config.connection.host, "dataset": run.config.remote},
        "target": {"host": THIS_MACHINE, "dataset": run.config.local},
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
        "datasets": [_dataset(each, policy) for each in datasets],
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


def _dataset(each: DatasetRun, policy: Policy) -> Object:
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
        "steps": [_step(step, plan, policy) for step in each.steps],
        "conflict": _conflict(plan.conflict, plan, policy),
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


def _conflict(conflict: Conflict | None, plan: DatasetPlan, policy: Policy) -> Object | None:
    if conflict is None:
        return None
    rollback = None if conflict.rollback is None else _what(conflict.rollback, plan, policy)
    return {"what": conflict.what, "next_step": conflict.next_step, "rollback": rollback}


def _problem(problem: Problem | None) -> Object | None:
    return None if problem is None else {"kind": problem.kind, "message": problem.message}


def _step(each: StepRun, plan: DatasetPlan, policy: Policy) -> Object:
    """What the step is, why, and what became of it."""
    told = {
        **_what(each.step, plan, policy),
        "reason": reason(each.step, plan),
        "state": each.state,
        "attempt": each.attempt,
    }
    if isinstance(each.step, Send | Resume):
        told |= {"bytes": each.byte_count, "seconds": round(each.seconds, 3)}
    return told


def _what(step: Step, plan: DatasetPlan, policy: Policy) -> Object:
    match step:
        case HoldSource():
            reasons = {snapshot: hold_reason(snapshot, plan) for snapshot in step.snapshots}
            return {"action": "hold", "side": "source", "tag": policy.tag, "snapshots": _named(reasons)}
        case HoldTarget() | ReleaseSource() | ReleaseTarget():
            action = "hold" if isinstance(step, HoldTarget) else "release"
            is_ours = isinstance(step, HoldTarget | ReleaseTarget)
            side, tag = ("target", policy.target_tag) if is_ours else ("source", policy.tag)
            reasons = dict.fromkeys(step.snapshots, reason(step, plan))
            return {"action": action, "side": side, "tag": tag, "snapshots": _named(reasons)}
        case Expire():
            reasons = {snapshot.name: snapshot.reason for snapshot in step.snapshots}
            return {"action": "expire", "side": "target", "snapshots": _named(reasons)}
        case BookmarkSource():
            made = {"snapshot": step.snapshot, "bookmark": step.bookmark, "destroyed": list(step.obsolete)}
            return {"action": "bookmark", "side": "source", **made}
        case Send() | Resume():
            return _stream(step)
        case _:
            return _at_target(step)


def _stream(step: Send | Resume) -> Object:
    told: Object = {"action": "send" if isinstance(step, Send) else "resume", "snapshot": step.snapshot}
    if isinstance(step, Send):
        told |= {"base": step.base, "raw": step.is_raw}
    return told | {"snapshot_count": step.snapshot_count, "estimated_bytes": step.byte_estimate}


def _at_target(step: AbortReceive | Rollback | CreateParent | ClearPlaceholder | Verify) -> Object:
    match step:
        case AbortReceive():
            return {"action": "abort_receive"}
        case Rollback():
            discarded = {"discarded_bytes": step.byte_count, "discarded_snapshots": list(step.lost)}
            return {"action": "rollback", "snapshot": step.snapshot, **discarded}
        case CreateParent():
            return {"action": "create"}
        case ClearPlaceholder():
            return {"action": "clear_placeholder"}
        case Verify():
            return {"action": "verify", "snapshot": step.snapshot, "guid": str(step.guid)}


def _named(reasons: Mapping[str, str]) -> list[Object]:
    return [{"name": name, "reason": why} for name, why in reasons.items()]
