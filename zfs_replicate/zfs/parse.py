"""Parse the output of zfs and zpool. (lines) → model values. Pure and strict.

An unexpected line is an OutputError that quotes it. `-H` output is split on TAB only, since names may contain spaces.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from zfs_replicate.errors import OutputError
from zfs_replicate.model import Bookmark, Capabilities

MAX_ASHIFT = 16

PROBE_GREETING = "zfs_replicate probe"
"""First line of the probe's output; the shell's start-up files printed anything before it."""


def columns(line: str, *counts: int) -> list[str]:
    """Given a line of `-H` output, return its columns. Raises: OutputError unless it has one of these counts."""
    fields = line.rstrip("\n").split("\t")
    if len(fields) not in counts:
        raise OutputError(f"expected {counts[0]} columns separated by tabs, got {len(fields)}: {line!r}")
    return fields


def number(text: str, line: str) -> int:
    """Given a column and its line, return the number. Raises: OutputError unless it is digits only."""
    if not (text.isascii() and text.isdigit()):
        raise OutputError(f"expected a number, got {text!r} in: {line!r}")
    return int(text)


def holds(stdout: bytes, counts: Mapping[str, int]) -> dict[str, tuple[str, ...]] | None:
    """Given what `zfs holds -H` printed, and the number of holds of each snapshot by its full name, return the tags.

    None where the two disagree. A tag can contain tabs and line breaks: a line that does not begin with one of the
    snapshots continues the one before. Bytes that are not UTF-8 are written as `\\xe9`. Raises: OutputError.
    """
    entries: list[list[str]] = []
    for line in stdout.decode(errors="backslashreplace").removesuffix("\n").split("\n") if stdout else ():
        name, tab, _rest = line.partition("\t")
        if tab and name in counts:
            entries.append([line])
        elif entries:
            entries[-1].append(line)
        else:
            raise OutputError(f"expected a snapshot, its tag and a date, got: {line!r}")
    tags: dict[str, tuple[str, ...]] = {}
    for lines in entries:
        name, _tab, rest = "\n".join(lines).partition("\t")
        tag, _tab, since = rest.rpartition("\t")
        if not tag or "\n" in since:
            return None
        tags[name] = (*tags.get(name, ()), tag)
    return tags if all(len(tags.get(name, ())) == count for name, count in counts.items()) else None


def guids(lines: Iterable[str]) -> dict[str, int]:
    """Given lines of `zfs list -Hp -o name,guid`, return each guid by full name."""
    pairs = ((line, columns(line, 2)) for line in lines)
    return {name: number(guid, line) for line, (name, guid) in pairs}


def held_snapshots(lines: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Given lines of `zfs list -Hp -o name,guid,userrefs`, return guid and number of holds of each held snapshot."""
    rows = ((line, columns(line, 3)) for line in lines)
    return {name: (number(guid, line), number(count, line)) for line, (name, guid, count) in rows if count != "0"}


def contents(lines: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Given lines of `zfs list -Hp -o name,logicalreferenced,written`, return both numbers by name."""
    rows = ((line, columns(line, 3)) for line in lines)
    return {name: (number(logical, line), number(written, line)) for line, (name, logical, written) in rows}


def encrypted(lines: Iterable[str]) -> dict[str, bool]:
    """Given lines of `zfs list -Hp -o name,encryption`, return whether each dataset is encrypted, by name, in order."""
    return {name: value not in ("off", "-") for name, value in (columns(line, 2) for line in lines)}


def mounted(lines: Iterable[str]) -> frozenset[str]:
    """Given lines of `zfs list -Hp -o name,mounted`, return the names of what is mounted."""
    return frozenset(name for name, value in (columns(line, 2) for line in lines) if value == "yes")


def bookmarks(lines: Iterable[str]) -> dict[str, tuple[Bookmark, ...]]:
    """Given lines of `zfs list -Hp -t bookmark -o name,guid,createtxg,creation`, return the bookmarks by dataset.

    Oldest first. Raises: OutputError.
    """
    marks: dict[str, list[Bookmark]] = {}
    for line in lines:
        name, *numbers = columns(line, 4)
        dataset, _, short = name.partition("#")
        marks.setdefault(dataset, []).append(Bookmark(short, *(number(text, line) for text in numbers)))
    return {name: tuple(sorted(entries, key=lambda entry: entry.createtxg)) for name, entries in marks.items()}


def sector_bytes(lines: Iterable[str]) -> int | None:
    """Given lines of `zpool get -Hp -o name,value ashift POOL all-vdevs`, return the largest sectors; None: no vdev.

    A dRAID writes to all disks of a group at least: `draid1:4d:6c:1s-0` with ashift 12 counts as 16 KiB.
    """
    sizes = []
    for line in lines:
        name, value = columns(line, 2)
        ashift = number(value, line) if value.isdigit() else 0
        data_disks = re.match(r"draid[1-3]?:([0-9]+)d", name)
        if 0 < ashift <= MAX_ASHIFT:
            sizes.append((int(data_disks[1]) if data_disks else 1) << ashift)
    return max(sizes, default=None)


def origins(lines: Iterable[str]) -> dict[str, str]:
    """Given lines of `zfs list -Hp -o name,origin`, return the origins of clones by name."""
    rows = (columns(line, 2) for line in lines)
    return {name: origin for name, origin in rows if origin not in ("", "-")}


def properties(lines: Iterable[str]) -> dict[str, dict[str, str]]:
    """Given lines of `zfs get -Hp -o name,property,value`, return the values by property, by dataset."""
    values: dict[str, dict[str, str]] = {}
    for line in lines:
        name, key, value = columns(line, 3)
        values.setdefault(name, {})[key] = value
    return values


def first_column(lines: Iterable[str], count: int) -> tuple[str, ...]:
    """Given lines of `count` columns, return the first of each, in order."""
    return tuple(columns(line, count)[0] for line in lines)


def capabilities(lines: Iterable[str], pool: str) -> Capabilities:
    """Given the probe's lines after the greeting, return what that host and pool support.

    Each is `program NAME`, `clock SECONDS`, `zfs-version TEXT` or a line of `zpool get -Hp`, with one TAB. A system
    whose `date` knows no `+%s` prints another text for the clock, or none. User properties of the pool come between
    the native ones and the features, and their values can contain anything, also line breaks; so any other line is left
    out, and of several for one property the first counts, of several for a feature the last. Raises: OutputError.
    """
    programs: set[str] = set()
    facts: dict[str, str] = {}
    properties: dict[str, str] = {}
    features: dict[str, str] = {}
    for line in lines:
        key, tab, value = line.partition("\t")
        if key == "program" and not properties:
            programs.add(value)
        elif key in ("zfs-version", "clock") and not properties:
            facts[key] = value
        elif key.startswith("feature@"):
            features[key.removeprefix("feature@")] = value
        elif tab:
            properties.setdefault(key, value)
    clock = facts.get("clock", "")
    return Capabilities(
        zfs_version=facts.get("zfs-version", "unknown"),
        programs=frozenset(programs),
        pool_guid=_property(properties, "guid", pool),
        features=features,
        clock=int(clock) if clock.isascii() and clock.isdigit() else None,
        is_read_only=properties.get("readonly") == "on",
    )


def _property(properties: Mapping[str, str], name: str, pool: str) -> int:
    if name not in properties:
        raise OutputError(f"zpool get printed no {name} of pool {pool}")
    return number(properties[name], f"{name}\t{properties[name]}")
