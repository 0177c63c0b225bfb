"""How well a mirror stands: (target inventory, source inventory or none, wishes, now) → a verdict per dataset. Pure.

The newest mirrored snapshot is what counts, not the newest on the target, which may have been taken there. With the
source it is the newest that both sides have, by guid; without, the newest that carries a mirror's target tag.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import IntEnum

from zfs_replicate.config import StatusOptions
from zfs_replicate.model import TARGET_SUFFIX, Dataset, Inventory, Snapshot
from zfs_replicate.plan.pair import Pair
from zfs_replicate.units import age
from zfs_replicate.zfs import names


class Level(IntEnum):
    """As monitoring plugins exit."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


@dataclass(frozen=True, slots=True)
class DatasetStatus:
    """One copy. `newest` is its newest mirrored snapshot (the part after the @), `age_seconds` that one's age.

    `behind` counts the snapshots of the source that are newer; holds are True where they stand; None in these: not
    known, or without meaning here. `problems` made the level; `notes` did not.
    """

    name: str
    level: Level = Level.OK
    source: str | None = None
    newest: str | None = None
    age_seconds: int | None = None
    behind: int | None = None
    behind_seconds: int | None = None
    has_source_hold: bool | None = None
    has_target_hold: bool | None = None
    is_unfinished: bool = False
    is_orphan: bool = False
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Status:
    """All copies below a target root, parents first."""

    root: str
    datasets: tuple[DatasetStatus, ...] = ()

    @property
    def level(self) -> Level:
        return max((dataset.level for dataset in self.datasets), default=Level.CRITICAL)

    @property
    def oldest(self) -> DatasetStatus | None:
        """The copy whose newest mirrored snapshot is the oldest; orphans, which nothing will renew, do not count."""
        known = [each for each in self.datasets if each.age_seconds is not None and not each.is_orphan]
        return max(known, key=lambda each: each.age_seconds or 0, default=None)


def evaluate(target: Inventory, source: Inventory | None, wishes: StatusOptions, now: int) -> Status:
    """Given the target's tree and (if it was asked) the source's, return how each copy stands at `now`.

    Source `a b c`, target `a b`, with the holds on b: one dataset, newest b, 1 behind. A target that does not exist
    has no dataset without the source, and all of the source's with it.
    """
    found = _alone(target, wishes, now) if source is None else _compared(target, source, wishes, now)
    return Status(target.root, tuple(sorted(found, key=lambda dataset: dataset.name.split("/"))))


def _wanted(inventory: Inventory, wishes: StatusOptions) -> Iterator[Dataset]:
    for name, dataset in inventory.datasets.items():
        if not names.is_excluded(names.below(name, inventory.root), wishes.excludes):
            yield dataset


# --- without the source ---


def _alone(target: Inventory, wishes: StatusOptions, now: int) -> Iterator[DatasetStatus]:
    for dataset in _wanted(target, wishes):
        found = replace(_seen(dataset), has_target_hold=None)
        if dataset.is_placeholder and not dataset.snapshots:
            yield replace(found, notes=(*found.notes, "only a parent: the source had no snapshot of it"))
        elif not dataset.snapshots:
            yield _troubled(found, Level.WARNING, "there is no snapshot on it")
        else:
            held = [each for each in dataset.snapshots if _is_held_by_mirror(each, wishes.tag)]
            newest = held[-1] if held else dataset.snapshots[-1]
            yield _held(_aged(found, newest, wishes, now), has_target_hold=bool(held), tag=wishes.tag)


def _is_held_by_mirror(snapshot: Snapshot, tag: str | None) -> bool:
    if tag is None:
        return any(each.endswith(TARGET_SUFFIX) for each in snapshot.holds)
    return f"{tag}{TARGET_SUFFIX}" in snapshot.holds


# --- with the source ---


def _compared(target: Inventory, source: Inventory, wishes: StatusOptions, now: int) -> Iterator[DatasetStatus]:
    mapped: set[str] = set()
    for theirs in _wanted(source, wishes):
        name = target.root + theirs.name[len(source.root) :]
        mapped.add(name)
        ours = target.datasets.get(name)
        if theirs.snapshots or ours is not None:
            yield _compared_pair(Pair.of(theirs, name, ours), wishes, now)
    for dataset in _wanted(target, wishes):
        if dataset.name not in mapped:
            newest = dataset.snapshots[-1] if dataset.snapshots else None
            yield replace(
                _seen(dataset),
                newest=None if newest is None else newest.name,
                age_seconds=None if newest is None else max(0, now - newest.creation),
                is_orphan=True,
                notes=("not on the source, or no longer; kept",),
            )


