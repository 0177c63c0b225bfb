"""Model the contents of pools: plain state and arithmetic, without commands.

Data is a list of blocks. A block never changes: a write appends blocks, a rollback removes the last ones, and deleting
removes the first ones. Each has its birth txg, which decides "written since" and incremental sends, as in ZFS.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from threading import RLock
from typing import NamedTuple

from tests.support.simulator.faults import Faults

RECORD_SIZE = 131_072
"""ZFS's default recordsize: the largest block, and the granularity of a resume token."""

EMPTY_BYTES = 24_576
"""`written` of an empty dataset before its first snapshot (lab: 24576 for a filesystem, 12288 for a volume)."""

EMPTY_LOGICAL_BYTES = 12_288
"""`logicalreferenced` of an empty filesystem in a pool with sectors of 512 bytes (lab)."""

ENDLESS = 1 << 50


class Block(NamedTuple):
    """Some bytes on disk; equal values are equal data."""

    value: int
    size: int
    birth: int


def born_after(blocks: Sequence[Block], txg: int) -> list[Block]:
    """Return the blocks born after a txg, in order: the last ones, since blocks are ordered by birth."""
    count = next((count for count, block in enumerate(reversed(blocks)) if block.birth <= txg), len(blocks))
    return list(blocks[len(blocks) - count :])


@dataclass(slots=True, eq=False)
class Snapshot:
    """A frozen list of blocks. `holds`: Unix second of the hold by tag. `residue`: see Dataset.

    `ivset_guid`: identity of what it is encrypted with, 0 if it is not; a raw stream carries it.
    """

    name: str
    guid: int
    createtxg: int
    creation: int
    blocks: tuple[Block, ...]
    holds: dict[str, int] = field(default_factory=dict)
    is_deferred: bool = False
    is_received: bool = False
    is_mounted: bool = False
    residue: int = 0
    ivset_guid: int = 0


@dataclass(frozen=True, slots=True)
class Bookmark:
    guid: int
    createtxg: int
    creation: int
    ivset_guid: int = 0


@dataclass(slots=True, eq=False)
class SavedReceive:
    """The state that `receive -s` saves: in `X/%recv`, a clone of `origin`, or in an unfinished dataset itself.

    `is_active`: the receive is still running. `kept`: how many of the newest blocks of `origin` still exist.
    """

    to_name: str
    to_guid: int
    from_guid: int
    flags: int
    origin: Snapshot | None
    blocks: list[Block] = field(default_factory=list)
    is_active: bool = True
    kept: int = 0
    ivset_guid: int = 0


@dataclass(slots=True, eq=False)
class Dataset:
    """A filesystem or volume. `snapshots` are ordered by createtxg; `properties` are those set locally.

    `key`: identity of its encryption key, 0 for none; `is_encryption_root`: it does not inherit that. `is_unfinished`:
    its first receive was cut. `residue`: bytes that count as written although nothing was modified. `is_in_use`: it is
    mounted, and a process has its directory.
    """

    name: str
    kind: str
    guid: int
    createtxg: int
    creation: int
    key: int = 0
    is_key_loaded: bool = True
    is_encryption_root: bool = False
    properties: dict[str, str] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=list)
    bookmarks: dict[str, Bookmark] = field(default_factory=dict)
    origin: Snapshot | None = None
    saved: SavedReceive | None = None
    is_unfinished: bool = False
    is_mounted: bool = False
    is_in_use: bool = False
    residue: int = 0
    allowed: dict[str, set[str]] = field(default_factory=dict)

    def find(self, name: str) -> Snapshot | None:
        return next((snapshot for snapshot in self.snapshots if snapshot.name == name), None)

    def with_guid(self, guid: int) -> Snapshot | None:
        return next((snapshot for snapshot in self.snapshots if snapshot.guid == guid), None)

    def newest(self) -> Snapshot | None:
        return self.snapshots[-1] if self.snapshots else None

    def newer_than(self, createtxg: int) -> list[Snapshot]:
        return [snapshot for snapshot in self.snapshots if snapshot.createtxg > createtxg]

    def is_modified_since(self, snapshot: Snapshot) -> bool:
        return bool(self.blocks) and self.blocks[-1].birth > snapshot.createtxg

    def written(self, snapshot: Snapshot | None = None) -> int:
        """Bytes written since the previous snapshot (None: in the live data since the newest); zfsprops(7)."""
        place = len(self.snapshots) if snapshot is None else self.snapshots.index(snapshot)
        since = self.snapshots[place - 1].createtxg if place else 0
        blocks = self.blocks if snapshot is None else snapshot.blocks
        is_first = place == 0 and self.origin is None
        residue = self.residue if snapshot is None else snapshot.residue
        return (EMPTY_BYTES if is_first else 0) + residue + sum(block.size for block in born_after(blocks, since))

    def used(self) -> int:
        """Bytes of all distinct blocks, including a saved receive."""
        saved = self.saved.blocks if self.saved else ()
        parts = (self.blocks, saved, *(snapshot.blocks for snapshot in self.snapshots))
        return EMPTY_BYTES + sum(block.size for block in set().union(*parts))


