"""What a pool consists of. Plain state and arithmetic; nothing here knows what a command looks like.

Data is a list of blocks. A block is never changed: writing adds blocks, rolling back takes the last ones away. Each
has the txg of its birth, so "written since" and incremental sends are questions about births, as in ZFS.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from threading import RLock
from typing import NamedTuple

from tests.support.simulator.faults import Faults

RECORD_SIZE = 131_072
"""ZFS's default recordsize: the largest block, and the grain of a resume token."""

EMPTY_BYTES = 24_576
"""What an empty dataset has `written` before its first snapshot (lab: 24576 for a filesystem, 12288 for a volume)."""

ENDLESS = 1 << 50


class Block(NamedTuple):
    """Some bytes on disk; equal values are equal data."""

    value: int
    size: int
    birth: int


def born_after(blocks: Sequence[Block], txg: int) -> list[Block]:
    """Blocks stand in the order of their births, so those are the last ones; in order."""
    count = next((count for count, block in enumerate(reversed(blocks)) if block.birth <= txg), len(blocks))
    return list(blocks[len(blocks) - count :])


@dataclass(slots=True, eq=False)
class Snapshot:
    """A frozen list of blocks. `holds`: tag to the Unix second of the hold. `residue`: see Dataset."""

    name: str
    guid: int
    createtxg: int
    creation: int
    blocks: tuple[Block, ...]
    holds: dict[str, int] = field(default_factory=dict)
    is_deferred: bool = False
    is_received: bool = False
    residue: int = 0


@dataclass(frozen=True, slots=True)
class Bookmark:
    guid: int
    createtxg: int
    creation: int


@dataclass(slots=True, eq=False)
class SavedReceive:
    """What `receive -s` keeps: in `X/%recv`, a clone of the snapshot `origin`, or in an unfinished dataset itself.

    `is_active`: the receive is still at work.
    """

    to_name: str
    to_guid: int
    from_guid: int
    flags: int
    origin: Snapshot | None
    blocks: list[Block] = field(default_factory=list)
    is_active: bool = True


@dataclass(slots=True, eq=False)
class Dataset:
    """A filesystem or volume. `snapshots` are ordered by createtxg; `properties` are those set on itself.

    `key` is the lineage of its encryption key, 0 for none. `is_unfinished`: its first receive was cut. `residue`: bytes
    that count as written, although nothing is modified.
    """

    name: str
    kind: str
    guid: int
    createtxg: int
    creation: int
    key: int = 0
    is_key_loaded: bool = True
    properties: dict[str, str] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=list)
    bookmarks: dict[str, Bookmark] = field(default_factory=dict)
    origin: Snapshot | None = None
    saved: SavedReceive | None = None
    is_unfinished: bool = False
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
        """Bytes since the snapshot before this one (None: of the live data, since the newest); zfsprops(7)."""
        place = len(self.snapshots) if snapshot is None else self.snapshots.index(snapshot)
        since = self.snapshots[place - 1].createtxg if place else 0
        blocks = self.blocks if snapshot is None else snapshot.blocks
        is_first = place == 0 and self.origin is None
        residue = self.residue if snapshot is None else snapshot.residue
        return (EMPTY_BYTES if is_first else 0) + residue + sum(block.size for block in born_after(blocks, since))

    def used(self) -> int:
        """Bytes of all distinct blocks, those of a saved receive included."""
        saved = self.saved.blocks if self.saved else ()
        parts = (self.blocks, saved, *(snapshot.blocks for snapshot in self.snapshots))
        return EMPTY_BYTES + sum(block.size for block in set().union(*parts))


@dataclass(slots=True, eq=False)
class Pool:
    """A pool. Every change of it happens in a txg of its own, so txgs order all that happens here."""

    name: str
    guid: int
    capacity: int
    features: dict[str, str]
    txg: int = 4
    datasets: dict[str, Dataset] = field(default_factory=dict)

    def next_txg(self) -> int:
        self.txg += 1
        return self.txg

    def tree(self, root: str) -> list[Dataset]:
        """The dataset and all below it, parents first."""
        below = root + "/"
        return [d for name, d in sorted(self.datasets.items()) if name == root or name.startswith(below)]

    def clones_of(self, snapshot: Snapshot) -> list[str]:
        """Names of what depends on a snapshot; a saved receive counts (lab: `clones` shows X/%recv)."""
        names = [name for name, dataset in self.datasets.items() if dataset.origin is snapshot]
        names += [f"{n}/%recv" for n, d in self.datasets.items() if d.saved and d.saved.origin is snapshot]
        return sorted(names)

    def free(self) -> int:
        if self.capacity >= ENDLESS:  # counting what nobody asks for would take most of a test's time
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

    def room(self, name: str) -> int:
        """What a dataset has available."""
        return min(self.room_below_quotas(name), self.free())


DEFAULT_FEATURES = {
    **dict.fromkeys(("extensible_dataset", "embedded_data", "lz4_compress", "bookmarks", "bookmark_v2"), "active"),
    **dict.fromkeys(("large_blocks", "large_dnode", "zstd_compress", "encryption", "longname"), "enabled"),
}
"""Of a pool made by `zpool create` with OpenZFS 2.4 (lab), as far as streams depend on them."""


class World:
    """All pools of all machines, the clock, and the faults. Tests set `now` and write data; the rest is commands."""

    def __init__(self, now: int = 1_800_000_000, seed: int = 0) -> None:
        self.now = now
        self.pools: dict[str, Pool] = {}
        self.faults = Faults()
        self.lock = RLock()
        self.version = "zfs-2.4.4-1"
        self.programs: frozenset[str] = frozenset(("zfs", "mbuffer"))
        self.unreadable: set[str] = set()
        """Whole names of snapshots that zfs send fails to read."""
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
        """Write new data into a dataset, as its users would; also where it is read-only, as a test helper may."""
        dataset = self.dataset(name)
        birth = self.pool_of(name).next_txg()
        while size > 0:
            dataset.blocks.append(Block(self._random.getrandbits(63), min(size, RECORD_SIZE), birth))
            size -= RECORD_SIZE

    def content(self, name: str) -> tuple[int, ...]:
        """The data of a dataset or snapshot, to be compared across pools."""
        dataset, _, short = name.partition("@")
        found = self.dataset(dataset)
        snapshot = found.find(short) if short else None
        if short and snapshot is None:
            raise KeyError(name)
        return tuple(block.value for block in (snapshot.blocks if snapshot else found.blocks))

    def snapshots(self, name: str) -> list[str]:
        """Names after the @, oldest first."""
        return [snapshot.name for snapshot in self.dataset(name).snapshots]

    def holds(self, name: str) -> dict[str, set[str]]:
        """Tags by the name after the @, held snapshots only."""
        return {s.name: set(s.holds) for s in self.dataset(name).snapshots if s.holds}

    def all_datasets(self) -> Iterator[Dataset]:
        for pool in self.pools.values():
            yield from pool.datasets.values()
