"""What keeps the copy safe around its streams: holds, verification, releases, expiry. Pure.

The order is the safety: hold before anything is sent; move holds only after the guid on the target was verified;
release before expiry. So a crash anywhere leaves more protection than needed, never less.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from zfs_replicate.model import Bookmark, Dataset, PlanContext, Snapshot
from zfs_replicate.plan.pair import Pair
from zfs_replicate.plan.retention import Verdict, judge
from zfs_replicate.plan.route import Route
from zfs_replicate.steps import (
    BookmarkSource,
    DatasetPlan,
    Expire,
    ExpiringSnapshot,
    Hold,
    KeptSnapshot,
    Release,
    Side,
    Step,
    Verify,
)
from zfs_replicate.zfs import names

MOST_BOOKMARKS = 3
"""So many older bookmarks of ours mean that they cannot be destroyed."""

NEWEST_COMMON = "newest common snapshot"


@dataclass(frozen=True, slots=True)
class _After:
    """The target as it will be once everything has arrived: its snapshots in order, and where the newest common is."""

    name: str
    snapshots: tuple[Snapshot, ...]
    place: int

    @property
    def new_base(self) -> Snapshot:
        return self.snapshots[self.place]

    @property
    def older(self) -> tuple[Snapshot, ...]:
        return self.snapshots[: self.place]

    @property
    def newer(self) -> tuple[Snapshot, ...]:
        return self.snapshots[self.place + 1 :]


def protected_plan(pair: Pair, route: Route, context: PlanContext) -> DatasetPlan:
    """Given a route, return the dataset's plan: the streams with all that must happen before and after them."""
    source, target_name = pair.source, pair.target_name
    tag, target_tag = context.policy.tag, context.policy.target_tag
    after = _after(pair, route)
    steps: list[Step] = []
    known = {snapshot.guid for snapshot in after.snapshots}
    # the newest common snapshot that can be held: older than the tip where of that only a bookmark is left
    anchor = [snapshot for snapshot in source.snapshots if snapshot.guid in known][-1:]
    guards = {entry.guid for entry in (route.base, *route.waypoints, *anchor) if isinstance(entry, Snapshot)}
    to_hold = [snapshot for snapshot in source.snapshots if snapshot.guid in guards and tag not in snapshot.holds]
    if to_hold:
        steps.append(Hold(Side.SOURCE, tag, _whole_names(source.name, to_hold)))
    steps.extend(route.steps)
    if route.arriving:
        steps.append(Verify(f"{target_name}@{after.new_base.name}", after.new_base.guid))
    if target_tag not in after.new_base.holds:
        steps.append(Hold(Side.TARGET, target_tag, _whole_names(target_name, [after.new_base])))
    released_here = [snapshot for snapshot in after.older if target_tag in snapshot.holds]
    if released_here:
        steps.append(Release(Side.TARGET, target_tag, _whole_names(target_name, released_here)))

    bookmark = _bookmark(source, route, context)
    if bookmark is not None:
        steps.append(bookmark)
    newly_held = {snapshot.guid for snapshot in to_hold}
    tagged = [snapshot for snapshot in source.snapshots if tag in snapshot.holds or snapshot.guid in newly_held]
    to_release = [s for s in tagged if anchor and s.createtxg < anchor[0].createtxg and s.guid in known]
    if to_release:
        steps.append(Release(Side.SOURCE, tag, _whole_names(source.name, to_release)))
    expire, kept = _expiry(after, anchor, context)
    if expire is not None:
        steps.append(expire)
    strangers = [snapshot for snapshot in tagged if snapshot.guid not in known]
    notes = _notes(source, route, after, strangers, tag)
    return DatasetPlan(
        source.name,
        target_name,
        tuple(steps),
        notes=notes,
        kept=kept,
        base=route.base,
        tip=route.tip,
        held=tuple(tagged),
    )


def _bookmark(source: Dataset, route: Route, context: PlanContext) -> BookmarkSource | None:
    """One bookmark per tag and dataset, on the newest common snapshot; none where it has no room in a name.

    Where old ones pile up, since the user may not destroy them, no more are made.
    """
    if not context.has_bookmarks or not isinstance(route.tip, Snapshot):
        return None
    tag = context.policy.tag
    wanted = f"{names.bookmark_prefix(tag)}{route.tip.name}"
    ours = [bookmark for bookmark in source.bookmarks if names.is_bookmark_of(tag, bookmark.name)]
    is_there = any(bookmark.name == wanted and bookmark.guid == route.tip.guid for bookmark in ours)
    obsolete = tuple(f"{source.name}#{bookmark.name}" for bookmark in ours if bookmark.name != wanted)
    is_name = names.is_bookmark_of(tag, wanted) and len(source.name) + 1 + len(wanted) <= names.MAX_NAME_LENGTH
    is_wanted = is_name and not is_there and len(obsolete) < MOST_BOOKMARKS
    made = f"{source.name}#{wanted}" if is_wanted else None
    return BookmarkSource(f"{source.name}@{route.tip.name}", made, obsolete) if made or obsolete else None


def _after(pair: Pair, route: Route) -> _After:
    here = pair.target.snapshots if pair.target else ()
    arriving = (replace(snapshot, holds=(), clones=(), written=0) for snapshot in route.arriving)
    snapshots = (*here, *arriving)
    place = next(place for place, snapshot in enumerate(snapshots) if snapshot.guid == route.tip.guid)
    return _After(pair.target_name, snapshots, place)


def _expiry(
    after: _After, anchor: list[Snapshot], context: PlanContext
) -> tuple[Expire | None, tuple[KeptSnapshot, ...]]:
    """Given the target as it will be, return what expires, and what stays although it is past its time.

    Our own older holds on the target are released before; they do not keep a snapshot.
    """
    keep_days, target_tag = context.policy.keep_days, context.policy.target_tag
    if keep_days is None:
        return None, ()
    released = {snapshot.guid for snapshot in after.older if target_tag in snapshot.holds}
    candidates = [
        replace(snapshot, holds=tuple(tag for tag in snapshot.holds if tag != target_tag))
        if snapshot.guid in released
        else snapshot
        for snapshot in after.snapshots
    ]
    protected = {snapshot.guid: NEWEST_COMMON for snapshot in (after.new_base, *anchor)}
    verdicts = judge(candidates, keep_days, protected, context.now)
    expiring = tuple(ExpiringSnapshot(verdict.snapshot.name, verdict.reason) for verdict in verdicts if verdict.expires)
    return (Expire(after.name, expiring) if expiring else None), _kept(verdicts)


def _kept(verdicts: Iterable[Verdict]) -> tuple[KeptSnapshot, ...]:
    """Those that are past their time and stay all the same, with the reason."""
    return tuple(
        KeptSnapshot(verdict.snapshot.name, verdict.reason)
        for verdict in verdicts
        if verdict.is_overdue and not verdict.expires
    )


def _notes(source: Dataset, route: Route, after: _After, strangers: list[Snapshot], tag: str) -> tuple[str, ...]:
    notes = [
        f"the hold {tag} on {source.name}@{snapshot.name} stays: the target does not know that snapshot"
        for snapshot in strangers
    ]
    if isinstance(route.tip, Bookmark):
        notes.append(f"of the newest common snapshot only the bookmark #{route.tip.name} is left, which cannot be held")
    if after.newer:
        notes.append(f"the target has {len(after.newer)} newer of its own since @{after.new_base.name}; they stay")
    return tuple(notes)


def _whole_names(dataset: str, snapshots: Iterable[Snapshot]) -> tuple[str, ...]:
    return tuple(f"{dataset}@{snapshot.name}" for snapshot in snapshots)
