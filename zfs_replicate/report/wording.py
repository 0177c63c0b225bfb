"""Describe a step: what it does, why it is there, and its keys in the report. (Step, DatasetPlan) → Description.

Text and JSON come from one place, so that they cannot disagree. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from zfs_replicate.model import Bookmark
from zfs_replicate.plans import DatasetPlan
from zfs_replicate.steps import (
    AbortReceive,
    BookmarkSource,
    ClearPlaceholder,
    CreateParent,
    DestroyPlaceholder,
    Expire,
    Hold,
    MakeRoom,
    MoveDataset,
    Release,
    RenameSnapshots,
    Resume,
    Rollback,
    Send,
    Side,
    Step,
    TakePlace,
    Verify,
)
from zfs_replicate.units import counted, size

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Description:
    """`lines`: what the step does and why, for the text plan. `fields`: the same as keys of the JSON report."""

    reason: str
    lines: tuple[str, ...]
    fields: Fields


def describe(step: Step, plan: DatasetPlan) -> Description:
    """Given a step of a dataset's plan, return its description."""
    match step:
        case Hold() | Release():
            return _describe_tagging(step, plan)
        case Send() | Resume():
            return _describe_stream(step, plan)
        case BookmarkSource():
            return _describe_bookmark(step)
        case Expire() | MakeRoom():
            return _describe_expire(step)
        case _:
            return _describe_copying(step)


def _describe_copying(
    step: Rollback | RenameSnapshots | AbortReceive | CreateParent | ClearPlaceholder | TakePlace | Verify,
) -> Description:
    """Describe a step that changes or checks the copy, but for its streams and holds."""
    match step:
        case Rollback():
            keys: Fields = {
                "discarded_bytes": step.byte_count,
                "discarded_snapshots": list(step.lost),
                "discarded_bookmarks": list(step.bookmarks),
            }
            why = "the copy was changed, and --rollback allows discarding the changes"
            return Description(why, (step.text,), {"action": "rollback", "snapshot": step.snapshot, **keys})
        case RenameSnapshots():
            return _describe_renames(step)
        case AbortReceive():
            return _single("clear the saved state of an interrupted receive", step.reason, "abort_receive")
        case CreateParent():
            return _single("create as a placeholder, unmounted", parent_reason(step), "create")
        case ClearPlaceholder():
            why = "it is a real copy now, no longer a placeholder"
            return _single("clear the placeholder mark", why, "clear_placeholder")
        case TakePlace():
            return _describe_place(step)
        case Verify():
            what, why = f"verify that {step.snapshot} has arrived", "no hold moves until it is there"
            return _single(what, why, "verify", snapshot=step.snapshot, guid=str(step.guid))


def _describe_place(step: TakePlace) -> Description:
    """Describe each command: zfs's own words are what an administrator finds in the history of the pool."""
    why = f"its copy takes the place of the placeholder {step.target}, which zfs cannot fill"
    fields: Fields = {"action": "take_place", "copy": step.copy, "moved": [], "created": [], "destroyed": []}
    lines = []
    for act in (*step.acts, MoveDataset(step.copy, step.target)):
        match act:
            case MoveDataset():
                lines.append(f"rename {act.old} to {act.new}")
                fields["moved"].append({"from": act.old, "to": act.new})
            case CreateParent():
                lines.append(f"create {act.target} as a placeholder, unmounted")
                fields["created"].append(act.target)
            case DestroyPlaceholder():
                lines.append(f"destroy the empty placeholder {act.target}")
                fields["destroyed"].append(act.target)
    return Description(why, tuple(f"{line}: {why}" for line in lines), fields)


def parent_reason(step: CreateParent) -> str:
    """Return why a parent dataset is created."""
    if step.is_placeholder:
        return "it has no snapshots, but datasets below it do"
    return "the copy lies below it"


def _single(what: str, reason: str, action: str, **fields: Any) -> Description:
    return Description(reason, (f"{what}: {reason}",), {"action": action, **fields})


def _named(reasons: Mapping[str, str]) -> list[Fields]:
    return [{"name": name, "reason": why} for name, why in reasons.items()]


