"""Find held snapshots in the pool of a tree, but outside of it. held_elsewhere(Place, tags, guids) → (tag, name).

Changes nothing. What a host does not let us list is not found: the gate, for example, shows only the mirrored trees.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from zfs_replicate.errors import ReplicateError
from zfs_replicate.hosts.base import run
from zfs_replicate.run.hold_tags import read_tags
from zfs_replicate.run.survey import Place
from zfs_replicate.zfs import names, parse, queries

log = logging.getLogger(__name__)


def held_elsewhere(
    place: Place, wanted: Sequence[str], guids: frozenset[int], beginning: str = ""
) -> tuple[tuple[str, str], ...]:
    """Given a tree, return (tag, snapshot) of what is held outside of it, parents first, with each of the wanted tags.

    The datasets begin with `beginning`, the snapshots have one of these guids; of a dataset, only the first tag counts
    that holds some. Where a tag also holds others, on the same dataset or below it, none of that is returned: another
    mirror works there.
    """
    if not guids:
        return ()
    try:
        held = _held_outside(place)
        tops = {_dataset(name) for name, (guid, _count) in held.items() if guid in guids}
        tops = {top for top in tops if top.startswith(beginning)}
        counts = {name: count for name, (_guid, count) in held.items() if _is_within_any(_dataset(name), tops)}
        tags = read_tags(place.host, counts)
    except ReplicateError as error:
        log.debug("%s: not looked for holds outside %s: %s", place.host.name, place.root, error)
        return ()
    found: list[tuple[str, str]] = []
    for tag in wanted:
        tagged = [name for name in counts if tag in tags.get(name, ())]
        foreign = {_dataset(name) for name in tagged if held[name][0] not in guids}
        ours = {top for top in tops if not any(names.is_within(dataset, top) for dataset in foreign)}
        ours -= {_dataset(name) for _tag, name in found}
        named = sorted((name for name in tagged if _dataset(name) in ours), key=lambda name: _dataset(name).split("/"))
        found += [(tag, name) for name in named]
    return tuple(found)


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
