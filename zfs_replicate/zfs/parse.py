"""zfs output in, model values out. Strict: a line that is not as expected is an error that quotes it.

Nothing here runs a command. `-H` output is split on TAB only, since names may contain spaces.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from zfs_replicate.errors import OutputError
from zfs_replicate.model import Bookmark, Capabilities, Dataset, Kind, Snapshot, TokenContents
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

PARTIAL_RECEIVE = "/%recv"
"""The hidden clone X/%recv is nobody's: it is the saved state of a cut receive into X, and is continued or cleared
before anything is destroyed."""

PROBE_GREETING = "zfs_replicate probe"
"""First line of the probe's output; anything before it was printed by the shell's start-up files."""


@dataclass(slots=True)
class Listing:
    """What one `zfs list` of a whole tree said: datasets in its order, held snapshots, tokens by dataset."""

    datasets: list[Dataset] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Collected:
    name: str
    kind: Kind
    is_encrypted: bool
    written: int
    snapshots: list[Snapshot] = field(default_factory=list)
    bookmarks: list[Bookmark] = field(default_factory=list)

    def dataset(self) -> Dataset:
        # createtxg is the order of one pool; zfs sorts by name here
        self.snapshots.sort(key=lambda snapshot: snapshot.createtxg)
        self.bookmarks.sort(key=lambda bookmark: bookmark.createtxg)
        if len({snapshot.name for snapshot in self.snapshots}) < len(self.snapshots):
            raise OutputError(f"{self.name} has two snapshots of the same name")
        return Dataset(
            self.name, self.kind, self.is_encrypted, self.written, tuple(self.snapshots), tuple(self.bookmarks)
        )


def columns(line: str, count: int) -> list[str]:
    """Given a line of `-H` output, return its columns; raise OutputError unless there are `count`."""
    found = line.rstrip("\n").split("\t")
    if len(found) != count:
        raise OutputError(f"expected {count} columns separated by tabs, got {len(found)}: {line!r}")
    return found


def number(text: str, line: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise OutputError(f"expected a number, got {text!r} in: {line!r}")
    return int(text)


def listing(lines: Iterable[str]) -> Listing:
    """Given lines of `zfs list -Hp -o LIST_COLUMNS` of all types, return the tree; holds are not yet filled in.

    A snapshot or bookmark may stand before or after its dataset.
    """
    found = Listing()
    collected: dict[str, _Collected] = {}
    snapshots: dict[str, list[Snapshot]] = {}
    bookmarks: dict[str, list[Bookmark]] = {}
    split = _Splitter().split
    for line in lines:
        kind, name, guid, createtxg, creation, userrefs, clones, written, encryption, token = columns(
            line, len(LIST_COLUMNS)
        )
        dataset, mark, short = split(name, line)
        if kind == "snapshot" and mark == "@":
            numbers = _numbers((guid, createtxg, creation, written), line)
            snapshots.setdefault(dataset, []).append(_snapshot(short, numbers, clones))
            if userrefs != "0" and number(userrefs, line) > 0:
                found.held.append(name)
        elif kind == "bookmark" and mark == "#":
            bookmarks.setdefault(dataset, []).append(
                Bookmark(short, number(guid, line), number(createtxg, line), number(creation, line))
            )
        elif kind in ("filesystem", "volume") and not mark:
            collected[_new(name, collected)] = _Collected(
                name, Kind(kind), encryption not in ("off", "-"), 0 if written == "-" else number(written, line)
            )
            if token not in ("", "-"):
                found.tokens[name] = token
        else:
            raise OutputError(f"unexpected kind of dataset {kind!r} in: {line!r}")
    for parts, attribute in ((snapshots, "snapshots"), (bookmarks, "bookmarks")):
        for name, values in parts.items():
            if name not in collected:
                raise OutputError(f"{attribute} of {name} are listed, but not {name} itself")
            getattr(collected[name], attribute).extend(values)
    found.datasets = [entry.dataset() for entry in collected.values()]
    return found


def _snapshot(name: str, identity: Sequence[int], clones: str) -> Snapshot:
    """`identity`: guid, createtxg, creation, written; `clones`: `a/b,c/d` or `-`."""
    guid, createtxg, creation, written = identity
    if clones in ("", "-"):
        return Snapshot(name, guid, createtxg, creation, written)
    found = clones.split(",")
    real = tuple(clone for clone in found if not clone.endswith(PARTIAL_RECEIVE))
    return Snapshot(name, guid, createtxg, creation, written, (), real, len(real) < len(found))


def _numbers(texts: Sequence[str], line: str) -> list[int]:
    """All of them in one look: a listing has hundreds of thousands."""
    joined = "".join(texts)
    if joined.isascii() and joined.isdigit() and all(texts):
        return list(map(int, texts))
    return [number(text, line) for text in texts]


def _new(name: str, known: Mapping[str, object]) -> str:
    if name in known:
        raise OutputError(f"{name} is listed twice")
    return name


class _Splitter:
    """Splits names of a listing; the name of a dataset is checked once for all its snapshots in a row."""

    def __init__(self) -> None:
        self._checked = ""

    def split(self, name: str, line: str) -> tuple[str, str, str]:
        """`a/b@c` gives `a/b`, `@`, `c`; `a/b` gives `a/b`, empty, empty. Names that ZFS cannot have are refused."""
        mark = "@" if "@" in name else "#" if "#" in name else ""
        dataset, _, short = name.partition(mark) if mark else (name, "", "")
        if dataset != self._checked:
            if names.dataset_problem(dataset) is not None:
                raise OutputError(f"not a name that ZFS allows, in: {line!r}")
            self._checked = dataset
        if (mark and not names.is_component(short)) or len(name) > names.MAX_NAME_LENGTH:
            raise OutputError(f"not a name that ZFS allows, in: {line!r}")
        return dataset, mark, short


def holds(lines: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Given lines of `zfs holds -H`, return the tags of each snapshot by its full name, in the order printed."""
    tags: dict[str, tuple[str, ...]] = {}
    for line in lines:
        snapshot, tag, _since = columns(line, 3)
        tags[snapshot] = (*tags.get(snapshot, ()), tag)
    return tags


