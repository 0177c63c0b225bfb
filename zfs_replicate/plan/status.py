"""Judge how well a mirror is doing. (target Inventory, source Inventory or None, StatusOptions, now) → Status. Pure.

What counts is the newest mirrored snapshot: the newest on the target may have been taken there. If the source was read,
that is the newest snapshot on both sides, by guid; otherwise it is the newest with a mirror's hold on the target.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import IntEnum

from zfs_replicate.config import StatusOptions
from zfs_replicate.model import TARGET_SUFFIX, Dataset, Inventory, Snapshot
from zfs_replicate.plan.beside import all_in_place
from zfs_replicate.plan.clocks import ClockDoubt
from zfs_replicate.plan.encryption import foreign_root_problem, other_key_problem
from zfs_replicate.plan.identity import standing_of
from zfs_replicate.plan.pair import Pair, awaited, match_trees, not_excluded
from zfs_replicate.plan.unplaced import unplaced_problems
from zfs_replicate.plans import Leftover
from zfs_replicate.units import age
from zfs_replicate.zfs.emptiness import is_untouched, used_placeholder_problem


class Level(IntEnum):
    """Each value is the exit status of a monitoring plugin."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


@dataclass(frozen=True, slots=True)
class DatasetStatus:
    """One copy. `newest` is its newest mirrored snapshot (the part after the @), `age_seconds` the age of that.

    `behind` counts the newer snapshots of the source. None in a field: not known, or it does not apply. `problems`
    raised the level; `notes` did not.
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
    """All copies below a target root, parents first. `clock`: why a clock may be wrong, and with it all ages.

    `unplaced`: copies that are not in their places, and stay there. `leftovers`: holds that the mirror does not need,
    `sharing`: who else uses the tag. None of these is a problem of a copy.
    """

    root: str
    datasets: tuple[DatasetStatus, ...] = ()
    clock: ClockDoubt | None = None
    leftovers: tuple[Leftover, ...] = ()
    sharing: str | None = None
    unplaced: tuple[str, ...] = ()

    @property
    def level(self) -> Level:
        of_clock = Level.WARNING if self.clock is not None and self.clock.is_certain else Level.OK
        return max(of_clock, max((dataset.level for dataset in self.datasets), default=Level.CRITICAL))

    @property
    def oldest(self) -> DatasetStatus | None:
        """The copy whose newest mirrored snapshot is oldest. Orphans do not count, because nothing renews them."""
        candidates = [dataset for dataset in self.datasets if dataset.age_seconds is not None and not dataset.is_orphan]
        return max(candidates, key=lambda dataset: dataset.age_seconds or 0, default=None)


def evaluate(target: Inventory, source: Inventory | None, options: StatusOptions, now: int, mirror: str = "") -> Status:
    """Given the target's tree and the source's (None: not asked), return each copy's status at `now`, Unix seconds.

    `mirror`: its identity on the source.
    Source `a b c`, target `a b`, with the holds on b: one dataset, newest b, 1 behind. If the target does not exist,
    the status lists the datasets of the source, or none if the source was not asked.
    """
    unplaced: tuple[str, ...] = ()
    if source is None:
        statuses = _without_source(target, options, now)
    else:
        pairs, orphans = match_trees(source, target, options.excludes)
        statuses = _with_source(_Trees(target, source, pairs, orphans), options, now, mirror)
        unplaced = tuple(unplaced_problems(target, pairs, now))
    in_order = tuple(sorted(statuses, key=lambda status: status.name.split("/")))
    return Status(target.root, in_order, unplaced=unplaced)


# --- without the source ---


def _without_source(target: Inventory, options: StatusOptions, now: int) -> Iterator[DatasetStatus]:
    placed, copies = all_in_place(target)
    for dataset in not_excluded(placed, options.excludes):
        status = _check_placeholder(_initial_status(dataset), dataset)
        if dataset.name in copies:
            status = _note_beside(status, copies[dataset.name])
        if dataset.is_placeholder and not dataset.snapshots:
            yield replace(status, notes=(*status.notes, "only a parent: the source had no snapshots of it"))
        elif not dataset.snapshots:
            yield _add_problem(status, Level.WARNING, "it has no snapshots")
        else:
            held = [snapshot for snapshot in dataset.snapshots if _is_held_by_mirror(snapshot, options.tag)]
            newest = held[-1] if held else dataset.snapshots[-1]
            yield _set_target_hold(_set_age(status, newest, options, now), bool(held), options.tag)


def _is_held_by_mirror(snapshot: Snapshot, tag: str | None) -> bool:
    if tag is None:
        return any(hold.endswith(TARGET_SUFFIX) for hold in snapshot.holds)
    return f"{tag}{TARGET_SUFFIX}" in snapshot.holds


# --- with the source ---


@dataclass(frozen=True, slots=True)
class _Trees:
    """Both sides, and how they match."""

    target: Inventory
    source: Inventory
    pairs: tuple[Pair, ...]
    orphans: tuple[Dataset, ...]


def _with_source(trees: _Trees, options: StatusOptions, now: int, mirror: str) -> Iterator[DatasetStatus]:
    for pair in trees.pairs:
        if pair.source.snapshots or pair.present is not None:
            yield _compare(pair, options, now, trees.source.is_read_only, mirror)
    for dataset in trees.orphans:
        yield replace(_unpaired(dataset, now), is_orphan=True, notes=("not on the source; kept",))
    awaited_here = awaited(trees.source, trees.target) - {pair.target_name for pair in trees.pairs}
    for dataset in not_excluded(trees.target, options.excludes):
        if dataset.name in awaited_here:
            yield replace(
                _unpaired(dataset, now),
                notes=("on the source, a copy of it is on its way to its place; it is mirrored when it has got there",),
            )


def _unpaired(dataset: Dataset, now: int) -> DatasetStatus:
    newest = dataset.snapshots[-1] if dataset.snapshots else None
    return replace(
        _initial_status(dataset),
        newest=None if newest is None else newest.name,
        age_seconds=None if newest is None else max(0, now - newest.creation),
    )


def _compare(pair: Pair, options: StatusOptions, now: int, is_read_only: bool, mirror: str) -> DatasetStatus:
    source, target, base = pair.source, pair.present, pair.base
    status = DatasetStatus(pair.target_name) if target is None else _initial_status(target)
    status = replace(status, source=source.name)
    if pair.is_to_be_placed and pair.beside is not None:
        status = _note_beside(status, pair.beside.step.copy)
    if not source.snapshots and base is None:
        return replace(status, notes=(*status.notes, "the source has no snapshots of it"))
    if base is None or target is None:
        return _compare_without_base(status, source, target, options, now)
    newer = pair.newer_than(base)
    newest = next(snapshot for snapshot in target.snapshots if snapshot.guid == base.guid)
    status = replace(
        _set_age(status, newest, options, now),
        behind=len(newer),
        behind_seconds=max(0, newer[-1].creation - newest.creation) if newer else 0,
    )
    return _check_holds(_check_encryption(status, pair), pair, options.tag, is_read_only, mirror)


def _compare_without_base(
    status: DatasetStatus, source: Dataset, target: Dataset | None, options: StatusOptions, now: int
) -> DatasetStatus:
    status = replace(status, behind=len(source.snapshots), behind_seconds=_span_seconds(source.snapshots))
    if target is not None and target.snapshots:
        return _add_problem(status, Level.CRITICAL, "no common snapshot is left")
    if target is not None:
        status = _check_placeholder(status, target)
    waiting = max(0, now - source.snapshots[0].creation)
    level = _level_of_age(waiting, options) if options.warn_seconds or options.crit_seconds else Level.WARNING
    return _add_problem(status, level, f"not mirrored yet; its first snapshot is {age(waiting)} old")


def _check_holds(status: DatasetStatus, pair: Pair, tag: str | None, is_read_only: bool, mirror: str) -> DatasetStatus:
    """A hold on any common snapshot is enough: during a run it may still be on an older one than the newest.

    A plain hold that may be another mirror's does not count.
    """
    source, target = pair.source, pair.target
    if target is None:
        raise AssertionError("a copy that is missing has no holds")
    common = {snapshot.guid for snapshot in source.snapshots} & {snapshot.guid for snapshot in target.snapshots}
    if not common:
        return _add_problem(
            status, Level.WARNING, "only a bookmark of it is left on the source, and a bookmark cannot be held"
        )
    on_target = any(_is_held_by_mirror(snapshot, tag) for snapshot in target.snapshots if snapshot.guid in common)
    status = _set_target_hold(status, on_target, tag)
    if tag is None:
        return status
    holds = {hold for snapshot in source.snapshots if snapshot.guid in common for hold in snapshot.holds}
    standing = standing_of(pair, tag, mirror)
    own_tags = {standing.tag} if standing.sharing and standing.sharing.others else {standing.tag, tag}
    status = replace(status, has_source_hold=not own_tags.isdisjoint(holds))
    if status.has_source_hold:
        return status
    if is_read_only:
        return _add_problem(status, Level.OK, "no hold is needed on the source, whose pool was imported read-only")
    return _add_problem(status, Level.WARNING, f"the hold {standing.tag} on the source is missing")


# --- one part of a status each ---


def _check_placeholder(status: DatasetStatus, target: Dataset) -> DatasetStatus:
    """Add a problem if the target is a placeholder that somebody wrote to."""
    if not target.is_placeholder or target.snapshots or is_untouched(target):
        return status
    return _add_problem(status, Level.WARNING, used_placeholder_problem())


def _note_beside(status: DatasetStatus, copy: str) -> DatasetStatus:
    return _add_problem(
        status, Level.OK, f"its copy is {copy} until the next run, which brings it and those below to their places"
    )


def _check_encryption(status: DatasetStatus, pair: Pair) -> DatasetStatus:
    """Add what keeps a copy from being continued, or read. One that arrived in plain may be meant so: a note."""
    if not pair.is_raw:
        note = "the source is encrypted, but this copy is not"
        return replace(status, notes=(*status.notes, note)) if pair.source.is_encrypted else status
    if pair.has_other_ivset:
        level = Level.OK if pair.inherits_from_outside else Level.WARNING
        return _add_problem(status, level, other_key_problem(pair))
    problem = foreign_root_problem(pair)
    return status if problem is None else _add_problem(status, Level.WARNING, problem)


def _initial_status(dataset: Dataset) -> DatasetStatus:
    is_unfinished = dataset.resume_token is not None
    return DatasetStatus(
        dataset.name,
        is_unfinished=is_unfinished,
        notes=("a receive is unfinished: it is running now, or the next run continues it",) if is_unfinished else (),
    )


def _set_age(status: DatasetStatus, newest: Snapshot, options: StatusOptions, now: int) -> DatasetStatus:
    seconds = max(0, now - newest.creation)
    status = replace(status, newest=newest.name, age_seconds=seconds)
    level = _level_of_age(seconds, options)
    return status if level is Level.OK else _add_problem(status, level, f"{age(seconds)} old")


def _set_target_hold(status: DatasetStatus, has_target_hold: bool, tag: str | None) -> DatasetStatus:
    status = replace(status, has_target_hold=has_target_hold)
    if has_target_hold:
        return status
    if tag is None:
        return _add_problem(status, Level.WARNING, "no mirror holds it on the target")
    return _add_problem(status, Level.WARNING, f"the hold {tag}{TARGET_SUFFIX} on the target is missing")


def _level_of_age(seconds: int, options: StatusOptions) -> Level:
    """A limit is reached at exactly that age."""
    if options.crit_seconds is not None and seconds >= options.crit_seconds:
        return Level.CRITICAL
    if options.warn_seconds is not None and seconds >= options.warn_seconds:
        return Level.WARNING
    return Level.OK


def _add_problem(status: DatasetStatus, level: Level, problem: str) -> DatasetStatus:
    """At level OK the text is a note."""
    if level is Level.OK:
        return replace(status, notes=(*status.notes, problem))
    return replace(status, level=max(status.level, level), problems=(*status.problems, problem))


def _span_seconds(snapshots: Iterable[Snapshot]) -> int:
    creations = [snapshot.creation for snapshot in snapshots]
    return max(creations) - min(creations)
