"""Carry out a dataset plan on values, without ZFS. (source, target, DatasetPlan) → both sides afterwards.

Covers what the properties of the planner need: snapshots, bookmarks, holds. A step that real ZFS would refuse raises an
AssertionError that gives the reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.support.notation import TARGET_TAG
from zfs_replicate.model import Bookmark, Dataset, Kind, Snapshot
from zfs_replicate.plans import DatasetPlan
from zfs_replicate.steps import (
    AbortReceive,
    BookmarkSource,
    ClearPlaceholder,
    CreateParent,
    Expire,
    Hold,
    Release,
    RenameSnapshots,
    Resume,
    Rollback,
    Send,
    Side,
    Step,
    Verify,
)

ARRIVED_TXG = 900_000


@dataclass(frozen=True)
class Moment:
    """Both sides just before a step; `step` None: at the end."""

    step: Step | None
    source: Dataset
    target: Dataset | None


def moments(source: Dataset, target: Dataset | None, plan: DatasetPlan) -> Iterator[Moment]:
    """Given both sides and a plan, yield both sides before each step, and finally after the last one."""
    for step in plan.steps:
        yield Moment(step, source, target)
        source, target = _after(step, source, target)
    yield Moment(None, source, target)


def result(source: Dataset, target: Dataset | None, plan: DatasetPlan) -> tuple[Dataset, Dataset | None]:
    """Given both sides and a plan, return both sides after it."""
    *_, last = moments(source, target, plan)
    return last.source, last.target


def guids(dataset: Dataset | None) -> frozenset[int]:
    return frozenset(snapshot.guid for snapshot in dataset.snapshots) if dataset else frozenset()


def arriving_guids(step: Send | Resume, source: Dataset) -> list[int]:
    """Given a stream, return the guids that it brings, oldest first."""
    tip = _named(source, step.snapshot)
    until = source.snapshots.index(tip) + 1
    return [snapshot.guid for snapshot in source.snapshots[until - step.snapshot_count : until]]


def _after(step: Step, source: Dataset, target: Dataset | None) -> tuple[Dataset, Dataset | None]:
    match step:
        case Hold(Side.SOURCE, tag, names):
            return _tagged(source, names, tag), target
        case Release(Side.SOURCE, tag, names):
            return _untagged(source, names, tag), target
        case Send() | Resume():
            return source, _received(step, source, target)
        case BookmarkSource():
            return _bookmarked(step, source), target
        case CreateParent(name):
            assert target is None, "cannot create: it exists"
            return source, Dataset(name, Kind.FILESYSTEM, is_placeholder=step.is_placeholder)
    assert target is not None, f"there is no target yet: {step}"
    return source, _target_after(step, target)


def _target_after(step: Step, target: Dataset) -> Dataset | None:
    match step:
        case AbortReceive():
            assert target.resume_token is not None, "there is nothing to abort"
            stays = target.snapshots or target.is_placeholder
            return replace(target, resume_token=None) if stays else None
        case Rollback(_name, snapshot):
            return _rolled_back(step, target, _named(target, snapshot))
        case RenameSnapshots():
            return _renamed(step, target)
        case ClearPlaceholder():
            return replace(target, is_placeholder=False)
        case Verify(name, guid):
            assert _named(target, name).guid == guid, "another snapshot has arrived"
        case Hold(Side.TARGET, _, names):
            return _tagged(target, names, TARGET_TAG)
        case Release(Side.TARGET, _, names):
            return _untagged(target, names, TARGET_TAG)
        case Expire(_name, expiring):
            doomed = [_named(target, f"{target.name}@{expired.name}") for expired in expiring]
            assert not any(snapshot.holds or snapshot.clones for snapshot in doomed), "held or cloned"
            return replace(target, snapshots=tuple(kept for kept in target.snapshots if kept not in doomed))
    return target


def _renamed(step: RenameSnapshots, target: Dataset) -> Dataset:
    for rename in step.renames:
        names = [snapshot.name for snapshot in target.snapshots]
        assert rename.old in names, "there is no such snapshot"
        assert rename.new not in names, "dataset already exists"
        target = replace(
            target,
            snapshots=tuple(
                replace(snapshot, name=rename.new) if snapshot.name == rename.old else snapshot
                for snapshot in target.snapshots
            ),
        )
    return target


def _received(step: Send | Resume, source: Dataset, target: Dataset | None) -> Dataset:
    receiving = step.receiving
    tip = source.snapshots.index(_named(source, step.snapshot))
    if isinstance(step, Resume):
        assert target is not None, "nothing to resume"
        assert target.resume_token is not None, "nothing to resume"
        base = target.resume_token.contents.from_guid if target.resume_token.contents else None
        first = tip
    else:
        assert target is None or target.resume_token is None, "contains partially-complete state"
        base, first = _base(step, source)
        assert tip + 1 - first == step.snapshot_count, "the count is wrong for this stream"
    if base is None:
        assert target is None or not target.snapshots, "destination has snapshots"
        assert receiving.is_first, "a full stream creates a dataset"
        if target is not None and not isinstance(step, Resume):
            assert target.is_placeholder, "destination exists"
            assert receiving.onto_placeholder, "must specify -F"
        target = target or Dataset(receiving.target, receiving.kind, source.is_encrypted)
    assert target is not None, "an incremental needs its base"
    assert base is None or base in guids(target), "does not match incremental source"
    return _with_arrived(target, source.snapshots[first : tip + 1])


def _base(step: Send, source: Dataset) -> tuple[int | None, int]:
    """The guid that a stream starts from, and the index of the first snapshot that it carries."""
    tip = source.snapshots.index(_named(source, step.snapshot))
    if step.base is None:
        return None, tip
    entries = source.bookmarks if "#" in step.base else source.snapshots
    (base,) = (
        entry for entry in entries if step.base in (f"{source.name}#{entry.name}", f"{source.name}@{entry.name}")
    )
    assert not (entries is source.bookmarks and step.snapshot_count > 1), "-I does not start from a bookmark"
    carried = [index for index, entry in enumerate(source.snapshots[: tip + 1]) if entry.createtxg > base.createtxg]
    assert carried, "not an earlier snapshot from the same fs"
    return base.guid, carried[0]


def _with_arrived(target: Dataset, arrived: tuple[Snapshot, ...]) -> Dataset:
    taken = {snapshot.name: snapshot.guid for snapshot in target.snapshots}
    new = [snapshot for snapshot in arrived if snapshot.guid not in guids(target)]
    assert not any(snapshot.name in taken for snapshot in new), "destination already exists"
    txg = ARRIVED_TXG + len(target.snapshots)
    copies = (replace(copy, createtxg=txg + n, holds=(), clones=(), written=0) for n, copy in enumerate(new))
    return replace(target, snapshots=(*target.snapshots, *copies), resume_token=None)


def _rolled_back(step: Rollback, target: Dataset, to: Snapshot) -> Dataset:
    until = target.snapshots.index(to) + 1
    freed = _untagged(target, step.release.snapshots if step.release else (), TARGET_TAG)
    doomed = freed.snapshots[until:]
    assert tuple(f"{target.name}@{snapshot.name}" for snapshot in doomed) == step.lost, "the step lists other losses"
    assert not any(snapshot.holds or snapshot.clones for snapshot in doomed), "held or cloned"
    return replace(freed, snapshots=freed.snapshots[:until], written=0)


def _bookmarked(step: BookmarkSource, source: Dataset) -> Dataset:
    snapshot = _named(source, step.snapshot)
    left = tuple(mark for mark in source.bookmarks if f"{source.name}#{mark.name}" not in step.obsolete)
    if step.bookmark is None:
        claimed = _tagged(source, (step.snapshot,), step.claim) if step.claim else source
        return replace(claimed, bookmarks=left)
    name = step.bookmark.removeprefix(f"{source.name}#")
    assert name not in {mark.name for mark in source.bookmarks}, "bookmark exists"
    bookmark = Bookmark(name, snapshot.guid, snapshot.createtxg, snapshot.creation)
    return replace(source, bookmarks=tuple(sorted((*left, bookmark), key=lambda mark: mark.createtxg)))


def _tagged(dataset: Dataset, names: tuple[str, ...], tag: str) -> Dataset:
    snapshots = [_named(dataset, name) for name in names]
    return _mapped(dataset, {one.guid: replace(one, holds=(*one.holds, tag)) for one in snapshots})


def _untagged(dataset: Dataset, names: tuple[str, ...], tag: str) -> Dataset:
    snapshots = [_named(dataset, name) for name in names]
    assert all(tag in snapshot.holds for snapshot in snapshots), "no such tag on this dataset"
    changed = {one.guid: replace(one, holds=tuple(held for held in one.holds if held != tag)) for one in snapshots}
    return _mapped(dataset, changed)


def _mapped(dataset: Dataset, changed: dict[int, Snapshot]) -> Dataset:
    return replace(dataset, snapshots=tuple(changed.get(old.guid, old) for old in dataset.snapshots))


def _named(dataset: Dataset, name: str) -> Snapshot:
    matches = [snapshot for snapshot in dataset.snapshots if f"{dataset.name}@{snapshot.name}" == name]
    assert len(matches) == 1, f"{name} does not exist"
    return matches[0]