def _describe_tagging(step: Hold | Release, plan: DatasetPlan) -> Description:
    if step.is_claim:
        reasons = dict.fromkeys(step.snapshots, "it shows that the first holds are those of this mirror")
    elif isinstance(step, Release):
        reasons = dict.fromkeys(step.snapshots, f"older than the newest common snapshot{_at_tip(plan)}")
    elif step not in plan.steps:
        reasons = dict.fromkeys(step.snapshots, "the newest snapshot that arrived before the streams ended early")
    elif step.side is Side.TARGET:
        reasons = dict.fromkeys(step.snapshots, _why_held_here(step, plan))
    else:
        reasons = {name: _why_held(name, plan) for name in step.snapshots}
    action, what = ("hold", "place the hold") if isinstance(step, Hold) else ("release", "release the hold")
    lines = tuple(f"{what} {step.tag} on {name}: {why}" for name, why in reasons.items())
    fields = {"action": action, "side": step.side.value, "tag": step.tag, "snapshots": _named(reasons)}
    common = set(reasons.values())
    reason = common.pop() if len(common) == 1 else "the next run needs them"
    return Description(reason, () if step.is_claim else lines, fields)


def _describe_renames(step: RenameSnapshots) -> Description:
    why = "the source has renamed its snapshots, and their names are needed"
    lines = tuple(f"rename @{rename.old} to @{rename.new}: {why}" for rename in step.renames)
    renames = [{"from": rename.old, "to": rename.new} for rename in step.renames]
    return Description(why, lines, {"action": "rename", "side": "target", "snapshots": renames})


def _describe_stream(step: Send | Resume, plan: DatasetPlan) -> Description:
    keys: Fields = {"snapshot_count": step.snapshot_count, "estimated_bytes": step.byte_estimate}
    about = f"about {size(step.byte_estimate)}"
    if isinstance(step, Resume):
        why = "its stream was interrupted, and what had arrived was saved"
        return _single(f"resume {step.snapshot} (of {about})", why, "resume", snapshot=step.snapshot, **keys)
    base = f"from {step.base}" if step.base else "in full"
    raw = ", raw" if step.is_raw else ""
    into = f", into {step.receiving.target}" if step.receiving.target != plan.target else ""
    what = f"send {step.snapshot} {base}{raw}{into} ({counted(step.snapshot_count, 'snapshot')}, {about})"
    keys = {"snapshot": step.snapshot, "base": step.base, "raw": step.is_raw, **keys}
    return _single(what, _why_sent(step, plan), "send", **keys)


def _describe_expire(step: Expire | MakeRoom) -> Description:
    reasons = {expired.name: expired.reason for expired in step.snapshots}
    lines = [f"expire @{name}: {why}" for name, why in reasons.items()]
    fields = {"action": "expire", "side": "target", "snapshots": _named(reasons)}
    if isinstance(step, Expire):
        return Description("older than the target keeps snapshots", tuple(lines), fields)
    if step.release is not None:
        lines[:0] = [f"release the hold {step.release.tag} on {name}: it expires" for name in step.release.snapshots]
    return Description("overdue, and in the way of what arrives", tuple(lines), fields)


def _describe_bookmark(step: BookmarkSource) -> Description:
    why = "a base to fall back on, should the held snapshot be lost"
    created = [] if step.bookmark is None else [f"bookmark {step.snapshot} as {step.bookmark}: {why}"]
    destroyed = [f"destroy the bookmark {name}: an older one of ours" for name in step.obsolete]
    keys = {"snapshot": step.snapshot, "bookmark": step.bookmark, "destroyed": list(step.obsolete)}
    return Description(why, (*created, *destroyed), {"action": "bookmark", "side": "source", **keys})


def _why_held(snapshot: str, plan: DatasetPlan) -> str:
    name = snapshot.partition("@")[2]
    if plan.conflict is not None:
        return "the newest common snapshot, kept until the conflict is resolved"
    if plan.tip is not None and name == plan.tip.name:
        is_moving = bool(plan.snapshot_count)
        return "the next run continues from it" if is_moving else "the hold on the newest common snapshot is gone"
    if plan.base is not None and name == plan.base.name:
        return "this run starts from it"
    if plan.snapshot_count:
        return "a stream of this run ends at it"
    return "the newest common snapshot that can be held"


def _why_held_here(step: Hold, plan: DatasetPlan) -> str:
    """Return why a snapshot of the target is held: before the streams, its hold was lost."""
    later = plan.steps[plan.steps.index(step) :]
    if any(isinstance(other, Send | Resume) for other in later):
        return "this run starts from it, and its hold is gone"
    return "it is the newest common snapshot"


def _why_sent(step: Send, plan: DatasetPlan) -> str:
    if step.base is None:
        return "there is no copy yet"
    base = step.base.replace(plan.source, "", 1)
    if isinstance(plan.base, Bookmark) and base == f"#{plan.base.name}":
        return f"newer than the newest common snapshot, of which the source has only the bookmark {base}"
    if plan.base is not None and base == f"@{plan.base.name}":
        return f"newer than the newest common snapshot {base}"
    return f"newer than {base}, which arrives just before"


def _at_tip(plan: DatasetPlan) -> str:
    return "" if plan.tip is None else f" @{plan.tip.name}"
