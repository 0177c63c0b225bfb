"""Set up what the state machine acts on: four pools, three mirrors between them, and acts of their administrators.

    a/data ──first──→ b/copy ──chain──→ c/copy
           └─second─→ d/deep/copy

Administrators do what zfs allows and accept its refusals. They reuse a name only in a rotation. Only where a run
follows at once (`change_copy`) do they write to a copy, which is a conflict until it is rolled back, and release tags
of ours.

`place` selects one of what exists, modulo its count.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count, pairwise
from typing import TypeVar

from tests.support.simulator import SimulatedHost, World, shell
from tests.support.simulator.mirrors import MIRRORS, Mirror
from tests.support.simulator.world import Dataset

T = TypeVar("T")

BLOCK_BYTES = 512
"""Small blocks, so that a stream of a few thousand bytes can be cut in many places."""

CREATION = {"filesystem": (), "volume": ("-V", "1M"), "encrypted": ("-o", "encryption=on")}

CHANGE_BYTES = 65_536
"""More than what is taken for no change (plan/conflicts.py)."""

FOREIGN_TAG = "admin"
OWN = "own"
MAX_DATASETS = 6
ROTATION = 3
"""More snapshots than this are destroyed by a rotation, the oldest first."""


def chosen(things: Sequence[T], place: int) -> T | None:
    return things[place % len(things)] if things else None


class Site:
    """The world, and all that administrators do to it. Each act happens at once and returns nothing."""

    def __init__(self) -> None:
        self.world = World()
        for pool in "abcd":
            self.world.add_pool(pool)
        self._machine = SimulatedHost(self.world, *"abcd").machine
        self._numbers = count(1)
        self.lost_by_hand: set[int] = set()
        """Guids of datasets and snapshots that administrators destroyed, or marked to go with their last hold."""
        self.seconds_ahead = 0
        """How wrong the clock of every target's machine is."""
        self.released_by_hand: set[int] = set()
        """Guids of the copies whose hold an administrator released."""
        for name in ("a/data", "a/data/x", "a/data/x/y"):
            self.do("zfs", "create", name)
        self.write(0, 2)
        self.snapshot(0, is_recursive=True)

    def do(self, *command: str) -> bool:
        """Run a command as an administrator; return whether zfs did it."""
        _stdout, _stderr, status = shell.run(self._machine, command)
        return status == 0

    def new_name(self, kind: str) -> str:
        return f"{kind}{next(self._numbers)}"

    def tree(self, root: str) -> list[Dataset]:
        return self.world.pool_of(root).tree(root)

    def _snapshots(self, *roots: str, named: Callable[[str], bool] = lambda _name: True) -> list[str]:
        return [
            f"{dataset.name}@{snapshot.name}"
            for root in roots
            for dataset in self.tree(root)
            for snapshot in dataset.snapshots
            if named(snapshot.name)
        ]

    def can_run(self, mirror: Mirror) -> bool:
        """Whether there is anything to mirror; otherwise a run is an error."""
        return bool(self._snapshots(mirror.source))

    # --- on the source ---

    def advance(self, days: int) -> None:
        self.world.now += days * 86_400

    def write(self, place: int, block_count: int) -> None:
        dataset = chosen(self.tree("a/data"), place)
        if dataset is not None:
            for _block in range(block_count):
                self.world.write(dataset.name, BLOCK_BYTES)

    def snapshot(self, place: int, is_recursive: bool) -> None:
        dataset = chosen(self.tree("a/data"), place)
        if dataset is not None:
            self.do("zfs", "snapshot", *(["-r"] if is_recursive else []), f"{dataset.name}@{self.new_name('s')}")

    def destroy_snapshot(self, place: int, is_deferred: bool) -> None:
        """zfs refuses a held one; with -d it is marked, and goes with its last hold."""
        name = chosen(self._snapshots("a/data"), place)
        if name is None:
            return
        dataset, _, short = name.partition("@")
        snapshot = self.world.dataset(dataset).find(short)
        if self.do("zfs", "destroy", *(["-d"] if is_deferred else []), name) and snapshot is not None:
            self.lost_by_hand.add(snapshot.guid)

    def rename_snapshot(self, place: int) -> None:
        self._rename(chosen(self._snapshots("a/data"), place))

    def rotate(self, place: int) -> None:
        """Let the names of a dataset's snapshots move on by one, as from daily.0 to daily.1, and take a new one.

        What is held keeps its name: the rotation ends there.
        """
        dataset = chosen([dataset for dataset in self.tree("a/data") if dataset.snapshots], place)
        if dataset is None:
            return
        names = [snapshot.name for snapshot in dataset.snapshots]
        oldest = dataset.snapshots[0]
        if len(names) > ROTATION and self.do("zfs", "destroy", f"{dataset.name}@{names[0]}"):
            self.lost_by_hand.add(oldest.guid)
        else:
            names.insert(0, self.new_name("s"))
        for older, newer in pairwise(names):
            if not self.do("zfs", "rename", f"{dataset.name}@{newer}", f"{dataset.name}@{older}"):
                return
        self.do("zfs", "snapshot", f"{dataset.name}@{names[-1]}")

    def create_dataset(self, place: int, kind: str) -> None:
        parents = [dataset.name for dataset in self.tree("a/data") if dataset.kind == "filesystem"]
        parent = chosen(parents, place)
        if parent is not None and len(self.tree("a/data")) < MAX_DATASETS:
            self.do("zfs", "create", *CREATION[kind], f"{parent}/{self.new_name('d')}")

    def create_encrypted_parent(self, place: int) -> None:
        """Create an encrypted dataset without snapshots, and one below it with one. The parent may get one later."""
        parent = chosen([dataset.name for dataset in self.tree("a/data") if dataset.kind == "filesystem"], place)
        if parent is not None and len(self.tree("a/data")) + 1 < MAX_DATASETS:
            name = f"{parent}/{self.new_name('d')}"
            child = f"{name}/{self.new_name('d')}"
            self.do("zfs", "create", *CREATION["encrypted"], name)
            self.do("zfs", "create", child)
            self.world.write(child, BLOCK_BYTES)
            self.do("zfs", "snapshot", f"{child}@{self.new_name('s')}")

    def destroy_dataset(self, place: int) -> None:
        """Destroy a leaf; zfs refuses while any of its snapshots is held."""
        datasets = self.tree("a/data")[1:]
        names = [dataset.name for dataset in datasets]
        leaf = chosen([name for name in names if not any(other.startswith(f"{name}/") for other in names)], place)
        if leaf is not None:
            dataset = self.world.dataset(leaf)
            if self.do("zfs", "destroy", "-r", leaf):
                self.lost_by_hand |= {dataset.guid, *(snapshot.guid for snapshot in dataset.snapshots)}

    # --- on the copies ---

    def rename_copy(self, place: int) -> None:
        self._rename(chosen(self._copies(), place))

    def hold_copy(self, place: int) -> None:
        name = chosen(self._copies(), place)
        if name is not None:
            self.do("zfs", "hold", FOREIGN_TAG, name)

    def release_copy(self, place: int) -> None:
        held = [
            f"{dataset.name}@{snapshot.name}"
            for mirror in MIRRORS
            for dataset in self.tree(mirror.target)
            for snapshot in dataset.snapshots
            if FOREIGN_TAG in snapshot.holds
        ]
        name = chosen(held, place)
        if name is None:
            return
        dataset_name, _, short = name.partition("@")
        snapshot = self.world.dataset(dataset_name).find(short)
        if self.do("zfs", "release", FOREIGN_TAG, name) and snapshot is not None:
            self.released_by_hand.add(snapshot.guid)

    def clone_copy(self, place: int) -> None:
        name = chosen(self._copies(), place)
        if name is not None:
            self.do("zfs", "clone", name, f"{name[0]}/{self.new_name('clone')}")

    def destroy_clone(self, place: int) -> None:
        clones = [dataset.name for dataset in self.world.all_datasets() if dataset.origin is not None]
        name = chosen(clones, place)
        if name is not None:
            self.do("zfs", "destroy", name)

    def snapshot_copy(self, place: int, is_recursive: bool) -> None:
        """Take an administrator's own snapshot; never of a placeholder, which would then not be empty."""
        trees = {
            dataset.name: self.tree(dataset.name) if is_recursive else [dataset]
            for mirror in MIRRORS
            for dataset in self.tree(mirror.target)
        }
        name = chosen([name for name, tree in trees.items() if all(map(_is_received, tree))], place)
        if name is not None:
            self.do("zfs", "snapshot", *(["-r"] if is_recursive else []), f"{name}@{self.new_name(OWN)}")

    def change_copy(self, mirror: Mirror, place: int) -> str | None:
        """Write to a copy and release this mirror's tags from it and its original; return its name.

        Not where a destroyed snapshot only waits for its hold, nor amid a receive.
        """
        pairs = [
            (original, copy)
            for original in self.tree(mirror.source)
            for copy in self.tree(mirror.target)
            if copy.name == mirror.counterpart(original.name) and _is_received(copy) and not copy.saved
        ]
        pairs = [pair for pair in pairs if not any(s.is_deferred for dataset in pair for s in dataset.snapshots)]
        pair = chosen(pairs, place)
        if pair is None:
            return None
        original, copy = pair
        self.world.write(copy.name, CHANGE_BYTES)
        for dataset, tag in ((original, mirror.tag), (copy, mirror.target_tag)):
            for snapshot in dataset.snapshots:
                if tag in snapshot.holds:
                    self.do("zfs", "release", tag, f"{dataset.name}@{snapshot.name}")
        return copy.name

    def roll_back_copy(self, name: str) -> None:
        """Discard what was written to a copy since its newest snapshot."""
        self.do("zfs", "rollback", "-r", f"{name}@{self.world.snapshots(name)[-1]}")

    def replace_arrival(self, mirror: Mirror) -> None:
        """Rename the newest arrival and take another snapshot with its name: only the guid differs."""
        arrivals = [
            (snapshot.createtxg, f"{dataset.name}@{snapshot.name}")
            for dataset in self.tree(mirror.target)
            for snapshot in dataset.snapshots[-1:]
            if snapshot.is_received
        ]
        if arrivals:
            _txg, name = max(arrivals)
            self._rename(name)
            self.do("zfs", "snapshot", name)

    def destroy_own_snapshot(self, place: int) -> None:
        """Only where it was taken: further down the chain it is a copy."""
        taken = [
            f"{dataset.name}@{snapshot.name}"
            for mirror in MIRRORS
            for dataset in self.tree(mirror.target)
            for snapshot in dataset.snapshots
            if not snapshot.is_received
        ]
        name = chosen(taken, place)
        if name is None:
            return
        dataset_name, _, short = name.partition("@")
        snapshot = self.world.dataset(dataset_name).find(short)
        if self.do("zfs", "destroy", name) and snapshot is not None:
            self.lost_by_hand.add(snapshot.guid)

    def _copies(self) -> list[str]:
        return self._snapshots(*(mirror.target for mirror in MIRRORS))

    def _rename(self, name: str | None) -> None:
        if name is not None:
            self.do("zfs", "rename", name, f"{name.partition('@')[0]}@{self.new_name('r')}")


