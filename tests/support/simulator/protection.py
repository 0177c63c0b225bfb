"""Run zfs hold, release and bookmark (zfs-hold(8), zfs-bookmark(8), facts 4 and 6)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.support.simulator.destruction import destroy_if_deferred
from tests.support.simulator.machine import Machine, Refused, Reply, parse_flags
from tests.support.simulator.world import Bookmark, Dataset, Snapshot


def zfs_hold(machine: Machine, arguments: Sequence[str]) -> Reply:
    """Hold each snapshot: a failure does not stop the others, but the status is 1 (facts 4 and 10)."""

    def hold(dataset: Dataset, snapshot: Snapshot) -> str:
        if not machine.may(dataset.name, "hold"):
            return "cannot hold: permission denied"
        if tag in snapshot.holds:
            name = f"{dataset.name}@{snapshot.name}"
            return f"cannot hold snapshot '{name}': tag already exists on this dataset"
        snapshot.holds[tag] = machine.world.now
        return ""

    flags, (tag, *names) = parse_flags(arguments, "r")
    if tag.startswith("."):
        raise Refused("tag may not start with '.'\nusage:\n\thold [-r] <tag> <snapshot> ...", 2)
    return _for_each(machine, names, "cannot hold snapshot", hold, "r" in flags)


def zfs_release(machine: Machine, arguments: Sequence[str]) -> Reply:
    """Release as `zfs_hold` holds. The last release of a snapshot marked by `destroy -d` destroys it (lab)."""

    def release(dataset: Dataset, snapshot: Snapshot) -> str:
        if tag not in snapshot.holds:
            name = f"{dataset.name}@{snapshot.name}"
            return f"cannot release hold from snapshot '{name}': no such tag on this dataset"
        if not machine.may(dataset.name, "release"):
            return "cannot release: permission denied"
        del snapshot.holds[tag]
        destroy_if_deferred(machine, dataset, snapshot)
        return ""

    flags, (tag, *names) = parse_flags(arguments, "r")
    return _for_each(machine, names, "cannot release hold from snapshot", release, "r" in flags)


def _for_each(
    machine: Machine, names: Sequence[str], refusal: str, act: Callable[[Dataset, Snapshot], str], is_recursive: bool
) -> Reply:
    """Apply `act` to each named snapshot, with -r also to those of the same name below. Continue after its errors."""
    errors: list[str] = []
    for name in names:
        dataset_name, at, short = name.partition("@")
        pool = machine.pool(name)
        if not at:
            return Reply(stderr=f"'{name}' is not a snapshot\n", status=1)
        if pool is None or dataset_name not in pool.datasets:
            errors.append(f"cannot open '{dataset_name}': dataset does not exist")
            continue
        trees = pool.tree(dataset_name) if is_recursive else [pool.datasets[dataset_name]]
        matches = [(dataset, snapshot) for dataset in trees if (snapshot := dataset.find(short))]
        if not matches:
            errors.append(f"{refusal} '{name}': dataset does not exist")
        errors += filter(None, (act(dataset, snapshot) for dataset, snapshot in matches))
    return Reply(stderr="".join(f"{error}\n" for error in errors), status=1 if errors else 0)


def zfs_bookmark(machine: Machine, arguments: Sequence[str]) -> Reply:
    """`zfs bookmark DS@S DS#B`: guid, createtxg and creation are copied; never replaces one (facts 6)."""
    source, target = arguments
    owner, mark, short = source.partition("@" if "@" in source else "#")
    target_owner, _, name = target.partition("#")
    dataset = machine.find(owner)
    origin: Snapshot | Bookmark | None = None
    if dataset is not None:
        origin = dataset.find(short) if mark == "@" else dataset.bookmarks.get(short)
    if dataset is None or origin is None:
        raise Refused(f"cannot open '{source}': dataset does not exist\nusage:\n\tbookmark <snapshot> <newbookmark>", 2)
    if target_owner != owner:
        raise Refused(f"cannot create bookmark '{target}': dataset does not exist")
    machine.require(owner, f"cannot create bookmark '{target}'", "bookmark")
    if name in dataset.bookmarks:
        raise Refused(f"cannot create bookmark '{target}': bookmark exists")
    dataset.bookmarks[name] = Bookmark(origin.guid, origin.createtxg, origin.creation, origin.ivset_guid)
    return Reply()
