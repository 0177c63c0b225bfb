"""Plan which overdue snapshots expire before the streams, which would not fit otherwise. (plans, …) → plans.

Pure. Everything else expires last, so that a mirror that fails for months keeps what it has. So a snapshot goes early
only if it is overdue, older than the base, and if all that may go can be enough for the stream. The same snapshots are
the plan's `reserve`: they go if the target proves to be full during the stream.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from zfs_replicate.model import Dataset, Inventory, Snapshot
from zfs_replicate.plan.pair import Pair
from zfs_replicate.plan.renames import renamed
from zfs_replicate.plans import DatasetPlan
from zfs_replicate.steps import (
    Expire,
    ExpiringSnapshot,
    Hold,
    MakeRoom,
    Release,
    RenameSnapshots,
    Side,
    Step,
    TakePlace,
)
from zfs_replicate.zfs import names


@dataclass(frozen=True, slots=True)
class _Spare:
    """What may go early from one copy: its overdue snapshots older than the base."""

    target: str
    snapshots: tuple[Snapshot, ...]

    @classmethod
    def of(cls, plan: DatasetPlan, target: Dataset | None) -> _Spare | None:
        """Given a plan and its copy, return what may go early; None if there is nothing."""
        for step in plan.steps:
            if isinstance(step, RenameSnapshots) and target is not None:
                target = renamed(target, step)
        expiring = {old.name for step in plan.steps if isinstance(step, Expire) for old in step.snapshots}
        guids = [] if target is None else [snapshot.guid for snapshot in target.snapshots]
        if target is None or plan.base is None or plan.base.guid not in guids:
            return None
        place = guids.index(plan.base.guid)
        spare = tuple(snapshot for snapshot in target.snapshots[:place] if snapshot.name in expiring)
        return cls(target.name, spare) if spare else None

    @property
    def max_bytes(self) -> int:
        """No more can become free: a block that only these snapshots have was written before one of them."""
        return sum(snapshot.written for snapshot in self.snapshots)

    def step(self, reason: str, target_tag: str) -> MakeRoom:
        """Return the step that destroys them, with our older holds released first."""
        held = tuple(f"{self.target}@{old.name}" for old in self.snapshots if target_tag in old.holds)
        return MakeRoom(
            self.target,
            tuple(ExpiringSnapshot(old.name, reason) for old in self.snapshots),
            Release(Side.TARGET, target_tag, held) if held else None,
        )


@dataclass
class _Room:
    """How much each dataset of the target can take, and what has been planned to arrive in it and below it."""

    target: Inventory
    arriving: Counter[str] = field(default_factory=Counter)

    def shortages(self, name: str, byte_count: int) -> dict[str, int]:
        """Given a stream, return the missing bytes by the dataset, it or one above, that cannot take it.

        A quota limits all that lies below it. What a dataset has reserved for itself counts for it alone.
        """
        above = [self.target.datasets[place] for place in self._places(name)]
        own = next((dataset.available for dataset in above if dataset.available is not None), None)
        if own is None:
            return {}
        missing = {
            dataset.name: self.arriving[dataset.name] + byte_count - max(own, dataset.available or 0)
            for dataset in above
        }
        return {place: count for place, count in missing.items() if count > 0}

    def take(self, name: str, byte_count: int) -> None:
        self.arriving.update(dict.fromkeys(self._places(name), byte_count))

    def _places(self, name: str) -> list[str]:
        """Return the dataset and those above it, as far as they exist in the target's tree, lowest first."""
        return [place for place in (name, *reversed(names.ancestors(name))) if place in self.target.datasets]


def with_room(
    plans: Sequence[DatasetPlan], pairs: Iterable[Pair], target: Inventory, target_tag: str
) -> tuple[DatasetPlan, ...]:
    """Given the plans of all datasets in order, return them with the steps that make room for the streams.

    Source `b! c+80`, target `a:40 b^` where 40 bytes are free, -k 30: expire a, because c needs room; send b..c, verify
    c, hold c on the target, release b on both sides. Where c fits, a expires last.
    """
    copies = {pair.target_name: pair.target for pair in pairs}
    spares = {plan.target: spare for plan in plans if (spare := _Spare.of(plan, copies.get(plan.target)))}
    reasons: dict[str, str] = {}
    hopeless: set[str] = set()
    room = _Room(target)
    for plan in plans:
        if not plan.byte_estimate or plan.conflict is not None:
            continue
        short = room.shortages(plan.target, plan.byte_estimate)
        if any(sum(spare.max_bytes for spare in _below(spares, place)) < count for place, count in short.items()):
            hopeless.add(plan.target)
            continue
        room.take(plan.target, plan.byte_estimate)
        for place in short:
            for spare in _below(spares, place):
                reasons.setdefault(spare.target, _reason(plan, spare))
    return tuple(
        _with_step(plan, spares[plan.target].step(reasons[plan.target], target_tag))
        if plan.target in reasons
        else _with_reserve(plan, spares.get(plan.target), target_tag, plan.target in hopeless)
        for plan in plans
    )


def _below(spares: dict[str, _Spare], place: str) -> Iterator[_Spare]:
    return (spare for name, spare in spares.items() if names.is_within(name, place))


def _reason(plan: DatasetPlan, spare: _Spare) -> str:
    tip = "" if plan.tip is None else f"@{plan.tip.name}"
    return f"room for {tip if plan.target == spare.target else plan.target + tip}"


def _with_reserve(plan: DatasetPlan, spare: _Spare | None, target_tag: str, is_hopeless: bool) -> DatasetPlan:
    if spare is None or is_hopeless or not plan.snapshot_count:
        return plan
    tip = "" if plan.tip is None else plan.tip.name
    return replace(plan, reserve=spare.step(f"room for @{tip}", target_tag))


def _with_step(plan: DatasetPlan, early: MakeRoom) -> DatasetPlan:
    """Return the plan with this step after the first holds; what it does is left out of the later steps."""
    gone = {old.name for old in early.snapshots}
    steps = [rest for step in plan.steps if (rest := _without(step, gone)) is not None]
    place = next(
        (place for place, step in enumerate(steps) if not isinstance(step, Hold | RenameSnapshots | TakePlace)),
        len(steps),
    )
    return replace(plan, steps=(*steps[:place], early, *steps[place:]))


def _without(step: Step, gone: set[str]) -> Step | None:
    """Return the step without these snapshots of the target; None if nothing is left of it."""
    match step:
        case Expire():
            left = tuple(old for old in step.snapshots if old.name not in gone)
            return replace(step, snapshots=left) if left else None
        case Release(Side.TARGET):
            held = tuple(name for name in step.snapshots if name.partition("@")[2] not in gone)
            return replace(step, snapshots=held) if held else None
        case _:
            return step
