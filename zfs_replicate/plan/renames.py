"""Plan how the copy follows a source that renames its snapshots. (Pair, arriving) → RenameSnapshots or None. Pure.

Where `daily.0` becomes `daily.1` every night, the name of what arrives is taken on the copy, by a snapshot that the
source calls otherwise now. Its guid tells how. Nothing is lost by a rename, and a hold survives it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from zfs_replicate.model import Dataset, Snapshot
from zfs_replicate.plan.pair import Pair
from zfs_replicate.steps import RenameSnapshots, SnapshotRename
from zfs_replicate.units import date
from zfs_replicate.zfs import names


def find_renames(pair: Pair, arriving: tuple[Snapshot, ...]) -> RenameSnapshots | None:
    """Given a pair and what is to arrive, return the renames that free its names; None if there are none, or they fail.

    Source `a=y b=x`, target `a=x`: rename x to y, so that b can arrive. Who is in the way of a rename is renamed, too:
    to its name on the source; or, if the source no longer has it, to one with its date.
    """
    target = pair.target
    if target is None:
        return None
    incoming = {snapshot.name for snapshot in arriving}
    in_the_way = [snapshot for snapshot in target.snapshots if snapshot.name in incoming]
    if not in_the_way:
        return None
    new_names = _Names.of(pair, target, incoming).chosen(in_the_way)
    if not new_names or any(len(target.name) + 1 + len(new) > names.MAX_NAME_LENGTH for new in new_names.values()):
        return None
    moves = [SnapshotRename(old.name, new_names[old.guid]) for old in target.snapshots if old.guid in new_names]
    return RenameSnapshots(target.name, tuple(_in_order(moves, {snapshot.name for snapshot in target.snapshots})))


def renamed(target: Dataset, step: RenameSnapshots) -> Dataset:
    """Given a target and its planned renames, return the target as it will be afterwards."""
    current = {snapshot.name: snapshot.name for snapshot in target.snapshots}
    for rename in step.renames:
        original = next(old for old, now in current.items() if now == rename.old)
        current[original] = rename.new
    return replace(target, snapshots=tuple(replace(one, name=current[one.name]) for one in target.snapshots))


@dataclass(frozen=True)
class _Names:
    """What the snapshots of a target are called, and should be. `on_source`: names by guid."""

    target: Dataset
    on_source: Mapping[int, str]
    taken: frozenset[str]
    """All names on either side."""
    last: int
    """The place of the base among the target's snapshots: what is newer is the copy's own business."""

    @classmethod
    def of(cls, pair: Pair, target: Dataset, incoming: Iterable[str]) -> _Names:
        on_source = {snapshot.guid: snapshot.name for snapshot in pair.source.snapshots}
        base = None if pair.base is None else pair.base.guid
        places = [place for place, snapshot in enumerate(target.snapshots) if snapshot.guid == base]
        here = (snapshot.name for snapshot in target.snapshots)
        return cls(target, on_source, frozenset((*here, *incoming, *on_source.values())), (places or [-1])[0])

    def chosen(self, in_the_way: list[Snapshot]) -> dict[int, str]:
        """Return the new names by guid of these snapshots and of all that are in their way; empty if one must stay."""
        if not any(self.on_source.get(one.guid, one.name) != one.name for one in self.target.snapshots):
            return {}  # the source has renamed nothing, so the names are in the way for another reason
        by_name = {snapshot.name: snapshot for snapshot in self.target.snapshots}
        chosen: dict[int, str] = {}
        left = list(in_the_way)
        while left:
            snapshot = left.pop()
            name = self._new_name(snapshot)
            if name is None:
                return {}
            occupant = by_name.get(name)
            chosen[snapshot.guid] = name
            if occupant is not None and occupant.guid not in chosen:
                left.append(occupant)
        return chosen

    def _new_name(self, snapshot: Snapshot) -> str | None:
        """Return what a snapshot that is in the way is to be called; None if it is not up to us."""
        if snapshot.guid in self.on_source:
            return self.on_source[snapshot.guid]
        if self.target.snapshots.index(snapshot) > self.last:
            return None
        dated = f"{snapshot.name}.{date(snapshot.creation).removesuffix(' UTC').replace(' ', '_')}"
        return dated if dated not in self.taken else f"{dated}.{snapshot.guid}"


def _in_order(moves: Iterable[SnapshotRename], taken: set[str]) -> Iterator[SnapshotRename]:
    """Yield these renames so that none meets a name that is taken: `a→b b→c` gives b→c, a→b.

    They never go round in a circle: the name that begins a row is that of an arriving snapshot, which no other gets.
    """
    left = list(moves)
    while left:
        rename = next(rename for rename in left if rename.new not in taken)
        taken = (taken - {rename.old}) | {rename.new}
        left.remove(rename)
        yield rename
