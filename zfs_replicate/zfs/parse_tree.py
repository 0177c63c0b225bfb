"""Parse `zfs list` of a whole tree. (lines) → Listing. Pure and strict: what is malformed raises an OutputError."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from zfs_replicate.errors import OutputError
from zfs_replicate.model import Bookmark, Dataset, Kind, Snapshot
from zfs_replicate.zfs import names
from zfs_replicate.zfs.parse import columns, number

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

PARTIAL_RECEIVE = "/%recv"
"""The hidden clone X/%recv is the saved state of a cut receive into X. It does not count as a clone: it is resumed or
cleared before anything is destroyed."""


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
    parts: dict[str, Mapping[str, Sequence[object]]] = {
        "snapshots": snapshots,
        "odd_snapshots": odd_snapshots,
        "bookmarks": bookmarks,
    }
    tree.datasets = _assembled(builders, parts)
    return tree


def _assembled(
    builders: Mapping[str, _DatasetBuilder], parts: Mapping[str, Mapping[str, Sequence[object]]]
) -> list[Dataset]:
    """Return the datasets with their parts, given by kind and dataset. Raises: OutputError for one without dataset."""
    for kind, values_by_name in parts.items():
        for name, values in values_by_name.items():
            if name not in builders:
                raise OutputError(f"{kind} of {name} are listed, but not {name} itself")
            getattr(builders[name], kind).extend(values)
    return [builder.build() for builder in builders.values()]


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
