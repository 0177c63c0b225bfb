"""Write a world down in one canonical way, and read it again. freeze(World) → bytes; thaw(bytes) → World.

Two worlds that differ only in what nothing depends on are equal: guids, keys and data are numbered in the order in
which they are met, snapshots are named in that order, txgs are replaced by their rank in the pool, times by ages in
days. So a search that keeps what it has seen walks through each state once.

An active receive is written down as one that was cut: nobody is left to continue it.
"""

from __future__ import annotations

import marshal
import re
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any

from tests.support.simulator.world import Block, Bookmark, Dataset, Pool, SavedReceive, Snapshot, World

Frozen = bytes
"""Equal for worlds that are the same state."""

SECONDS_PER_DAY = 86_400
OLDEST_DAYS = 60
"""Whatever is older is so in the same way: no -k in the search is as long."""

NOW = 1_800_000_000
MARSHAL_VERSION = 2
"""The last one that does not note which objects are the same one, so equal values give equal bytes."""

Row = tuple[Any, ...]
"""Numbers, texts and rows: what marshal writes."""


def _others(kind: type[Dataset | Snapshot | SavedReceive | Pool], *known: str) -> tuple[str, ...]:
    """The fields besides these: plain values, to be written as they are."""
    return tuple(field.name for field in fields(kind) if field.name not in known)


_DATED = ("name", "guid", "createtxg", "creation", "blocks")
DATASET_FIELDS = _others(
    Dataset, *_DATED, "kind", "key", "properties", "snapshots", "bookmarks", "origin", "saved", "allowed"
)
SNAPSHOT_FIELDS = _others(Snapshot, *_DATED, "holds", "ivset_guid")
SAVED_FIELDS = _others(
    SavedReceive, "to_name", "to_guid", "from_guid", "flags", "origin", "blocks", "is_active", "ivset_guid"
)
POOL_FIELDS = _others(Pool, "features", "txg", "datasets")


class _Numbers:
    """Numbers things in the order in which they are met, from 1; 0 stays 0."""

    def __init__(self) -> None:
        self._numbers = {0: 0}

    def __call__(self, thing: int) -> int:
        return self._numbers.setdefault(thing, len(self._numbers))


