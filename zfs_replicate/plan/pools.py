"""Adapt a plan to what a pool cannot do: one that was imported read-only, or an old one without features. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import replace

from zfs_replicate.errors import ReplicateError
from zfs_replicate.model import Capabilities, Survey
from zfs_replicate.plans import DatasetPlan
from zfs_replicate.steps import BookmarkSource, Hold, Release, Side, Step
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


def leaving_source(plan: DatasetPlan) -> DatasetPlan:
    """Given a plan, return it without the steps that change the source. Hold b, send a..b, release a: send a..b."""
    dropped = {
        name for step in plan.steps if isinstance(step, Hold) and _changes_source(step) for name in step.snapshots
    }
    arrivals = plan.arrivals
    return replace(
        plan,
        steps=tuple(step for step in plan.steps if not _changes_source(step)),
        held=tuple(snapshot for snapshot in plan.held if f"{plan.source}@{snapshot.name}" not in dropped),
        arrivals=None if arrivals is None else replace(arrivals, source_tag=None),
    )


def _changes_source(step: Step) -> bool:
    return isinstance(step, BookmarkSource) or (isinstance(step, Hold | Release) and step.side is Side.SOURCE)
