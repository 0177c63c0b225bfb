"""Read what the root of a target lies in, and what is beside it. read_above(Host, root) → Above. Changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import dropwhile

from zfs_replicate.hosts.base import Host, run
from zfs_replicate.run.reading import absent_names, parse_errors_of
from zfs_replicate.zfs import names, parse, queries


@dataclass(frozen=True, slots=True)
class Above:
    """The first three: as in an Inventory. `has_beside`: there is a dataset where the root's copy may be received.

    `moved`: where the root is if a copy of one above it did not get to its place (see places.py); empty if it is not.
    """

    missing_ancestors: tuple[str, ...] = ()
    is_in_encrypted: bool = False
    is_parent_plain: bool = False
    has_beside: bool = False
    moved: str = ""


def read_above(host: Host, root: str) -> Above:
    """Given a target's root, return what it lies in. Two commands at most.

    Below `off/vault` (encrypted), `off/vault/a` (not encrypted, marked) the root lies in encryption.
    """
    ancestors = names.ancestors(root)
    if not ancestors:
        return Above()
    beside = [names.beside(above) + root[len(above) :] for above in (root, *ancestors[1:])]
    text, ended = run(host, queries.list_existing((*ancestors, *beside)))
    absent = absent_names(host, ended, ancestors[-1])
    with parse_errors_of(host, root, "zfs list"):
        listed = parse.encrypted(text.splitlines())
    existing = {name: listed[name] for name in ancestors if name in listed}
    missing = tuple(name for name in ancestors if name in absent)
    nearest_first = [*reversed(existing)]
    is_plain = any(existing.values()) and not existing[nearest_first[0]]
    if is_plain:
        text, ended = run(host, queries.list_marked(nearest_first))
        absent_names(host, ended, root)
        marked = text.splitlines()
        nearest_first = [*dropwhile(lambda name: name in marked and not existing[name], nearest_first)]
    is_in_encrypted = any(existing[name] for name in nearest_first[:1])
    moved = next((name for name in beside[1:] if name in listed), "")
    return Above(missing, is_in_encrypted, is_plain and is_in_encrypted, beside[0] in listed, moved)