def guids(lines: Iterable[str]) -> dict[str, int]:
    """Given lines of `zfs list -Hp -o name,guid`, return the guid by full name."""
    pairs = ((line, columns(line, 2)) for line in lines)
    return {name: number(guid, line) for line, (name, guid) in pairs}


def first_column(lines: Iterable[str], count: int) -> tuple[str, ...]:
    return tuple(columns(line, count)[0] for line in lines)


def token_contents(text: str) -> TokenContents | None:
    """Given what `zfs send -nvt TOKEN` printed on stdout, return what the token says; None if it is damaged.

    The numbers are hexadecimal here, decimal in lists. The text comes before any look-up, so every host can decode.
    """
    values = dict(re.findall(r"^\s*(\w+) = (.+?)\s*$", text, re.MULTILINE))
    numbers = {key: values.get(key, "0x0") for key in ("toguid", "fromguid")}
    if "toname" not in values or not all(re.fullmatch(r"0x[0-9a-f]+", number) for number in numbers.values()):
        return None
    to_guid, from_guid = (int(number, 16) for number in numbers.values())
    if not to_guid:
        return None
    return TokenContents(
        to_name=values["toname"],
        to_guid=to_guid,
        from_guid=from_guid or None,
        is_raw="rawok" in values,
    )


def capabilities(lines: Iterable[str], pool: str) -> Capabilities:
    """Given the probe's lines after the greeting, return what the side can do.

    Each is `program NAME`, `zfs-version TEXT` or a line of `zpool get -Hp`, with one TAB.
    """
    programs: set[str] = set()
    version = "unknown"
    properties: dict[str, str] = {}
    for line in lines:
        key, value = columns(line, 2)
        if key == "program":
            programs.add(value)
        elif key == "zfs-version":
            version = value
        else:
            properties[key] = value
    return Capabilities(
        zfs_version=version,
        programs=frozenset(programs),
        pool_guid=_property(properties, "guid", pool),
        features={
            key.removeprefix("feature@"): value for key, value in properties.items() if key.startswith("feature@")
        },
    )


def _property(properties: Mapping[str, str], name: str, pool: str) -> int:
    if name not in properties:
        raise OutputError(f"zpool get printed no {name} of pool {pool}")
    return number(properties[name], f"{name}\t{properties[name]}")
