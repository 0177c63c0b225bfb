"""Parse the output of zfs and zpool. (lines) → model values. Pure and strict.

An unexpected line is an OutputError that quotes it. `-H` output is split on TAB only, since names may contain spaces.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from zfs_replicate.errors import OutputError
from zfs_replicate.model import Bookmark, Capabilities, Dataset, Kind, Snapshot
from zfs_replicate.zfs import names

LIST_COLUMNS = (
    "type",
    "name",
    "guid",
    "createtxg",
    "creation",
    "userrefs",
    "clones",
    "written",
    "encryption",
    "receive_resume_token",
)

KEY_COLUMNS = ("encryptionroot", "keystatus", "ivsetguid")
"""They follow, unless an older gate does not let them through. The last is not in the manual."""

ROOM_COLUMNS = ("available", "refquota")
"""They follow, of a target tree only: an older gate on a source would not let them through."""

_WIDTHS = tuple(
    len(LIST_COLUMNS) + count
    for count in (len(KEY_COLUMNS), len(KEY_COLUMNS) + len(ROOM_COLUMNS), 0, len(ROOM_COLUMNS))
)

MAX_ASHIFT = 16

PARTIAL_RECEIVE = "/%recv"
"""The hidden clone X/%recv is the saved state of a cut receive into X. It does not count as a clone: it is resumed or
cleared before anything is destroyed."""

PROBE_GREETING = "zfs_replicate probe"
"""First line of the probe's output; the shell's start-up files printed anything before it."""


@dataclass(slots=True)
class Listing:
    """A parsed `zfs list` of a tree: datasets as listed, how many holds each held snapshot has (by full name), and the
    resume tokens by dataset."""

    datasets: list[Dataset] = field(default_factory=list)
    held: dict[str, int] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _DatasetBuilder:
    name: str
    kind: Kind
    is_encrypted: bool
    written: int
    available: int | None
    keys: Sequence[str]
    snapshots: list[Snapshot] = field(default_factory=list)
    odd_snapshots: list[Snapshot] = field(default_factory=list)
    bookmarks: list[Bookmark] = field(default_factory=list)

    def build(self) -> Dataset:
        # createtxg orders the snapshots of one pool; zfs list sorts by name
        self.snapshots.sort(key=lambda snapshot: snapshot.createtxg)
        self.bookmarks.sort(key=lambda bookmark: bookmark.createtxg)
        if len({snapshot.name for snapshot in self.snapshots}) < len(self.snapshots):
            raise OutputError(f"{self.name} has two snapshots of the same name")
        root, status = self.keys[:2] or ("-", "-")
        return Dataset(
            self.name,
            self.kind,
            self.is_encrypted,
            self.written,
            tuple(self.snapshots),
            tuple(self.bookmarks),
            available=self.available,
            odd_snapshots=tuple(self.odd_snapshots),
            encryption_root=None if root in ("", "-") else root,
            is_key_loaded=status != "unavailable",
        )


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


def listing(lines: Iterable[str]) -> Listing:
    """Given lines of `zfs list -Hp` of LIST_COLUMNS and the like, return the tree; hold tags are not filled in.

    KEY_COLUMNS and ROOM_COLUMNS may be missing. A snapshot or bookmark may come before or after its dataset. A bookmark
    with an odd name is left out, a snapshot with one set apart (see Dataset). Raises: OutputError.
    """
    tree = Listing()
    builders: dict[str, _DatasetBuilder] = {}
    snapshots: dict[str, list[Snapshot]] = {}
    odd_snapshots: dict[str, list[Snapshot]] = {}
    bookmarks: dict[str, list[Bookmark]] = {}
    row, split = _Rows().split, _Splitter().split
    for line in lines:
        kind, name, guid, createtxg, creation, userrefs, clones, written, encryption, token, *more = row(line)
        keys, room = (more[:3], more[3:]) if len(more) >= len(KEY_COLUMNS) else ((), more)
        ivset_guid = number(keys[2], line) if keys and keys[2] != "-" else 0
        dataset, mark, short, is_odd = split(name, line)
        if kind == "snapshot" and mark == "@":
            numbers = _numbers((guid, createtxg, creation, "0" if written == "-" else written), line)
            (odd_snapshots if is_odd else snapshots).setdefault(dataset, []).append(
                _snapshot(short, numbers, clones, ivset_guid)
            )
            if not is_odd and userrefs != "0" and (count := number(userrefs, line)) > 0:
                tree.held[name] = count
        elif kind == "bookmark" and mark == "#":
            bookmark = Bookmark(short, number(guid, line), number(createtxg, line), number(creation, line), ivset_guid)
            bookmarks.setdefault(dataset, []).extend([] if is_odd else [bookmark])
        elif kind in ("filesystem", "volume") and not mark:
            builders[_unlisted(name, builders)] = _DatasetBuilder(
                name,
                Kind(kind),
                encryption not in ("off", "-"),
                0 if written == "-" else number(written, line),
                _available(room, line),
                keys,
            )
            if token not in ("", "-"):
                tree.tokens[name] = token
        else:
            raise OutputError(f"unexpected kind of dataset {kind!r} in: {line!r}")
    kinds = ((snapshots, "snapshots"), (odd_snapshots, "odd_snapshots"), (bookmarks, "bookmarks"))
    for parts, attribute in kinds:
        for name, values in parts.items():
            if name not in builders:
                raise OutputError(f"{attribute} of {name} are listed, but not {name} itself")
            getattr(builders[name], attribute).extend(values)
    tree.datasets = [builder.build() for builder in builders.values()]
    return tree


class _Rows:
    """Splits the lines of a listing. Only the name of a snapshot or bookmark can contain a tab.

    How many columns there are is known from the datasets, of which zfs lists the root first.
    """

    def __init__(self) -> None:
        self._width = _WIDTHS[0]

    def split(self, line: str) -> list[str]:
        fields = line.split("\t")
        if fields[0] not in ("snapshot", "bookmark"):
            self._width = len(columns(line, *_WIDTHS))
        elif len(fields) > self._width:
            end = len(fields) - self._width + 2
            fields[1:end] = ["\t".join(fields[1:end])]
        elif len(fields) not in _WIDTHS:
            return columns(line, *_WIDTHS)
        return fields


def _available(room: Sequence[str], line: str) -> int | None:
    """Given `available` and `refquota`, return the first; None with a refquota: it counts in, but stops no receive."""
    is_known = len(room) == 2 and room[0] != "-" and room[1] in ("0", "-")
    return number(room[0], line) if is_known else None


def _snapshot(name: str, identity: Sequence[int], clones: str, ivset_guid: int) -> Snapshot:
    """`identity`: guid, createtxg, creation, written; `clones`: `a/b,c/d` or `-`."""
    guid, createtxg, creation, written = identity
    if clones in ("", "-"):
        return Snapshot(name, guid, createtxg, creation, written, ivset_guid=ivset_guid)
    listed = clones.split(",")
    real = tuple(clone for clone in listed if not clone.endswith(PARTIAL_RECEIVE))
    return Snapshot(name, guid, createtxg, creation, written, (), real, len(real) < len(listed), ivset_guid)


def _numbers(texts: Sequence[str], line: str) -> list[int]:
    """Check all at once, for speed: a listing has hundreds of thousands."""
    joined = "".join(texts)
    if joined.isascii() and joined.isdigit() and all(texts):
        return list(map(int, texts))
    return [number(text, line) for text in texts]


def _unlisted(name: str, known: Mapping[str, object]) -> str:
    if name in known:
        raise OutputError(f"{name} is listed twice")
    return name


class _Splitter:
    """Splits names of a listing; checks a dataset's name only once for all its snapshots in a row."""

    def __init__(self) -> None:
        self._checked = ""

    def split(self, name: str, line: str) -> tuple[str, str, str, bool]:
        """`a/b@c` gives `a/b`, `@`, `c`; `a/b` gives `a/b`, ``, ``. The last value: `c` is a name that zfs refuses.

        Raises: OutputError if the dataset has such a name.
        """
        mark = "@" if "@" in name else "#" if "#" in name else ""
        dataset, _, short = name.partition(mark) if mark else (name, "", "")
        if dataset != self._checked:
            if names.dataset_problem(dataset) is not None:
                raise OutputError(f"not a name that ZFS allows, in: {line!r}")
            self._checked = dataset
        is_odd = bool(mark) and (not names.is_component(short) or len(name) > names.MAX_NAME_LENGTH)
        if is_odd and (not short or "@" in short or "#" in short):
            raise OutputError(f"not a name that ZFS allows, in: {line!r}")
        return dataset, mark, short, is_odd


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
