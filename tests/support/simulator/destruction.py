"""Run zfs destroy and zfs rollback (zfs-destroy(8), zfs-rollback(8), facts 5)."""

from __future__ import annotations

from collections.abc import Sequence

from tests.support.simulator.administration import refuse_in_use
from tests.support.simulator.machine import Machine, Refused, Reply, parse_flags
from tests.support.simulator.world import Dataset, Pool, Snapshot

RESIDUE_SECTORS = 2
"""`written` after a rollback to a snapshot that was taken here, not received; nothing is modified (lab)."""


def zfs_destroy(machine: Machine, arguments: Sequence[str]) -> Reply:
    flags, (name,) = parse_flags(arguments, "dr")
    if "#" in name:
        return _destroy_bookmark(machine, name)
    if "@" in name:
        return _destroy_snapshots(machine, name, "d" in flags, "r" in flags)
    return _destroy_dataset(machine, name, "r" in flags)


def destroy_if_deferred(machine: Machine, dataset: Dataset, snapshot: Snapshot) -> None:
    """Destroy a snapshot marked by `destroy -d` once its last hold and clone are gone."""
    pool = machine.pool(dataset.name)
    if snapshot.is_deferred and not snapshot.holds and pool and not pool.clones_of(snapshot):
        dataset.snapshots.remove(snapshot)
        pool.next_txg()


def _destroy_snapshots(machine: Machine, name: str, is_deferred: bool, is_recursive: bool) -> Reply:
    """`DS@A,B,C`: destroy all or none. Missing names are ignored, unless all are missing (facts 5, 10)."""
    dataset_name, _, shorts = name.partition("@")
    root = machine.dataset(dataset_name)
    pool = _pool(machine, root)
    trees = pool.tree(dataset_name) if is_recursive else [root]
    requested = shorts.split(",")
    snapshots = [
        (dataset, snapshot) for dataset in trees for snapshot in dataset.snapshots if snapshot.name in requested
    ]
    if not snapshots:
        raise Refused("could not find any snapshots to destroy; check snapshot names.")
    if not is_deferred:
        cloned = [(f"{d.name}@{s.name}", clones) for d, s in snapshots if (clones := pool.clones_of(s))]
        if cloned:
            lines = (_dependents(f"'{name}': snapshot has dependent clones", clones) for name, clones in cloned)
            raise Refused("\n".join(lines))
    machine.require(dataset_name, "cannot destroy snapshots", "destroy", "mount")
    if is_deferred:
        for _dataset, snapshot in snapshots:
            snapshot.is_deferred = True
        for dataset, snapshot in snapshots:
            destroy_if_deferred(machine, dataset, snapshot)
        return Reply()
    _refuse_busy(snapshots)
    for dataset, snapshot in snapshots:
        dataset.snapshots.remove(snapshot)
    pool.next_txg()
    return Reply()


def _dependents(what: str, names: Sequence[str]) -> str:
    return "\n".join((f"cannot destroy {what}", "use '-R' to destroy the following datasets:", *names))


def _refuse_busy(snapshots: Sequence[tuple[Dataset, Snapshot]]) -> None:
    """Each mounted snapshot gets a line and, since 2.3.3, each held one another (facts 4, 5; lab)."""
    held = [f"{dataset.name}@{snapshot.name}" for dataset, snapshot in snapshots if snapshot.holds]
    lines = [f"cannot destroy snapshot {n}: it's being held. Run 'zfs holds -r {n}' to see holders." for n in held]
    mounted = [f"{dataset.name}@{snapshot.name}" for dataset, snapshot in snapshots if snapshot.is_mounted]
    lines += [f"cannot destroy snapshot {name}: dataset is busy" for name in mounted if name not in held]
    if lines:
        raise Refused("\n".join(lines))


def _destroy_bookmark(machine: Machine, name: str) -> Reply:
    owner, _, short = name.partition("#")
    dataset = machine.dataset(owner)
    if short not in dataset.bookmarks:
        raise Refused(f"bookmark '{name}' does not exist.")
    machine.require(owner, f"cannot destroy '{name}'", "destroy", "mount")
    del dataset.bookmarks[short]
    return Reply()


