"""Run zfs list, get, holds and version, and zpool get: they only read. Columns as with -H (zfs-list(8))."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tests.support.simulator.machine import Machine, NotModelled, Refused, Reply, parse_flags
from tests.support.simulator.streams import token_of
from tests.support.simulator.world import EMPTY_LOGICAL_BYTES, Bookmark, Dataset, Snapshot

ALL_TYPES = ("filesystem", "volume", "snapshot", "bookmark")


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


def zfs_list(machine: Machine, arguments: Sequence[str]) -> Reply:
    """`zfs list -H -p [-r] [-d 1] [-t TYPES] -o COLUMNS [-s createtxg] NAME…`.

    Each missing name gives a line on stderr and status 1; the others are still listed (facts 1).
    """
    flags, names = parse_flags(arguments, "Hpr", "dtos")
    types = _types(flags.get("t", ["filesystem,volume"])[-1])
    columns = flags.get("o", ["name"])[-1].split(",")
    is_snapshot_only = tuple(types) in (("snapshot",), ("bookmark",))
    listed: list[Entry] = []
    errors: list[str] = []
    for name in names:
        try:
            if "r" in flags or "d" in flags or is_snapshot_only:
                depth = None if "r" in flags else 1
                listed += _below(machine, name, types, depth if "d" not in flags else int(flags["d"][-1]))
            else:
                listed.append(_entry(machine, name))
        except Refused as refused:
            errors.append(refused.message)
    listed.sort(key=Entry.order)
    if flags.get("s") == ["createtxg"]:
        listed.sort(key=lambda entry: entry.snapshot.createtxg if entry.snapshot else entry.dataset.createtxg)
    getters = [getter(name) for name in columns]
    lines = ["\t".join([get(machine, entry) for get in getters]) for entry in listed]
    return Reply(text(lines), text(errors), 1 if errors else 0)


def _types(text: str) -> Sequence[str]:
    return ALL_TYPES if text == "all" else text.split(",")


def _below(machine: Machine, name: str, types: Sequence[str], depth: int | None) -> Iterable[Entry]:
    """Entries for one name: itself if it is a snapshot or bookmark, else its tree down to `depth`."""
    if "@" in name or "#" in name:
        return [_entry(machine, name)]
    root = machine.dataset(name)
    pool = machine.pool(name)
    if depth == 1:  # only its own snapshots and bookmarks; children are not modelled
        return list(entries(root, types))
    return [entry for dataset in (pool.tree(name) if pool else ()) for entry in entries(dataset, types)]


def _entry(machine: Machine, name: str) -> Entry:
    if "@" in name:
        dataset, snapshot = machine.snapshot(name)
        return Entry(name, dataset, snapshot)
    if "#" in name:
        owner, _, short = name.partition("#")
        parent = machine.find(owner)
        if parent is None or short not in parent.bookmarks:
            raise Refused(f"cannot open '{name}': no such pool or dataset")
        return Entry(name, parent, bookmark=parent.bookmarks[short])
    return Entry(name, machine.dataset(name))


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


# --- zfs get ---

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


def zfs_get(machine: Machine, arguments: Sequence[str]) -> Reply:
    """`zfs get -Hp [-r] [-t TYPES] [-s local] -o FIELDS PROPERTY,… NAME…`."""
    flags, (properties, *names) = parse_flags(arguments, "Hpr", "tso")
    fields = flags.get("o", ["name,property,value,source"])[-1].split(",")
    types = _types(flags.get("t", ["all" if "r" in flags else "filesystem,volume,snapshot"])[-1])
    lines: list[str] = []
    errors: list[str] = []
    for name in names:
        try:
            listed = _below(machine, name, types, None) if "r" in flags else [_entry(machine, name)]
        except Refused as refused:
            errors.append(refused.message)
            continue
        for entry in sorted(listed, key=Entry.order):
            for property_name in properties.split(","):
                value, source = _get(machine, entry, property_name)
                if source in flags.get("s", [source]):
                    row = {"name": entry.name, "property": property_name, "value": value, "source": source}
                    lines.append("\t".join(row[field] for field in fields))
    return Reply(text(lines), text(errors), 1 if errors else 0)


def _get(machine: Machine, entry: Entry, name: str) -> tuple[str, str]:
    if name in _COLUMNS:
        return getter(name)(machine, entry), "-"
    if name in PROPERTIES or ":" in name:
        return setting(machine, entry.dataset, name)
    raise NotModelled(f"property {name}")


# --- the rest ---


def zfs_holds(machine: Machine, arguments: Sequence[str]) -> Reply:
    """`zfs holds -H SNAPSHOT…`: name, tag, time; a missing snapshot does not stop the others (facts 4)."""
    _flags, names = parse_flags(arguments, "H")
    lines: list[str] = []
    errors: list[str] = []
    for name in names:
        try:
            _dataset, snapshot = machine.snapshot(name)
        except Refused as refused:
            errors.append(refused.message)
            continue
        for tag, since in snapshot.holds.items():
            lines.append(f"{name}\t{tag}\t{time.strftime('%a %b %e %H:%M %Y', time.gmtime(since))}")
    if len(errors) == len(names):
        errors.append("no datasets available")
    return Reply(text(lines), text(errors), 1 if errors else 0)


def zfs_version(machine: Machine) -> Reply:
    return Reply(f"{machine.world.version}\n{machine.world.version.replace('zfs-', 'zfs-kmod-')}\n")


def zpool_get(machine: Machine, arguments: Sequence[str]) -> Reply:
    """`zpool get -Hp -o property,value all POOL`."""
    _flags, (requested, name) = parse_flags(arguments, "Hp", "o")
    pool = machine.pool(name) if "/" not in name else None
    if pool is None:
        return Reply(stderr=f"Cannot get properties of {name}: no such pool available.\n", status=1)
    values = {"size": str(pool.capacity), "altroot": "-", "health": "ONLINE", "guid": str(pool.guid), "version": "-"}
    values["free"] = str(pool.free())
    values |= {f"feature@{feature}": state for feature, state in pool.features.items()}
    return Reply(text(f"{key}\t{value}" for key, value in values.items() if requested in ("all", key)))


def vdev_sectors(machine: Machine, name: str) -> Reply:
    """`zpool get -Hp -o name,value ashift POOL all-vdevs`, of a pool with one disk."""
    pool = machine.pool(name)
    if pool is None:
        return Reply(stderr=f"Cannot get properties of {name}: no such pool available.\n", status=1)
    return Reply(text(("root-0\t0", f"/dev/sda\t{pool.sector_bytes.bit_length() - 1}")))


def text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
