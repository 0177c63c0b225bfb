"""Adapt a plan to what a pool cannot do: one that was imported read-only, or an old one without features. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import replace

from zfs_replicate.errors import ReplicateError
from zfs_replicate.model import Capabilities, Survey
from zfs_replicate.plan.pair import Pair
from zfs_replicate.plans import DatasetPlan
from zfs_replicate.steps import BookmarkSource, Expire, Hold, MakeRoom, Release, RenameSnapshots, Side, Step
from zfs_replicate.zfs import names


def check_target_is_writable(root: str, target: Capabilities) -> None:
    """Raises: ReplicateError if the target's pool was imported read-only: nothing can arrive there."""
    if target.is_read_only:
        pool = shlex.quote(names.pool_of(root))
        raise ReplicateError(
            f"{root} on this machine: its pool was imported read-only, so nothing can arrive; import it again: zpool"
            f" export {pool} && zpool import {pool}"
        )


def pool_warnings(survey: Survey, target: Capabilities) -> Iterator[str]:
    """Given both sides, yield what the pools cannot do and what that means for this mirror."""
    if survey.source_capabilities.is_read_only:
        yield (
            f"{survey.source.root} on {survey.source_host}: its pool was imported read-only; nothing can be destroyed"
            " there meanwhile, so it is mirrored without placing or releasing holds"
        )
    if not target.can_resume:
        pool = shlex.quote(names.pool_of(survey.target.root))
        yield (
            f"{survey.target.root} on this machine: its pool lacks the feature extensible_dataset, so a stream that is"
            f" cut begins anew; to be able to resume: zpool set feature@extensible_dataset=enabled {pool}"
        )


def leaving_source(pair: Pair, plan: DatasetPlan) -> DatasetPlan:
    """Given a plan, return it without the steps that change the source. Hold b, send a..b, release a: send a..b.

    Of what both sides have, the newest that the source holds stays held on the target, too: what arrives now has no
    hold there, and the source may destroy it as soon as its pool is writable again.
    """
    dropped = {
        name for step in plan.steps if isinstance(step, Hold) and _changes_source(step) for name in step.snapshots
    }
    arrivals = plan.arrivals
    left = (step for step in plan.steps if not _changes_source(step))
    anchor = _anchor(pair, plan)
    return replace(
        plan,
        steps=tuple(kept for step in left if (kept := _sparing(step, f"{plan.target}@{anchor}")) is not None),
        held=tuple(snapshot for snapshot in plan.held if f"{plan.source}@{snapshot.name}" not in dropped),
        arrivals=None if arrivals is None else replace(arrivals, source_tag=None),
        reserve=None if plan.reserve is None else _sparing_room(plan.reserve, f"{plan.target}@{anchor}"),
    )


def _anchor(pair: Pair, plan: DatasetPlan) -> str:
    """Return the name on the target, after the @, of the newest common snapshot that the source holds; or empty."""
    copied = {snapshot.guid: snapshot.name for snapshot in pair.target.snapshots} if pair.target else {}
    name = next((copied[s.guid] for s in reversed(pair.source.snapshots) if s.holds and s.guid in copied), "")
    for step in plan.steps:
        for rename in step.renames if isinstance(step, RenameSnapshots) else ():
            name = rename.new if name == rename.old else name
    return name


def _sparing(step: Step, snapshot: str) -> Step | None:
    """Given a step, return it without what it would take from a snapshot of the target; None if nothing is left."""
    if isinstance(step, Release):
        return _sparing_release(step, snapshot)
    if isinstance(step, MakeRoom):
        return _sparing_room(step, snapshot)
    if isinstance(step, Expire):
        expiring = tuple(old for old in step.snapshots if f"{step.target}@{old.name}" != snapshot)
        return replace(step, snapshots=expiring) if expiring else None
    return step


def _sparing_release(step: Release, snapshot: str) -> Release | None:
    left = tuple(name for name in step.snapshots if name != snapshot)
    return replace(step, snapshots=left) if left else None


def _sparing_room(step: MakeRoom, snapshot: str) -> MakeRoom | None:
    expiring = tuple(old for old in step.snapshots if f"{step.target}@{old.name}" != snapshot)
    release = None if step.release is None else _sparing_release(step.release, snapshot)
    return replace(step, snapshots=expiring, release=release) if expiring else None


def _changes_source(step: Step) -> bool:
    return isinstance(step, BookmarkSource) or (isinstance(step, Hold | Release) and step.side is Side.SOURCE)
