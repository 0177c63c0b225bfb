"""Check names of datasets, snapshots and tags, and compare paths of datasets. Pure.

Sources: zfs(8) "Dataset, Snapshot and Bookmark names", zfs-hold(8); limits from module/zcommon/zfs_namecheck.c.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

MAX_NAME_LENGTH = 255
"""Bytes of a full name, including @snapshot."""

BESIDE_SUFFIX = ".zfs_replicate"

MAX_DEPTH = 49
"""Components of a dataset name; OpenZFS refuses 50."""

_COMPONENT = re.compile(r"[A-Za-z0-9_.: -]+")
_POOL = re.compile(r"[A-Za-z][A-Za-z0-9_.: -]*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_:.-]*")


def dataset_problem(name: str) -> str | None:
    """Given a dataset name, return why ZFS would refuse it, or None."""
    if "@" in name or "#" in name:
        return "is the name of a snapshot or bookmark; leave out the @ or # and what follows"
    components = name.split("/")
    if not all(components):
        return "has an empty component; write it without leading, trailing or double slashes"
    if not _POOL.fullmatch(components[0]):
        return "does not begin with a pool name (a letter, then letters, digits and _ - . : or space)"
    for component in components:
        if not _COMPONENT.fullmatch(component) or component in (".", ".."):
            return f"has a component that ZFS does not allow: {component!r}"
    if len(name) > MAX_NAME_LENGTH:
        return f"is {len(name)} bytes long; ZFS allows at most {MAX_NAME_LENGTH}"
    if len(components) > MAX_DEPTH:
        return f"is {len(components)} levels deep; ZFS allows at most {MAX_DEPTH}"
    return None


def is_component(text: str) -> bool:
    """Whether the text is valid after the @ of a snapshot or the # of a bookmark."""
    return _COMPONENT.fullmatch(text) is not None


def tag_problem(tag: str, longest_suffix: str) -> str | None:
    """Given a hold tag and the longest suffix that we append to it, return what is wrong with it, or None."""
    if not _TAG.fullmatch(tag):
        return "must be letters, digits and _ : . -, and must not begin with a dot or a dash"
    if len(tag) + len(longest_suffix) > MAX_NAME_LENGTH:
        return f"is {len(tag)} bytes long; the maximum is {MAX_NAME_LENGTH - len(longest_suffix)}"
    return None


def bookmark_prefix(tag: str) -> str:
    """Given a tag, return the prefix of its bookmarks' names; the snapshot's name follows.

    Each _ of the tag is doubled and the prefix ends with one _, so a bookmark of `a_b` never looks like one of `a`.
    """
    return f"zfs_replicate_{tag.replace('_', '__')}_"


def is_bookmark_of(tag: str, name: str) -> bool:
    """Whether a bookmark name (the part after the #) belongs to the mirror with this tag."""
    prefix = bookmark_prefix(tag)
    return name.startswith(prefix) and not name.startswith("_", len(prefix))


def pool_of(dataset: str) -> str:
    """`a/b/c` gives `a`."""
    return dataset.split("/", 1)[0]


def dataset_of(name: str) -> str:
    """`a/b@x` and `a/b#x` give `a/b`."""
    return name.partition("@")[0].partition("#")[0]


def ancestors(dataset: str) -> tuple[str, ...]:
    """Return the ancestors of a dataset, topmost first: `a/b/c` gives `a`, `a/b`."""
    components = dataset.split("/")
    return tuple("/".join(components[:count]) for count in range(1, len(components)))


def is_within(dataset: str, root: str) -> bool:
    """Whether a dataset is the root or below it: `tank/data2` is not within `tank/data`."""
    return dataset == root or dataset.startswith(root + "/")


def beside(dataset: str) -> str:
    """Return where the copy is received that takes the place of a placeholder: `a/b` gives `a/b.zfs_replicate`."""
    return dataset + BESIDE_SUFFIX


def is_beside(path: str) -> bool:
    """Whether a dataset, or one above it, is a copy beside its place: so is `a/b.zfs_replicate/c`."""
    return in_place(path) != path


def in_place(path: str) -> str:
    """Return the name that it will have: `a/b.zfs_replicate/c` gives `a/b/c`."""
    return "/".join(part.removesuffix(BESIDE_SUFFIX) for part in path.split("/"))


def below(dataset: str, root: str) -> str:
    """Return the path of a dataset below its root, without a leading slash; empty for the root itself."""
    return dataset[len(root) + 1 :]


def is_excluded(path: str, patterns: tuple[str, ...]) -> bool:
    """Given a path below the root, return whether a pattern matches it or one of its ancestors.

    A pattern matches component by component, so `*` stays within one level:
    `vm/*` excludes `vm/a` and `vm/a/disk`, but not `vm`; `*/swap` excludes `a/swap`, not `swap`.
    """
    components = path.split("/") if path else []
    for pattern in patterns:
        parts = pattern.strip("/").split("/")
        if len(parts) <= len(components) and all(map(fnmatchcase, components, parts)):
            return True
    return False


def overlaps(one: str, other: str) -> bool:
    """Whether one of two datasets is within the other."""
    return is_within(one, other) or is_within(other, one)