def _is_received(dataset: Dataset) -> bool:
    return any(snapshot.is_received for snapshot in dataset.snapshots)


SOURCE_ACTS: dict[str, Callable[[Site, int], None]] = {
    "take a snapshot": lambda site, place: site.snapshot(place, is_recursive=False),
    "take snapshots": lambda site, place: site.snapshot(place, is_recursive=True),
    "destroy a snapshot": lambda site, place: site.destroy_snapshot(place, is_deferred=False),
    "rename a snapshot": Site.rename_snapshot,
    "create a dataset": lambda site, place: site.create_dataset(place, "filesystem"),
    "destroy a dataset": Site.destroy_dataset,
}
"""What may happen on the source in the middle of a run. No rotation: commands take names, and a name that belongs to
another snapshot meanwhile makes them work on that one, until the next run puts it right (docs/design.md)."""

COPY_ACTS: dict[str, Callable[[Site, int], None]] = {
    "rename a copy": Site.rename_copy,
    "hold a copy": Site.hold_copy,
    "release a copy": Site.release_copy,
    "clone a copy": Site.clone_copy,
    "take a snapshot": lambda site, place: site.snapshot_copy(place, is_recursive=False),
    "destroy a snapshot": Site.destroy_own_snapshot,
}
"""What may happen on a target in the middle of a run."""
