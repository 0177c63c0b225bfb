"""Find held snapshots in the pool of a tree, but outside of it. held_elsewhere(Place, guids) → datasets.

Changes nothing. What a host does not let us list is not found: the gate, for example, shows only the mirrored trees.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from zfs_replicate.errors import ReplicateError
from zfs_replicate.hosts.base import run
from zfs_replicate.model import Dataset, Kind, Snapshot
from zfs_replicate.run.changes import read_bookmarks
from zfs_replicate.run.hold_tags import read_tags
from zfs_replicate.run.survey import Place
from zfs_replicate.zfs import names, parse, queries

log = logging.getLogger(__name__)


def held_elsewhere(place: Place, guids: frozenset[int], beginning: str = "") -> tuple[Dataset, ...]:
    """Given a tree, return the datasets outside of it that begin with `beginning` and hold a snapshot with such a guid.

    And those below them, parents first. Of each only name, bookmarks, and held snapshots with their tags are known; all
    of them have the createtxg 0.
    """
    if not guids:
        return ()
    try:
        held = _held_outside(place)
        tops = {_dataset(name) for name, (guid, _count) in held.items() if guid in guids}
        tops = {top for top in tops if top.startswith(beginning)}
        counts = {name: count for name, (_guid, count) in held.items() if _is_within_any(_dataset(name), tops)}
        tags = read_tags(place.host, counts)
        datasets = sorted({_dataset(name) for name in counts}, key=lambda name: name.split("/"))
        bookmarks = read_bookmarks(place.host, datasets)
    except ReplicateError as error:
        log.debug("%s: not looked for holds outside %s: %s", place.host.name, place.root, error)
        return ()
    snapshots: dict[str, list[Snapshot]] = {name: [] for name in datasets}
    for name in counts:
        dataset, _, short = name.partition("@")
        snapshots[dataset].append(Snapshot(short, held[name][0], 0, 0, holds=tags.get(name, ())))
    return tuple(
        Dataset(
            name,
            Kind.FILESYSTEM,
            snapshots=tuple(snapshots[name]),
            bookmarks=tuple(replace(mark, createtxg=0) for mark in bookmarks.get(name, ())),
        )
        for name in datasets
    )


def _held_outside(place: Place) -> dict[str, tuple[int, int]]:
    """Return guid and number of holds of each held snapshot of the pool that is not in the tree, nor on its way."""
    text, ended = run(place.host, queries.list_held(names.pool_of(place.root)))
    if ended.exit_status != 0:
        raise ReplicateError(ended.stderr.strip())
    held = parse.held_snapshots(text.splitlines())
    return {
        name: numbers
        for name, numbers in held.items()
        if not names.is_within(_dataset(name), place.root) and not names.is_beside(_dataset(name))
    }


def _dataset(snapshot: str) -> str:
    return snapshot.partition("@")[0]


def _is_within_any(dataset: str, tops: set[str]) -> bool:
    return any(names.is_within(dataset, top) for top in tops)
