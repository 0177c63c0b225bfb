"""Why each step is in a plan, in words: a step and its dataset's plan in, one clause out. Pure.

Text and JSON tell the same reasons, so they are made in one place.
"""

from __future__ import annotations

from zfs_replicate.model import Bookmark
from zfs_replicate.steps import (
    AbortReceive,
    BookmarkSource,
    ClearPlaceholder,
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

_FIXED = {
    Resume: "its stream was cut, and what had arrived was saved",
    ClearPlaceholder: "it is a real copy now, no placeholder any more",
    Verify: "no hold moves before it is there",
    HoldTarget: "it is the newest common snapshot",
    BookmarkSource: "a base to fall back on, should the held snapshot be lost",
    Expire: "past the time that snapshots are kept here",
    Rollback: "the copy was changed, and --rollback allows to discard that",
}


def reason(step: Step, plan: DatasetPlan) -> str:
    """Given a step of a dataset's plan, return why it is there."""
    if type(step) in _FIXED:
        return _FIXED[type(step)]
    match step:
        case AbortReceive():
            return step.reason
        case CreateParent():
            return parent_reason(step)
        case Send():
            return _send(step, plan)
        case HoldSource():
            return "the next run needs them" if len(step.snapshots) > 1 else hold_reason(step.snapshots[0], plan)
        case ReleaseSource() | ReleaseTarget():
            return f"older than the newest common snapshot{_named(plan)}"
    raise AssertionError(f"no words for {type(step).__name__}")


def parent_reason(step: CreateParent) -> str:
    if step.is_placeholder:
        return "it has no snapshot, but datasets below it have"
    return "the copy lies below it"


def hold_reason(snapshot: str, plan: DatasetPlan) -> str:
    """Given a source snapshot (whole name) that is to be held, return what for."""
    name = snapshot.partition("@")[2]
    if plan.tip is not None and name == plan.tip.name:
        return (
            "the next run goes on from it" if plan.snapshot_count else "the hold on the newest common snapshot is gone"
        )
    if plan.base is not None and name == plan.base.name:
        return "this run starts from it"
    if plan.snapshot_count:
        return "a stream of this run ends at it"
    return "the newest common snapshot that can be held"


def _send(step: Send, plan: DatasetPlan) -> str:
    if step.base is None:
        return "there is no copy yet"
    base = step.base.replace(plan.source, "", 1)
    if isinstance(plan.base, Bookmark) and base == f"#{plan.base.name}":
        return f"newer than the newest common snapshot, of which the source has only the bookmark {base}"
    if plan.base is not None and base == f"@{plan.base.name}":
        return f"newer than the newest common snapshot {base}"
    return f"newer than {base}, which arrives just before"


def _named(plan: DatasetPlan) -> str:
    return "" if plan.tip is None else f" @{plan.tip.name}"
