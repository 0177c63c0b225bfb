"""zfs hold, release and bookmark (zfs-hold(8), zfs-bookmark(8), facts 4 and 6)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.support.simulator.destruction import destroy_if_deferred
from tests.support.simulator.machine import Machine, Refused, Reply, parse_flags
from tests.support.simulator.world import Bookmark, Dataset, Snapshot


def zfs_hold(machine: Machine, arguments: Sequence[str]) -> Reply:
    """One attempt for each snapshot: a failure does not stop the others, but makes the status 1 (facts 4 and 10)."""

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
    """As hold. The last release of a snapshot that is marked by `destroy -d` destroys it (zfs-destroy(8), lab)."""

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
    """Do it to each named snapshot; with -r, also to those of the same name below. Given `act`'s complaint, go on."""
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
        found = [(dataset, snapshot) for dataset in trees if (snapshot := dataset.find(short))]
        if not found:
            errors.append(f"{refusal} '{name}': dataset does not exist")
        errors += filter(None, (act(dataset, snapshot) for dataset, snapshot in found))
    return Reply(stderr="".join(f"{error}\n" for error in errors), status=1 if errors else 0)


def zfs_bookmark(machine: Machine, arguments: Sequence[str]) -> Reply:
    """`zfs bookmark DS@S DS#B`: guid, createtxg and creation are copied; never replaces one (facts 6)."""
    source, target = arguments
    owner, mark, short = source.partition("@" if "@" in source else "#")
    target_owner, _, name = target.partition("#")
    dataset = machine.find(owner)
    found: Snapshot | Bookmark | None = None
    if dataset is not None:
        found = dataset.find(short) if mark == "@" else dataset.bookmarks.get(short)
    if dataset is None or found is None:
        raise Refused(f"cannot open '{source}': dataset does not exist\nusage:\n\tbookmark <snapshot> <newbookmark>", 2)
    if target_owner != owner:
        raise Refused(f"cannot create bookmark '{target}': dataset does not exist")
    machine.require(owner, f"cannot create bookmark '{target}'", "bookmark")
    if name in dataset.bookmarks:
        raise Refused(f"cannot create bookmark '{target}': bookmark exists")
    dataset.bookmarks[name] = Bookmark(found.guid, found.createtxg, found.creation)
    return Reply()