class _Names:
    """Names snapshots s1, s2 … in the order in which they are met; also where their name is part of another."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def __call__(self, name: str) -> str:
        return self._names.setdefault(name, f"s{len(self._names) + 1}")

    def within(self, text: str) -> str:
        return re.sub(r"s\d+", lambda match: self(match[0]), text)


def freeze(world: World) -> Frozen:
    return marshal.dumps(_Writer(world).rows(), MARSHAL_VERSION)


class _Writer:
    def __init__(self, world: World) -> None:
        self._world = world
        self._guid, self._value, self._key, self._name = _Numbers(), _Numbers(), _Numbers(), _Names()
        self._rank: dict[int, int] = {}

    def rows(self) -> Row:
        return tuple(self._pool(pool) for _name, pool in sorted(self._world.pools.items()))

    def _pool(self, pool: Pool) -> Row:
        txgs = {txg for dataset in pool.datasets.values() for txg in _txgs(dataset)}
        self._rank = {txg: rank for rank, txg in enumerate(sorted(txgs | {0}))}
        datasets = tuple(self._dataset(dataset) for _name, dataset in sorted(pool.datasets.items()))
        return _plain(pool, POOL_FIELDS), tuple(sorted(pool.features.items())), len(self._rank), datasets

    def _dataset(self, dataset: Dataset) -> Row:
        if dataset.origin is not None:
            raise NotImplementedError("a clone in the search")
        return (
            dataset.name,
            dataset.kind,
            self._guid(dataset.guid),
            self._rank[dataset.createtxg],
            self._age(dataset.creation),
            self._key(dataset.key),
            tuple(sorted(dataset.properties.items())),
            tuple(map(self._snapshot, dataset.snapshots)),
            self._blocks(dataset.blocks),
            tuple(self._bookmark(*entry) for entry in sorted(dataset.bookmarks.items(), key=_by_age)),
            self._saved(dataset, dataset.saved) if dataset.saved else (),
            _plain(dataset, DATASET_FIELDS),
        )

    def _snapshot(self, snapshot: Snapshot) -> Row:
        return (
            self._name(snapshot.name),
            self._guid(snapshot.guid),
            self._rank[snapshot.createtxg],
            self._age(snapshot.creation),
            self._blocks(snapshot.blocks),
            tuple(sorted(snapshot.holds)),
            self._key(snapshot.ivset_guid),
            _plain(snapshot, SNAPSHOT_FIELDS),
        )

    def _bookmark(self, name: str, bookmark: Bookmark) -> Row:
        rank, age = self._rank[bookmark.createtxg], self._age(bookmark.creation)
        return self._name.within(name), self._guid(bookmark.guid), rank, age

    def _saved(self, dataset: Dataset, saved: SavedReceive) -> Row:
        origin = dataset.snapshots.index(saved.origin) if saved.origin in dataset.snapshots else -1
        owner, _, short = saved.to_name.partition("@")
        guids = self._guid(saved.to_guid), self._guid(saved.from_guid)
        to_name = f"{owner}@{self._name(short)}"
        rest = self._key(saved.ivset_guid), _plain(saved, SAVED_FIELDS)
        return to_name, *guids, int(saved.flags), origin, self._blocks(saved.blocks), *rest

    def _blocks(self, blocks: Iterable[Block]) -> Row:
        return tuple((self._value(block.value), block.size, self._rank[block.birth]) for block in blocks)

    def _age(self, creation: int) -> int:
        return min(OLDEST_DAYS, (self._world.now - creation) // SECONDS_PER_DAY)


def _txgs(dataset: Dataset) -> Iterable[int]:
    yield dataset.createtxg
    yield from (block.birth for block in dataset.blocks)
    yield from (bookmark.createtxg for bookmark in dataset.bookmarks.values())
    for snapshot in dataset.snapshots:
        yield snapshot.createtxg
        yield from (block.birth for block in snapshot.blocks)


def _by_age(entry: tuple[str, Bookmark]) -> tuple[int, str]:
    return entry[1].createtxg, entry[0]


def _plain(thing: object, names: Sequence[str]) -> Row:
    return tuple(getattr(thing, name) for name in names)


def thaw(frozen: Frozen) -> World:
    """Given a state, return a world that is in it, at the time NOW and without faults."""
    world = World(NOW)
    for plain, features, txg, datasets in marshal.loads(frozen):
        pool = Pool(features=dict(features), txg=txg, **dict(zip(POOL_FIELDS, plain, strict=True)))
        pool.datasets = {row[0]: _thawed_dataset(row) for row in datasets}
        world.pools[pool.name] = pool
    return world


def _thawed_dataset(row: Row) -> Dataset:
    name, kind, guid, txg, age, key, properties, snapshots, blocks, bookmarks, saved, plain = row
    dataset = Dataset(name, kind, guid, txg, _creation(age), key, **dict(zip(DATASET_FIELDS, plain, strict=True)))
    dataset.properties, dataset.blocks = dict(properties), _thawed(blocks)
    dataset.snapshots = [_thawed_snapshot(snapshot) for snapshot in snapshots]
    dataset.bookmarks = {mark: Bookmark(guid, txg, _creation(age)) for mark, guid, txg, age in bookmarks}
    if saved:
        to_name, to_guid, from_guid, flags, origin, arrived, ivset_guid, plain = saved
        above = dataset.snapshots[origin] if origin >= 0 else None
        named = dict(zip(SAVED_FIELDS, plain, strict=True), is_active=False, ivset_guid=ivset_guid)
        dataset.saved = SavedReceive(to_name, to_guid, from_guid, flags, above, _thawed(arrived), **named)
    return dataset


def _thawed_snapshot(row: Row) -> Snapshot:
    name, guid, txg, age, blocks, tags, ivset_guid, plain = row
    holds = dict.fromkeys(tags, NOW)
    named = dict(zip(SNAPSHOT_FIELDS, plain, strict=True), ivset_guid=ivset_guid)
    return Snapshot(name, guid, txg, _creation(age), tuple(_thawed(blocks)), holds, **named)


def _thawed(blocks: Row) -> list[Block]:
    return [Block(*block) for block in blocks]


def _creation(age: int) -> int:
    return NOW - age * SECONDS_PER_DAY
