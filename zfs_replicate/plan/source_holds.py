"""Decide what to hold on the source, and what to release there. (Pair, Standing, guards, …) → SourceHolds. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from zfs_replicate.model import Dataset, Snapshot
from zfs_replicate.plan.identity import GRACE_DAYS, Standing
from zfs_replicate.plan.pair import Pair
from zfs_replicate.steps import Hold, Release, Side

Tagging = TypeVar("Tagging", Hold, Release)


@dataclass(frozen=True, slots=True)
class SourceHolds:
    """The holds of one mirror on one source dataset; snapshots oldest first.

    `claim`: gets the claim, before `hold` gets the tag. `release`: loses the tag; `unclaim` loses the claim, once
    something newer shows whose the holds are.
    `held`: has the tag once it is placed. `newest`: the newest that both sides have in the end.
    """

    claim: tuple[Snapshot, ...] = ()
    hold: tuple[Snapshot, ...] = ()
    release: tuple[Snapshot, ...] = ()
    unclaim: tuple[Snapshot, ...] = ()
    held: tuple[Snapshot, ...] = ()
    newest: Snapshot | None = None

    @property
    def kept(self) -> tuple[Snapshot, ...]:
        """Return the snapshots that have the tag even after the releases."""
        return tuple(snapshot for snapshot in self.held if snapshot not in self.release)


def source_holds(pair: Pair, standing: Standing, guards: Iterable[int], known: frozenset[int]) -> SourceHolds:
    """Given the guids of the snapshots to hold, return what to hold and what to release on the source.

    `known`: guids of all that the target has in the end. Guards `a c`, and nothing is held: claim a, hold a c, release
    a, unclaim a. Where a hold was not read, nothing is released: each may be what shows that one to be ours.
    """
    snapshots = pair.source.snapshots
    guarded = frozenset(guards)
    hold = tuple(s for s in snapshots if s.guid in guarded and standing.tag not in s.holds)
    held = tuple(s for s in snapshots if standing.tag in s.holds or s in hold)
    newest = next((snapshot for snapshot in reversed(snapshots) if snapshot.guid in known), None)
    if newest is None:
        return SourceHolds(hold=hold, held=held)
    claim = tuple(snapshot for snapshot in hold[:1] if standing.needs_claim(snapshot))
    if standing.unread:
        return SourceHolds(claim, hold, held=held, newest=newest)
    release = tuple(
        snapshot
        for snapshot in held
        if snapshot.createtxg < newest.createtxg
        and (snapshot in hold or standing.is_released(snapshot))
        and (snapshot.guid in known or standing.is_apart)
    )
    unclaim = tuple(s for s in snapshots if standing.claim in s.holds or s in claim)
    return SourceHolds(claim, hold, release, unclaim, held, newest)


def holding_steps(dataset: str, holds: SourceHolds, standing: Standing) -> tuple[Hold, ...]:
    """Return the steps that place the claim and the holds."""
    instead = standing.plain if standing.is_apart else None
    is_first = bool(holds.claim)
    claim = tagging(Hold, Side.SOURCE, standing.claim, dataset, holds.claim)
    hold = tagging(Hold, Side.SOURCE, standing.tag, dataset, holds.hold)
    return (
        *(replace(step, instead=standing.plain, is_claim=True) for step in claim),
        *(replace(step, instead=instead, is_first=is_first) for step in hold),
    )


def releasing_steps(dataset: str, holds: SourceHolds, standing: Standing) -> tuple[Release, ...]:
    """Return the steps that release the holds that are no longer needed."""
    return tagging(Release, Side.SOURCE, standing.tag, dataset, holds.release)


def unclaiming_steps(dataset: str, holds: SourceHolds, standing: Standing, needed: int | None) -> tuple[Release, ...]:
    """Return the step that releases the claims, but for that on the snapshot with the guid `needed`."""
    unclaim = [snapshot for snapshot in holds.unclaim if snapshot.guid != needed]
    return tuple(
        replace(step, is_claim=True) for step in tagging(Release, Side.SOURCE, standing.claim, dataset, unclaim)
    )


def tagging(
    kind: type[Tagging], side: Side, tag: str, dataset: str, snapshots: Sequence[Snapshot]
) -> tuple[Tagging, ...]:
    """Return the one step that tags these snapshots of a dataset; none where there is nothing to tag."""
    return (kind(side, tag, tuple(f"{dataset}@{s.name}" for s in snapshots)),) if snapshots else ()


def hold_notes(source: Dataset, holds: SourceHolds, standing: Standing, known: frozenset[int]) -> Iterator[str]:
    """Yield why a hold on a snapshot that is no longer needed, or seems not to be, stays."""
    for snapshot in holds.kept:
        if snapshot == holds.newest:
            continue
        name = f"{source.name}@{snapshot.name}"
        if snapshot.guid not in known:
            yield f"the hold {standing.tag} on {name} stays: the target does not have that snapshot"
        elif snapshot.guid in standing.undecided:
            yield (
                f"the hold {standing.tag} on {name} stays for now: an older version of zfs_replicate placed it, maybe"
                f" for another mirror with this tag; it is released when that snapshot is {GRACE_DAYS} days old"
            )
        elif not standing.is_released(snapshot):
            yield (
                f"the hold {standing.tag} on {name} stays: nothing shows that this mirror placed it; if no other mirror"
                f" uses this tag, release it there: zfs release {standing.tag} {shlex.quote(name)}"
            )
