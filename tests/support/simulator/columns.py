"""Print the columns and properties of what a listing shows: a dataset, a snapshot or a bookmark (zfsprops(7))."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tests.support.simulator.machine import Machine, NotModelled
from tests.support.simulator.streams import token_of
from tests.support.simulator.world import EMPTY_LOGICAL_BYTES, Bookmark, Dataset, Snapshot


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a listing: a dataset, or a snapshot or bookmark of it."""

    name: str
    dataset: Dataset
    snapshot: Snapshot | None = None
    bookmark: Bookmark | None = None

    @property
    def kind(self) -> str:
        if self.snapshot:
            return "snapshot"
        return "bookmark" if self.bookmark else self.dataset.kind

    def order(self) -> tuple[str, bool, int, str]:
        """Sort by the name up to the @, then by createtxg: so `tank/d x` comes before `tank/d#a` (lab)."""
        return (
            self.name.partition("@")[0],
            self.snapshot is not None,
            self.snapshot.createtxg if self.snapshot else 0,
            self.name,
        )


def entries(dataset: Dataset, types: Sequence[str]) -> Iterable[Entry]:
    if dataset.kind in types:
        yield Entry(dataset.name, dataset)
    if "snapshot" in types:
        for snapshot in dataset.snapshots:
            yield Entry(f"{dataset.name}@{snapshot.name}", dataset, snapshot)
    if "bookmark" in types:
        for name, bookmark in dataset.bookmarks.items():
            yield Entry(f"{dataset.name}#{name}", dataset, bookmark=bookmark)


def getter(name: str) -> Callable[[Machine, Entry], str]:
    """Return the function for a native column; it gives `-` where the column does not apply."""
    if name not in _COLUMNS:
        raise NotModelled(f"column {name}")
    return _COLUMNS[name]


def _guid(_machine: Machine, entry: Entry) -> str:
    return str((entry.snapshot or entry.bookmark or entry.dataset).guid)


def _createtxg(_machine: Machine, entry: Entry) -> str:
    return str((entry.snapshot or entry.bookmark or entry.dataset).createtxg)


def _creation(_machine: Machine, entry: Entry) -> str:
    return str((entry.snapshot or entry.bookmark or entry.dataset).creation)


def _clones(machine: Machine, entry: Entry) -> str:
    pool = machine.pool(entry.name)
    return (",".join(pool.clones_of(entry.snapshot)) or "-") if entry.snapshot and pool else "-"


def _origin(machine: Machine, entry: Entry) -> str:
    pool, origin = machine.pool(entry.name), entry.dataset.origin
    if entry.snapshot or entry.bookmark or origin is None or pool is None:
        return "-"
    owner = next(dataset for dataset in pool.datasets.values() if origin in dataset.snapshots)
    return f"{owner.name}@{origin.name}"


def _written(_machine: Machine, entry: Entry) -> str:
    if entry.bookmark:
        return "-"
    if entry.dataset.is_unfinished and entry.dataset.saved:
        return str(sum(block.size for block in entry.dataset.saved.blocks) + 1024)
    return str(entry.dataset.written(entry.snapshot))


def _logical(_machine: Machine, entry: Entry) -> str:
    """Bytes before compression, which the simulator has not, with the metadata of an empty filesystem."""
    if entry.bookmark:
        return "-"
    blocks = entry.snapshot.blocks if entry.snapshot else entry.dataset.blocks
    return str(EMPTY_LOGICAL_BYTES + sum(block.size for block in blocks))


def _encryption(_machine: Machine, entry: Entry) -> str:
    if entry.bookmark:
        return "-"
    return "aes-256-gcm" if entry.dataset.key else "off"


def _encryption_root(machine: Machine, entry: Entry) -> str:
    """The nearest dataset above with a key of its own, or this one."""
    name = "" if entry.bookmark or not entry.dataset.key else entry.dataset.name
    while name and not machine.dataset(name).is_encryption_root:
        name = name.rpartition("/")[0]
    return name or "-"


