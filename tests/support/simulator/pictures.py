"""Capture all pools at one moment as comparable values. World → Picture. Identity is the guid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.support.simulator.world import Block, Dataset, World
from zfs_replicate.model import PLACEHOLDER_PROPERTY


@dataclass(frozen=True, slots=True)
class SnapshotPicture:
    name: str
    guid: int
    createtxg: int
    creation: int
    holds: frozenset[str]
    clones: tuple[str, ...]
    blocks: tuple[Block, ...]
    is_received: bool

    @property
    def content(self) -> tuple[int, ...]:
        return tuple(block.value for block in self.blocks)


@dataclass(frozen=True, slots=True)
class SavedPicture:
    """The state of a receive that was cut: the name and guid of its snapshot, its base (0: none), what has arrived."""

    to_name: str
    to_guid: int
    from_guid: int
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class DatasetPicture:
    """`snapshots`: oldest first. `is_unfinished`: its first receive was cut, so it has no snapshot yet.

    `is_marked`: it has our mark of a placeholder.
    """

    name: str
    guid: int
    snapshots: tuple[SnapshotPicture, ...]
    bookmarks: frozenset[tuple[str, int]]
    blocks: tuple[Block, ...]
    is_unfinished: bool
    is_encrypted: bool = False
    is_marked: bool = False
    saved: SavedPicture | None = None
    quota: int = 0
    pool_guid: int = 0

    @property
    def unsaved(self) -> frozenset[Block]:
        """What has been written here and is in no snapshot."""
        return frozenset(self.blocks).difference(*(snapshot.blocks for snapshot in self.snapshots))

    @property
    def guids(self) -> frozenset[int]:
        return frozenset(snapshot.guid for snapshot in self.snapshots)


Picture = Mapping[str, DatasetPicture]


def picture(world: World) -> Picture:
    """Return all datasets by name, as they are now."""
    clones: dict[int, list[str]] = {}  # by the object: another copy of the same snapshot has the same guid
    for dataset in world.all_datasets():
        if dataset.origin is not None:
            clones.setdefault(id(dataset.origin), []).append(dataset.name)
    return {
        dataset.name: DatasetPicture(
            dataset.name,
            dataset.guid,
            tuple(
                SnapshotPicture(
                    s.name,
                    s.guid,
                    s.createtxg,
                    s.creation,
                    frozenset(s.holds),
                    tuple(clones.get(id(s), ())),
                    s.blocks,
                    s.is_received,
                )
                for s in dataset.snapshots
            ),
            frozenset((name, mark.guid) for name, mark in dataset.bookmarks.items()),
            tuple(dataset.blocks),
            dataset.is_unfinished,
            bool(dataset.key),
            PLACEHOLDER_PROPERTY in dataset.properties,
            _saved(dataset),
            int(dataset.properties.get("quota", 0)),
            world.pool_of(dataset.name).guid,
        )
        for dataset in world.all_datasets()
    }


def _saved(dataset: Dataset) -> SavedPicture | None:
    saved = dataset.saved
    return SavedPicture(saved.to_name, saved.to_guid, saved.from_guid, tuple(saved.blocks)) if saved else None


def is_in(name: str, root: str) -> bool:
    return name == root or name.startswith(f"{root}/")


def newest_common(source: DatasetPicture, guids: frozenset[int]) -> SnapshotPicture | None:
    """Return the newest source snapshot whose guid is among these guids of the target."""
    return next((snapshot for snapshot in reversed(source.snapshots) if snapshot.guid in guids), None)


def guids_below(now: Picture, root: str) -> frozenset[int]:
    return frozenset[int]().union(*(dataset.guids for name, dataset in now.items() if is_in(name, root)))