@dataclass(slots=True, eq=False)
class Pool:
    """A pool. Each change gets its own txg, so txgs order all events in the pool."""

    name: str
    guid: int
    capacity: int
    features: dict[str, str]
    txg: int = 4
    sector_bytes: int = 512
    datasets: dict[str, Dataset] = field(default_factory=dict)

    def next_txg(self) -> int:
        self.txg += 1
        return self.txg

    def tree(self, root: str) -> list[Dataset]:
        """The dataset and all below it, parents first."""
        below = root + "/"
        return [d for name, d in sorted(self.datasets.items()) if name == root or name.startswith(below)]

    def clones_of(self, snapshot: Snapshot) -> list[str]:
        """Names of the clones of a snapshot, including saved receives (lab: `clones` shows X/%recv)."""
        names = [name for name, dataset in self.datasets.items() if dataset.origin is snapshot]
        names += [f"{n}/%recv" for n, d in self.datasets.items() if d.saved and d.saved.origin is snapshot]
        return sorted(names)

    def free(self) -> int:
        if self.capacity >= ENDLESS:  # counting would take most of a test's time
            return self.capacity
        return max(0, self.capacity - sum(dataset.used() for dataset in self.datasets.values()))

    def room_below_quotas(self, name: str) -> int:
        """How much may still be written by the quotas of a dataset and those above it (zfsprops(7))."""
        room = ENDLESS
        while name:
            quota = int(self.datasets[name].properties.get("quota", "0")) if name in self.datasets else 0
            if quota:
                room = min(room, quota - sum(dataset.used() for dataset in self.tree(name)))
            name = name.rpartition("/")[0]
        return max(0, room)

    def limits(self, name: str, limit: str) -> dict[str, int]:
        """Return the limits of a number (`snapshot_limit`) that apply to a dataset, by where they are set."""
        limits: dict[str, int] = {}
        while name:
            value = self.datasets[name].properties.get(limit, "none") if name in self.datasets else "none"
            limits |= {} if value == "none" else {name: int(value)}
            name = name.rpartition("/")[0]
        return limits

    def count(self, name: str, noun: str) -> int:
        """Return how many snapshots or filesystems are in a tree; the dataset itself does not count."""
        tree = self.tree(name)
        return sum(len(dataset.snapshots) for dataset in tree) if noun == "snapshot" else len(tree) - 1

    def is_at_limit(self, name: str, noun: str) -> bool:
        """Whether no more snapshots (or filesystems) may be made in a dataset (or as it)."""
        return any(self.count(place, noun) >= limit for place, limit in self.limits(name, f"{noun}_limit").items())

    def room(self, name: str) -> int:
        """Bytes available to a dataset."""
        return min(self.room_below_quotas(name), self.free())


DEFAULT_FEATURES = {
    **dict.fromkeys(("extensible_dataset", "embedded_data", "lz4_compress", "bookmarks", "bookmark_v2"), "active"),
    **dict.fromkeys(("large_blocks", "large_dnode", "zstd_compress", "encryption", "longname"), "enabled"),
}
"""Those of a pool from `zpool create` with OpenZFS 2.4 (lab) that streams depend on."""


class World:
    """All pools of all machines, the clock and the faults. Tests set `now` and write data; commands do the rest."""

    def __init__(self, now: int = 1_800_000_000, seed: int = 0) -> None:
        self.now = now
        self.pools: dict[str, Pool] = {}
        self.faults = Faults()
        self.lock = RLock()
        self.version = "zfs-2.4.4-1"
        self.programs: frozenset[str] = frozenset(("zfs", "mbuffer"))
        self.unreadable: set[str] = set()
        """Full names of snapshots that zfs send fails to read."""
        self.arrived: Callable[[str], object] = lambda _part: None
        """Called in the middle of a receive, after each part of its stream: a block or a snapshot."""
        self._random = random.Random(seed)

    def new_guid(self) -> int:
        return self._random.getrandbits(63) | 1

    def add_pool(self, name: str, capacity: int = ENDLESS, features: dict[str, str] | None = None) -> Pool:
        pool = Pool(name, self.new_guid(), capacity, dict(DEFAULT_FEATURES if features is None else features))
        self.pools[name] = pool
        pool.datasets[name] = Dataset(name, "filesystem", self.new_guid(), 1, self.now)
        return pool

    def pool_of(self, dataset: str) -> Pool:
        return self.pools[dataset.split("/", 1)[0].partition("@")[0]]

    def dataset(self, name: str) -> Dataset:
        return self.pool_of(name).datasets[name]

    def write(self, name: str, size: int = 4096) -> None:
        """Write new data into a dataset, as its users would, even if it is read-only."""
        dataset = self.dataset(name)
        birth = self.pool_of(name).next_txg()
        while size > 0:
            dataset.blocks.append(Block(self._random.getrandbits(63), min(size, RECORD_SIZE), birth))
            size -= RECORD_SIZE

    def delete(self, name: str) -> None:
        """Delete all data that a dataset has now, as its users would; its snapshots keep it."""
        self.dataset(name).blocks.clear()

    def mount(self, name: str, is_mounted: bool = True) -> None:
        """Mount a snapshot, or unmount it. A mounted one cannot be destroyed."""
        dataset_name, _, short = name.partition("@")
        snapshot = self.dataset(dataset_name).find(short)
        assert snapshot is not None, name
        snapshot.is_mounted = is_mounted

    def content(self, name: str) -> tuple[int, ...]:
        """Return the data of a dataset or snapshot, for comparison across pools."""
        dataset_name, _, short = name.partition("@")
        dataset = self.dataset(dataset_name)
        snapshot = dataset.find(short) if short else None
        if short and snapshot is None:
            raise KeyError(name)
        return tuple(block.value for block in (snapshot.blocks if snapshot else dataset.blocks))

    def snapshots(self, name: str) -> list[str]:
        """Return the names after the @, oldest first."""
        return [snapshot.name for snapshot in self.dataset(name).snapshots]

    def holds(self, name: str) -> dict[str, set[str]]:
        """Return the tags of held snapshots by the name after the @."""
        return {s.name: set(s.holds) for s in self.dataset(name).snapshots if s.holds}

    def all_datasets(self) -> Iterator[Dataset]:
        for pool in self.pools.values():
            yield from pool.datasets.values()