def _compared_pair(pair: Pair, wishes: StatusOptions, now: int) -> DatasetStatus:
    theirs, ours, base = pair.source, pair.target, pair.base
    found = replace(DatasetStatus(pair.target_name) if ours is None else _seen(ours), source=theirs.name)
    if not theirs.snapshots and base is None:
        return replace(found, notes=(*found.notes, "the source has no snapshot of it"))
    if base is None or ours is None:
        found = replace(found, behind=len(theirs.snapshots), behind_seconds=_span(theirs.snapshots))
        if ours is not None and ours.snapshots:
            return _troubled(found, Level.CRITICAL, "no common snapshot is left")
        waiting = max(0, now - theirs.snapshots[0].creation)
        level = _judge_age(waiting, wishes) if wishes.warn_seconds or wishes.crit_seconds else Level.WARNING
        text = f"not mirrored yet; its first snapshot is {age(waiting)} old"
        return replace(found, notes=(*found.notes, text)) if level is Level.OK else _troubled(found, level, text)
    newer = pair.newer_than(base)
    newest = next(snapshot for snapshot in ours.snapshots if snapshot.guid == base.guid)
    found = _aged(found, newest, wishes, now)
    found = replace(
        found, behind=len(newer), behind_seconds=max(0, newer[-1].creation - newest.creation) if newer else 0
    )
    return _compared_holds(found, theirs, ours, wishes.tag)


def _compared_holds(found: DatasetStatus, theirs: Dataset, ours: Dataset, tag: str | None) -> DatasetStatus:
    """Any common snapshot will do: while a run is at work, the hold may stand on the one before the newest."""
    common = {snapshot.guid for snapshot in theirs.snapshots} & {snapshot.guid for snapshot in ours.snapshots}
    if not common:
        return _troubled(found, Level.WARNING, "the source has only a bookmark of it left, which cannot be held")
    on_target = any(_is_held_by_mirror(each, tag) for each in ours.snapshots if each.guid in common)
    found = _held(found, on_target, tag)
    if tag is None:
        return found
    on_source = any(tag in each.holds for each in theirs.snapshots if each.guid in common)
    found = replace(found, has_source_hold=on_source)
    return found if on_source else _troubled(found, Level.WARNING, f"the hold {tag} on the source is missing")


# --- the parts of a verdict ---


def _seen(dataset: Dataset) -> DatasetStatus:
    is_unfinished = dataset.resume_token is not None
    notes = ("a receive is unfinished: at work, or to be continued by the next run",) if is_unfinished else ()
    return DatasetStatus(dataset.name, is_unfinished=is_unfinished, notes=notes)


def _aged(found: DatasetStatus, newest: Snapshot, wishes: StatusOptions, now: int) -> DatasetStatus:
    seconds = max(0, now - newest.creation)
    found = replace(found, newest=newest.name, age_seconds=seconds)
    level = _judge_age(seconds, wishes)
    return found if level is Level.OK else _troubled(found, level, f"{age(seconds)} old")


def _held(found: DatasetStatus, has_target_hold: bool, tag: str | None) -> DatasetStatus:
    found = replace(found, has_target_hold=has_target_hold)
    whose = "of a mirror" if tag is None else f"{tag}{TARGET_SUFFIX}"
    return found if has_target_hold else _troubled(found, Level.WARNING, f"the hold {whose} on the target is missing")


def _judge_age(seconds: int, wishes: StatusOptions) -> Level:
    """At the age itself it is time."""
    if wishes.crit_seconds is not None and seconds >= wishes.crit_seconds:
        return Level.CRITICAL
    if wishes.warn_seconds is not None and seconds >= wishes.warn_seconds:
        return Level.WARNING
    return Level.OK


def _troubled(found: DatasetStatus, level: Level, problem: str) -> DatasetStatus:
    return replace(found, level=max(found.level, level), problems=(*found.problems, problem))


def _span(snapshots: Iterable[Snapshot]) -> int:
    creations = [snapshot.creation for snapshot in snapshots]
    return max(creations) - min(creations)
