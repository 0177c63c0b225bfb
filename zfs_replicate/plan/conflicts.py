"""Find what a person must decide before a dataset can be mirrored. (Pair, ...) → Conflict or None. Pure.

Each conflict names the snapshots with their dates, and the commands that resolve it, ready to paste.
"""

from __future__ import annotations

import shlex
from dataclasses import replace

from zfs_replicate.model import Dataset, Kind, PlanContext, Snapshot
from zfs_replicate.plan.aside import marked_by_hand, move_aside
from zfs_replicate.plan.beside import is_unused
from zfs_replicate.plan.divergence import Divergence, dated, residue_limit
from zfs_replicate.plan.pair import Pair
from zfs_replicate.plan.placing import place_problem, used_placeholder
from zfs_replicate.plans import Conflict
from zfs_replicate.steps import Rollback
from zfs_replicate.zfs import names


def find_conflict(
    pair: Pair, arriving: tuple[Snapshot, ...], is_resuming: bool, context: PlanContext
) -> Conflict | None:
    """Given a source dataset and its counterpart, return what prevents mirroring it, or None.

    `arriving`: the snapshots that are to be sent. If rolling the target back would help, the conflict carries the
    rollback.
    """
    source, target, base = pair.source, pair.target, pair.base
    problem = _path_problem(source, pair.target_name, arriving) or place_problem(pair, arriving, context)
    if problem is not None or target is None:
        return problem
    if target.kind is not source.kind:
        return Conflict(
            f"it is a {target.kind.value}, but {source.name} is a {source.kind.value}", move_aside(pair, context)
        )
    if not source.snapshots:
        return None  # nothing will arrive, whatever is on the target
    if base is None:
        return _without_base(pair, target, is_resuming, move_aside(pair, context))
    if not arriving:
        return None
    divergence = Divergence.of(target, base.guid, move_aside(pair, context))
    target_tag = context.policy.target_tag
    if divergence.byte_count > residue_limit(context.sector_bytes):
        return divergence.changed(target_tag)
    if divergence.newer and pair.is_raw:
        return divergence.blocks_raw_streams(target_tag)
    return _name_taken(target, divergence, arriving, target_tag)


def unforeseen_change(pair: Pair, context: PlanContext) -> Conflict | None:
    """Return the conflict to report if zfs refuses an increment because the copy was changed; None without a base.

    The plan cannot know it if no more was written than a rollback leaves.
    """
    if pair.target is None or pair.base is None:
        return None
    return Divergence.of(pair.target, pair.base.guid, move_aside(pair, context)).refused(context.policy.target_tag)


def small_rollback(pair: Pair, context: PlanContext) -> Rollback | None:
    """Return the rollback of a copy without a conflict, to which a stream is to come and anything was written.

    Bytes below the limit may be a change all the same, which only zfs can tell.
    """
    if pair.target is None or pair.base is None or not pair.newer_than(pair.base):
        return None
    divergence = Divergence.of(pair.target, pair.base.guid, move_aside(pair, context))
    return divergence.rollback(context.policy.target_tag) if divergence.byte_count else None


def below_conflict(above: str) -> Conflict:
    """Given a target dataset in conflict, return the conflict of a dataset below it, which is not begun therefore."""
    return Conflict(
        f"it is not begun, because {above} above it is in conflict", "resolve that one first, then run again"
    )


def rolled_back(target: Dataset, rollback: Rollback) -> Dataset:
    """Given a target and its planned rollback, return the target as it will be afterwards."""
    kept = tuple(snapshot for snapshot in target.snapshots if f"{target.name}@{snapshot.name}" not in rollback.lost)
    marks = tuple(mark for mark in target.bookmarks if f"{target.name}#{mark.name}" not in rollback.bookmarks)
    return replace(target, snapshots=kept, bookmarks=marks, written=0, resume_token=None)


def _path_problem(source: Dataset, target_name: str, arriving: tuple[Snapshot, ...]) -> Conflict | None:
    longest = max((snapshot.name for snapshot in arriving), key=len, default="")
    problem = names.dataset_problem(target_name)
    length = len(target_name) + len(longest) + 1
    if problem is None and length > names.MAX_NAME_LENGTH:
        problem = f"is {length} bytes long with @{longest}; ZFS allows at most {names.MAX_NAME_LENGTH}"
    if problem is None:
        return None
    return Conflict(f"the target name {problem}", f"choose a shorter -l, or exclude {source.name} with -x")


def _without_base(pair: Pair, target: Dataset, is_resuming: bool, aside: str) -> Conflict | None:
    if target.origin is not None:
        return Conflict(
            f"it is a clone of {target.origin}: that dataset has its older snapshots, and perhaps the common ones",
            f"take them back: zfs promote {shlex.quote(target.name)}, then run again; or {aside}",
        )
    if target.snapshots:
        return _no_common_snapshot(pair.source, target, aside)
    if target.is_placeholder and not is_unused(target):
        return used_placeholder(aside)
    if not target.is_placeholder and not is_resuming:
        is_parent = pair.below_count and target.kind is Kind.FILESYSTEM
        return Conflict(
            "it exists but has no snapshots, and may hold data of its own",
            "; or ".join((marked_by_hand(pair), aside)) if is_parent else f"{aside}, or choose another -l",
        )
    return None


def _no_common_snapshot(source: Dataset, target: Dataset, aside: str) -> Conflict:
    return Conflict(
        f"no common snapshot is left: the newest on the target is {dated(target.snapshots[-1])}, the newest on the"
        f" source is {dated(source.snapshots[-1])}",
        f"{aside}, then run again for a new full copy",
    )


def _name_taken(
    target: Dataset, divergence: Divergence, arriving: tuple[Snapshot, ...], target_tag: str
) -> Conflict | None:
    by_name = {snapshot.name: snapshot for snapshot in target.snapshots}
    for snapshot in arriving:
        if snapshot.name in by_name:
            existing = by_name[snapshot.name]
            whole_name = f"{target.name}@{existing.name}"
            return Conflict(
                f"its snapshot {dated(existing)} is not the source's {dated(snapshot)}",
                f"rename it: zfs rename {shlex.quote(whole_name)} {shlex.quote(_free_name(whole_name, target))}",
                divergence.rollback(target_tag) if existing in divergence.newer else None,
            )
    return None


def _free_name(snapshot: str, target: Dataset) -> str:
    """Given the full name of a snapshot, return one that its dataset does not have: with .local, .local2, .local3 …"""
    taken = {f"{target.name}@{other.name}" for other in target.snapshots}
    endings = (".local", *(f".local{number}" for number in range(2, len(taken) + 2)))
    return next(snapshot + ending for ending in endings if snapshot + ending not in taken)