def _destroy_dataset(machine: Machine, name: str, is_recursive: bool) -> Reply:
    """Without -r only a dataset without dependents. With -r children first, one by one: if one fails, those before it
    are gone (lab)."""
    root = machine.dataset(name)
    pool = _pool(machine, root)
    tree = pool.tree(name)
    inside = {dataset.name for dataset in tree}
    dependents = [line for dataset in reversed(tree) for line in _parts(dataset, root)]
    if dependents and not is_recursive:
        raise Refused(_dependents(f"'{name}': {root.kind} has children", dependents))
    for dataset in tree:
        outside = [c for s in dataset.snapshots for c in pool.clones_of(s) if c.removesuffix("/%recv") not in inside]
        if outside:
            raise Refused(_dependents(f"'{name}': {root.kind} has dependent clones", outside))
    machine.require(name, f"cannot destroy '{name}'", "destroy", "mount")
    refuse_in_use(tree)
    for dataset in reversed(tree):
        if dataset.saved and dataset.saved.is_active:
            part = "" if dataset.is_unfinished else "/%recv"
            raise Refused(f"cannot destroy '{dataset.name}{part}': dataset is busy")
        _refuse_busy([(dataset, snapshot) for snapshot in dataset.snapshots])
        remove(machine, dataset)
    return Reply()


def _parts(dataset: Dataset, root: Dataset) -> list[str]:
    """Dependents of the root as zfs lists them: snapshots and saved receives, then a child itself."""
    saved = [f"{dataset.name}/%recv"] if dataset.saved and not dataset.is_unfinished else []
    names = [*saved, *(f"{dataset.name}@{snapshot.name}" for snapshot in dataset.snapshots)]
    return names if dataset is root else [*names, dataset.name]


def remove(machine: Machine, dataset: Dataset) -> None:
    """Remove a dataset with its contents, and its origin if that was deferred."""
    pool = _pool(machine, dataset)
    del pool.datasets[dataset.name]
    pool.next_txg()
    if dataset.origin is not None:
        for other in pool.datasets.values():
            if dataset.origin in other.snapshots:
                destroy_if_deferred(machine, other, dataset.origin)


def zfs_rollback(machine: Machine, arguments: Sequence[str]) -> Reply:
    """Roll back to the newest snapshot, or with -r to an older one. Not atomic: -r destroys each newer snapshot that it
    can, and only then fails if one is held; the data stays unchanged (lab)."""
    flags, (name,) = parse_flags(arguments, "r")
    dataset, snapshot = machine.snapshot(name)
    pool = _pool(machine, dataset)
    newer = dataset.newer_than(snapshot.createtxg)
    marks = [short for short, mark in dataset.bookmarks.items() if mark.createtxg > snapshot.createtxg]
    if (newer or marks) and "r" not in flags:
        names = [*(f"{dataset.name}@{other.name}" for other in newer), *(f"{dataset.name}#{mark}" for mark in marks)]
        hint = "use '-r' to force deletion of the following snapshots and bookmarks:"
        what = f"cannot rollback to '{name}': more recent snapshots or bookmarks exist"
        raise Refused("\n".join((what, hint, *names)))
    clones = [clone for other in newer for clone in pool.clones_of(other)]
    if clones:
        hint = "use '-R' to force deletion of the following clones and dependents:"
        raise Refused("\n".join((f"cannot rollback to '{name}': clones of previous snapshots exist", hint, *clones)))
    for other in newer:
        machine.require(dataset.name, f"cannot destroy '{dataset.name}@{other.name}'", "destroy", "mount")
    machine.require(dataset.name, f"cannot rollback '{dataset.name}'", "rollback", "mount")
    held = [other for other in newer if other.holds]
    dataset.snapshots = [other for other in dataset.snapshots if other not in newer or other in held]
    for mark in marks:
        del dataset.bookmarks[mark]
    pool.next_txg()
    if held:
        raise Refused("\n".join(f"cannot destroy '{dataset.name}@{other.name}': dataset is busy" for other in held))
    dataset.blocks = list(snapshot.blocks)
    is_left = bool(snapshot.blocks) and not snapshot.is_received
    dataset.residue = RESIDUE_SECTORS * pool.sector_bytes if is_left else 0
    return Reply()


def _pool(machine: Machine, dataset: Dataset) -> Pool:
    return machine.world.pool_of(dataset.name)
