"""Add the steps that keep a copy safe: holds, verification, releases, expiry. (Pair, Route, PlanContext) → plan. Pure.

Safety comes from the order: hold before sending anything; move holds only after verifying the guid on the target;
release before expiring. A crash at any point leaves more protection than needed, never less.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from zfs_replicate.model import Bookmark, Dataset, PlanContext, Policy, Snapshot
from zfs_replicate.plan.pair import Pair
from zfs_replicate.plan.retention import Verdict, judge
from zfs_replicate.plan.route import Route
from zfs_replicate.plans import Arrivals, Conflict, DatasetPlan, KeptSnapshot
from zfs_replicate.steps import BookmarkSource, Expire, ExpiringSnapshot, Hold, Release, RenameSnapshots, Side, Verify
from zfs_replicate.units import counted
from zfs_replicate.zfs import names

MAX_BOOKMARKS = 3
"""With this many older bookmarks of ours, the user evidently may not destroy them: create no more."""

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
    source, target_name = pair.source, pair.target_name
    tag, target_tag = context.policy.tag, context.policy.target_tag
    after = _target_after(pair, route)
    known = {snapshot.guid for snapshot in after.snapshots}
    # the newest common snapshot that can be held: if only a bookmark is left of the tip, an older one
    anchor = [snapshot for snapshot in source.snapshots if snapshot.guid in known][-1:]
    guards = {entry.guid for entry in (route.base, *route.waypoints, *anchor) if isinstance(entry, Snapshot)}
    to_hold = [snapshot for snapshot in source.snapshots if snapshot.guid in guards and tag not in snapshot.holds]
    newly_held = {snapshot.guid for snapshot in to_hold}
    tagged = [snapshot for snapshot in source.snapshots if tag in snapshot.holds or snapshot.guid in newly_held]
    to_release = [s for s in tagged if anchor and s.createtxg < anchor[0].createtxg and s.guid in known]
    to_repair = _unheld_base(pair, route, target_tag)
    after = after.holding(to_repair, target_tag)
    to_hold_here = [after.new_base] if target_tag not in after.new_base.holds else []
    to_release_here = [snapshot for snapshot in after.older if target_tag in snapshot.holds]
    expire, kept = _expiry(after, anchor, context)
    # the order is the safety: see the top of this module
    steps = (
        *_tagging(Hold, Side.SOURCE, tag, _full_names(source.name, to_hold)),
        *(step for step in route.steps if isinstance(step, RenameSnapshots)),
        *_tagging(Hold, Side.TARGET, target_tag, _full_names(target_name, to_repair)),
        *(step for step in route.steps if not isinstance(step, RenameSnapshots)),
        *_verify(after, route),
        *_tagging(Hold, Side.TARGET, target_tag, _full_names(target_name, to_hold_here)),
        *_tagging(Release, Side.SOURCE, tag, _full_names(source.name, to_release)),
        *_bookmark(source, route, context),
        *_tagging(Release, Side.TARGET, target_tag, _full_names(target_name, to_release_here)),
        *expire,
    )
    unknown = [snapshot for snapshot in tagged if snapshot.guid not in known]
    notes = _notes(source, route, after, unknown, tag)
    arrivals = Arrivals(route.arriving, tag, target_tag) if route.arriving else None
    plan = DatasetPlan(source.name, target_name, steps, None, notes, kept, route.base, route.tip)
    return replace(plan, held=tuple(tagged), arrivals=arrivals)


def conflict_plan(pair: Pair, conflict: Conflict, policy: Policy) -> DatasetPlan:
    """Given a dataset in conflict, return its plan: only the missing holds on the newest common snapshot.

    They keep the base while a person decides; nothing is released or expired. Source `a b`, target `a c`: hold a on
    both sides. `pair` is as it was read: none of the steps that were to resolve the conflict is carried out.
    """
    source, target, base = pair.source, pair.target, pair.base
    present = target.snapshots if target else ()
    known = {snapshot.guid for snapshot in present}
    anchor = [snapshot for snapshot in source.snapshots if snapshot.guid in known][-1:]
    to_hold = [snapshot for snapshot in anchor if policy.tag not in snapshot.holds]
    on_target = [snapshot for snapshot in present if base is not None and snapshot.guid == base.guid]
    to_hold_here = [snapshot for snapshot in on_target if policy.target_tag not in snapshot.holds]
    steps = (
        *_tagging(Hold, Side.SOURCE, policy.tag, _full_names(source.name, to_hold)),
        *_tagging(Hold, Side.TARGET, policy.target_tag, _full_names(pair.target_name, to_hold_here)),
    )
    held = tuple(snapshot for snapshot in source.snapshots if policy.tag in snapshot.holds or snapshot in to_hold)
    tip = source.snapshots[-1] if source.snapshots else None
    return DatasetPlan(source.name, pair.target_name, steps, conflict, base=base, tip=tip, held=held)


def _tagging(
    kind: type[Hold] | type[Release], side: Side, tag: str, snapshots: tuple[str, ...]
) -> tuple[Hold | Release, ...]:
    """Return the one step that tags these snapshots; none where there is nothing to tag."""
    return (kind(side, tag, snapshots),) if snapshots else ()


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


def _bookmark(source: Dataset, route: Route, context: PlanContext) -> tuple[BookmarkSource, ...]:
    """Return the step that keeps one bookmark per tag and dataset, on the newest common snapshot, if it is needed.

    No bookmark is created if its name would be too long, or if older ones pile up; then the newest of them stays.
    """
    if not context.has_bookmarks or not isinstance(route.tip, Snapshot):
        return ()
    tag = context.policy.tag
    name = f"{names.bookmark_prefix(tag)}{route.tip.name}"
    if any(bookmark.name == name and bookmark.guid != route.tip.guid for bookmark in source.bookmarks):
        name = f"{name}.{route.tip.guid}"  # of a snapshot that had this name before: it goes once the new one is there
    existing = [bookmark for bookmark in source.bookmarks if names.is_bookmark_of(tag, bookmark.name)]
    is_present = any(bookmark.name == name and bookmark.guid == route.tip.guid for bookmark in existing)
    older = [bookmark for bookmark in existing if bookmark.name != name]
    is_valid = names.is_bookmark_of(tag, name) and len(source.name) + 1 + len(name) <= names.MAX_NAME_LENGTH
    is_missing = is_valid and not is_present and len(older) < MAX_BOOKMARKS
    bookmark = f"{source.name}#{name}" if is_missing else None
    replaced = older if is_missing or is_present else older[:-1]
    obsolete = tuple(f"{source.name}#{bookmark.name}" for bookmark in replaced)
    step = BookmarkSource(f"{source.name}@{route.tip.name}", bookmark, obsolete)
    return (step,) if bookmark or obsolete else ()


def _target_after(pair: Pair, route: Route) -> _TargetAfter:
    present = pair.target.snapshots if pair.target else ()
    arriving = (replace(snapshot, holds=(), clones=(), written=0) for snapshot in route.arriving)
    snapshots = (*present, *arriving)
    base_index = next(index for index, snapshot in enumerate(snapshots) if snapshot.guid == route.tip.guid)
    return _TargetAfter(pair.target_name, snapshots, base_index)


def _expiry(
    after: _TargetAfter, anchor: list[Snapshot], context: PlanContext
) -> tuple[tuple[Expire, ...], tuple[KeptSnapshot, ...]]:
    """Given the target as it will be, return what expires, and what is kept although it is overdue.

    Our own older holds on the target do not keep a snapshot: they are released before it expires.
    """
    keep_days, target_tag = context.policy.keep_days, context.policy.target_tag
    if keep_days is None:
        return (), ()
    released = {snapshot.guid for snapshot in after.older if target_tag in snapshot.holds}
    candidates = [
        replace(snapshot, holds=tuple(tag for tag in snapshot.holds if tag != target_tag))
        if snapshot.guid in released
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


def _notes(source: Dataset, route: Route, after: _TargetAfter, unknown: list[Snapshot], tag: str) -> tuple[str, ...]:
    notes = [
        f"the hold {tag} on {source.name}@{snapshot.name} stays: the target does not have that snapshot"
        for snapshot in unknown
    ]
    if isinstance(route.tip, Bookmark):
        notes.append(
            f"only the bookmark #{route.tip.name} is left of the newest common snapshot, and a bookmark cannot be held"
        )
    if after.newer:
        newer = counted(len(after.newer), "newer snapshot")
        notes.append(f"the target has {newer} of its own since @{after.new_base.name}; kept")
    return tuple(notes)


def _full_names(dataset: str, snapshots: Iterable[Snapshot]) -> tuple[str, ...]:
    return tuple(f"{dataset}@{snapshot.name}" for snapshot in snapshots)
