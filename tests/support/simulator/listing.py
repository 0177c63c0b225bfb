"""Run zfs list, get, holds and version, and zpool get: they only read. Columns as with -H (zfs-list(8))."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from tests.support.simulator.columns import Entry, entries, getter, value_of
from tests.support.simulator.machine import Machine, Refused, Reply, parse_flags

ALL_TYPES = ("filesystem", "volume", "snapshot", "bookmark")


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
                value, source = value_of(machine, entry, property_name)
                if source in flags.get("s", [source]):
                    row = {"name": entry.name, "property": property_name, "value": value, "source": source}
                    lines.append("\t".join(row[field] for field in fields))
    return Reply(text(lines), text(errors), 1 if errors else 0)


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
