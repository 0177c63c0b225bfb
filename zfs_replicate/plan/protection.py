"""Add the steps that keep a copy safe: holds, verification, releases, expiry. (Pair, Route, PlanContext) → plan. Pure.

Safety comes from the order: hold before sending anything; move holds only after verifying the guid on the target;
release before expiring. A crash at any point leaves more protection than needed, never less.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from zfs_replicate.model import Bookmark, PlanContext, Snapshot
from zfs_replicate.plan.bookmarks import has_bookmark_of, renewed_bookmark
from zfs_replicate.plan.identity import standing_of
from zfs_replicate.plan.pair import Pair
from zfs_replicate.plan.placing import taken_place
from zfs_replicate.plan.retention import Verdict, judge
from zfs_replicate.plan.route import Route
from zfs_replicate.plan.source_holds import (
    hold_notes,
    holding_steps,
    releasing_steps,
    source_holds,
    tagging,
    unclaiming_steps,
)
from zfs_replicate.plans import Arrivals, Conflict, DatasetPlan, KeptSnapshot
from zfs_replicate.steps import Expire, ExpiringSnapshot, Hold, Release, RenameSnapshots, Side, Step, Verify
from zfs_replicate.units import counted

NEWEST_COMMON = "newest common snapshot"
CLOCK_DOUBT = "a clock may be wrong"


@dataclass(frozen=True, slots=True)
class _TargetAfter:
    """The target once everything has arrived: its snapshots in order, and the index of the newest common one."""

    name: str
    snapshots: tuple[Snapshot, ...]
    base_index: int

    @property
    def new_base(self) -> Snapshot:
        return self.snapshots[self.base_index]

    @property
    def older(self) -> tuple[Snapshot, ...]:
        return self.snapshots[: self.base_index]

    @property
    def newer(self) -> tuple[Snapshot, ...]:
        return self.snapshots[self.base_index + 1 :]

    def holding(self, held: list[Snapshot], tag: str) -> _TargetAfter:
        """Return the same with this tag on these snapshots."""
        snapshots = (replace(s, holds=(*s.holds, tag)) if s in held else s for s in self.snapshots)
        return replace(self, snapshots=tuple(snapshots))


def protected_plan(pair: Pair, route: Route, context: PlanContext) -> DatasetPlan:
    """Given a route, return the dataset's plan: its streams, and the steps before and after them that protect the copy.

    Source `a b` with a held, target `a`, stream a..b: hold b, send a..b, verify b, hold b on the target, release a.
    """
    source, target_name, target_tag = pair.source, pair.target_name, context.policy.target_tag
    standing = standing_of(pair, context.policy.tag, context.mirror, context.now)
    after = _target_after(pair, route)
    known = frozenset(snapshot.guid for snapshot in after.snapshots)
    # the newest common snapshot that can be held: if only a bookmark is left of the tip, an older one
    anchor = [snapshot for snapshot in source.snapshots if snapshot.guid in known][-1:]
    guards = {entry.guid for entry in (route.base, *route.waypoints, *anchor) if isinstance(entry, Snapshot)}
    on_source = source_holds(pair, standing, guards, known)
    if [snapshot.guid for snapshot in anchor] != [after.new_base.guid]:
        on_source = replace(on_source, unclaim=())  # the target's hold will be on another snapshot, and show nothing
    to_repair = _unheld_base(pair, route, target_tag)
    after = after.holding(to_repair, target_tag)
    to_hold_here = [after.new_base] if target_tag not in after.new_base.holds else []
    # the hold here stays as long as that on the source, to show that it is ours
    needed_here = () if standing.is_apart else {s.guid for s in on_source.kept}
    held_here = [] if standing.unread else [s for s in after.older if target_tag in s.holds]
    to_release_here = [s for s in held_here if s.guid not in needed_here]
    expire, kept = _expiry(after, to_release_here, anchor, context)
    bookmarking = renewed_bookmark(pair, route.tip, standing, on_source.claim, context)
    is_bookmarked = has_bookmark_of(source, context) or any(step.bookmark for step in bookmarking)
    needed_claim = None if is_bookmarked or standing.is_apart else route.tip.guid
    # the order is the safety: see the top of this module
    steps = (
        *holding_steps(source.name, on_source, standing),
        *taken_place(pair, context),
        *(step for step in route.steps if isinstance(step, RenameSnapshots)),
        *tagging(Hold, Side.TARGET, target_tag, target_name, to_repair),
        *(step for step in route.steps if not isinstance(step, RenameSnapshots)),
        *_verify(after, route),
        *tagging(Hold, Side.TARGET, target_tag, target_name, to_hold_here),
        *releasing_steps(source.name, on_source, standing),
        *bookmarking,
        *unclaiming_steps(source.name, on_source, standing, needed_claim),
        *tagging(Release, Side.TARGET, target_tag, target_name, to_release_here),
        *expire,
    )
    notes = (*hold_notes(source, on_source, standing, known), *_notes(route, after))
    arrivals = Arrivals(route.arriving, standing.tag, target_tag) if route.arriving else None
    plan = DatasetPlan(source.name, target_name, steps, None, notes, kept, route.base, route.tip)
    return replace(plan, held=on_source.held, arrivals=arrivals, sharing=standing.sharing)


def conflict_plan(pair: Pair, conflict: Conflict, context: PlanContext) -> DatasetPlan:
    """Given a dataset in conflict, return its plan: only the missing holds on the newest common snapshot.

    They keep the base while a person decides; nothing is released or expired. Source `a b`, target `a c`: hold a on
    both sides. `pair` is as it was read: none of the steps that were to resolve the conflict is carried out. But a copy
    that is half in its place gets there, so that all names are those of the conflict.
    """
    source, target, base, target_tag = pair.source, pair.target, pair.base, context.policy.target_tag
    standing = standing_of(pair, context.policy.tag, context.mirror, context.now)
    present = target.snapshots if target else ()
    known = frozenset(snapshot.guid for snapshot in present)
    anchor = [snapshot.guid for snapshot in source.snapshots if snapshot.guid in known][-1:]
    on_source = source_holds(pair, standing, anchor, known)
    to_hold_here = [s for s in present if base is not None and s.guid == base.guid and target_tag not in s.holds]
    place = taken_place(pair, context)
    name_here = pair.beside.step.copy if pair.beside is not None and not place else pair.target_name
    steps: tuple[Step, ...] = (
        *holding_steps(source.name, on_source, standing),
        *place,
        *tagging(Hold, Side.TARGET, target_tag, name_here, to_hold_here),
    )
    tip = source.snapshots[-1] if source.snapshots else None
    plan = DatasetPlan(source.name, pair.target_name, steps, conflict, base=base, tip=tip)
    return replace(plan, held=on_source.held, sharing=standing.sharing)


def _unheld_base(pair: Pair, route: Route, target_tag: str) -> list[Snapshot]:
    """Return the target's snapshot of the base, if streams start from it and its hold is gone.

    It is held before them, since they may fail for weeks. Without streams it is the new base, and held as that.
    """
    if pair.target is None or pair.base is None or not route.arriving:
        return []
    guid = pair.base.guid
    return [s for s in pair.target.snapshots if s.guid == guid and target_tag not in s.holds]


def _verify(after: _TargetAfter, route: Route) -> tuple[Verify, ...]:
    return (Verify(f"{after.name}@{after.new_base.name}", after.new_base.guid),) if route.arriving else ()


def _target_after(pair: Pair, route: Route) -> _TargetAfter:
    present = pair.target.snapshots if pair.target else ()
    arriving = (replace(snapshot, holds=(), clones=(), written=0) for snapshot in route.arriving)
    snapshots = (*present, *arriving)
    base_index = next(index for index, snapshot in enumerate(snapshots) if snapshot.guid == route.tip.guid)
    return _TargetAfter(pair.target_name, snapshots, base_index)


def _expiry(
    after: _TargetAfter, released: Sequence[Snapshot], anchor: list[Snapshot], context: PlanContext
) -> tuple[tuple[Expire, ...], tuple[KeptSnapshot, ...]]:
    """Given the target as it will be, return what expires, and what is kept although it is overdue.

    `released`: target snapshots that lose our hold before, so that it does not keep them.
    """
    keep_days, target_tag = context.policy.keep_days, context.policy.target_tag
    if keep_days is None:
        return (), ()
    candidates = [
        replace(snapshot, holds=tuple(tag for tag in snapshot.holds if tag != target_tag))
        if snapshot in released
        else snapshot
        for snapshot in after.snapshots
    ]
    protected = {snapshot.guid: CLOCK_DOUBT for snapshot in after.snapshots if context.is_clock_doubtful}
    protected |= {snapshot.guid: NEWEST_COMMON for snapshot in (after.new_base, *anchor)}
    verdicts = judge(candidates, keep_days, protected, context.now)
    expiring = tuple(ExpiringSnapshot(verdict.snapshot.name, verdict.reason) for verdict in verdicts if verdict.expires)
    return ((Expire(after.name, expiring),) if expiring else ()), _kept(verdicts)


def _kept(verdicts: Iterable[Verdict]) -> tuple[KeptSnapshot, ...]:
    """Return the overdue snapshots that are still kept, with the reason."""
    return tuple(
        KeptSnapshot(verdict.snapshot.name, verdict.reason)
        for verdict in verdicts
        if verdict.is_overdue and not verdict.expires
    )


def _notes(route: Route, after: _TargetAfter) -> tuple[str, ...]:
    notes = []
    if isinstance(route.tip, Bookmark):
        notes.append(
            f"only the bookmark #{route.tip.name} is left of the newest common snapshot, and a bookmark cannot be held"
        )
    if after.newer:
        newer = counted(len(after.newer), "newer snapshot")
        notes.append(f"the target has {newer} of its own since @{after.new_base.name}; kept")
    return tuple(notes)