def _key_status(_machine: Machine, entry: Entry) -> str:
    if entry.bookmark or not entry.dataset.key:
        return "-"
    return "available" if entry.dataset.is_key_loaded else "unavailable"


def _ivset_guid(_machine: Machine, entry: Entry) -> str:
    version = entry.snapshot or entry.bookmark
    return str(version.ivset_guid) if version and version.ivset_guid else "-"


def _token(_machine: Machine, entry: Entry) -> str:
    is_dataset = entry.snapshot is None and entry.bookmark is None
    return token_of(entry.dataset.saved) if is_dataset and entry.dataset.saved else "-"


def _available(machine: Machine, entry: Entry) -> str:
    """What the pool and all quotas above leave free (zfsprops(7))."""
    pool = machine.world.pool_of(entry.name)
    return str(pool.room(entry.dataset.name)) if entry.snapshot is None and entry.bookmark is None else "-"


def _used(machine: Machine, entry: Entry) -> str:
    """What a dataset and all below it occupy. That of a snapshot is not modelled."""
    if entry.snapshot is not None or entry.bookmark is not None:
        raise NotModelled("used of a snapshot")
    return str(sum(dataset.used() for dataset in machine.world.pool_of(entry.name).tree(entry.name)))


def _counter(noun: str) -> Callable[[Machine, Entry], str]:
    """Return the column for the number of snapshots or filesystems: `none` unless a limit applies (lab)."""

    def count(machine: Machine, entry: Entry) -> str:
        pool = machine.world.pool_of(entry.name)
        is_limited = bool(pool.limits(entry.name, f"{noun}_limit"))
        return str(pool.count(entry.name, noun)) if is_limited else "none"

    return count


_COLUMNS: dict[str, Callable[[Machine, Entry], str]] = {
    "name": lambda _machine, entry: entry.name,
    "type": lambda _machine, entry: entry.kind,
    "guid": _guid,
    "createtxg": _createtxg,
    "creation": _creation,
    "userrefs": lambda _machine, entry: str(len(entry.snapshot.holds)) if entry.snapshot else "-",
    "defer_destroy": lambda _machine, entry: ("on" if entry.snapshot.is_deferred else "off") if entry.snapshot else "-",
    "clones": _clones,
    "origin": _origin,
    "written": _written,
    "logicalreferenced": _logical,
    "mounted": lambda _machine, entry: "yes" if entry.dataset.is_mounted else "no",
    "encryption": _encryption,
    "encryptionroot": _encryption_root,
    "keystatus": _key_status,
    "ivsetguid": _ivset_guid,
    "receive_resume_token": _token,
    "available": _available,
    "used": _used,
    "refquota": lambda _machine, entry: "0" if entry.kind == "filesystem" else "-",
    "snapshot_count": _counter("snapshot"),
    "filesystem_count": _counter("filesystem"),
}

PROPERTIES = {"readonly": ("off", True), "canmount": ("on", False), "quota": ("0", False)}
PROPERTIES |= {"snapshot_limit": ("none", False), "filesystem_limit": ("none", False)}
"""Settable native properties: the default, and whether children inherit it."""


def setting(machine: Machine, dataset: Dataset, name: str) -> tuple[str, str]:
    """Given a settable property, return value and source: `local`, `default`, `inherited from X`, or `-`."""
    default, is_inherited = PROPERTIES.get(name, ("-", True))
    if name == "canmount" and dataset.kind == "volume":
        return "-", "-"
    at = dataset.name
    while at:
        owner = machine.find(at)
        if owner is not None and name in owner.properties:
            return owner.properties[name], "local" if at == dataset.name else f"inherited from {at}"
        at = at.rpartition("/")[0] if is_inherited else ""
    return default, "-" if default == "-" else "default"


def value_of(machine: Machine, entry: Entry, name: str) -> tuple[str, str]:
    """Return the value of a property, and its source; `-` for a native one that cannot be set."""
    if name in _COLUMNS:
        return getter(name)(machine, entry), "-"
    if name in PROPERTIES or ":" in name:
        return setting(machine, entry.dataset, name)
    raise NotModelled(f"property {name}")
