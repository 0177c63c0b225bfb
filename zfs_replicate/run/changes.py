"""Read what matters only where a copy was changed: its bookmarks, and the pool's sectors. (…, Survey) → Survey.

It would cost each run a command or two, and in most runs no copy was changed.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from zfs_replicate.hosts.base import Host, run
from zfs_replicate.model import Bookmark, Capabilities, Dataset, Survey
from zfs_replicate.run.reading import absent_names, parse_errors_of
from zfs_replicate.zfs import commands, names, parse, queries

log = logging.getLogger(__name__)


def settle(host: Host, root: str) -> None:
    """Wait until what was written to a pool is on disk: only then a listing counts it.

    A pool that is missing or read-only is nothing to report here: the listing does, where it matters.
    """
    _text, ended = run(host, queries.sync(names.pool_of(root)))
    if ended.exit_status:
        log.debug("%s: %s", host.name, ended.stderr.strip())


def with_changes(host: Host, survey: Survey) -> Survey:
    """Given both sides and the target's host, return them with what a rollback of changed copies needs."""
    capabilities = survey.target_capabilities
    changed = _changed_copies(survey)
    if not isinstance(capabilities, Capabilities) or not changed:
        return survey
    bookmarks = read_bookmarks(host, changed)
    datasets = {
        name: replace(copy, bookmarks=bookmarks[name]) if name in bookmarks else copy
        for name, copy in survey.target.datasets.items()
    }
    sectors = _read_sector_bytes(host, names.pool_of(survey.target.root))
    return replace(
        survey,
        target=replace(survey.target, datasets=datasets),
        target_capabilities=replace(capabilities, sector_bytes=sectors),
    )


def _changed_copies(survey: Survey) -> list[str]:
    """Return the copies that have something newer than what the source has: snapshots, or bytes written."""
    return [
        name
        for name, copy in survey.target.datasets.items()
        if _is_changed(copy, survey.source.datasets.get(survey.source.root + name[len(survey.target.root) :]))
    ]


def _is_changed(copy: Dataset, original: Dataset | None) -> bool:
    if original is None or not copy.snapshots or not original.snapshots:
        return False
    newest = copy.snapshots[-1].guid
    return copy.written > 0 or all(snapshot.guid != newest for snapshot in reversed(original.snapshots))


def read_bookmarks(host: Host, datasets: Sequence[str]) -> dict[str, tuple[Bookmark, ...]]:
    """Given datasets, return the bookmarks of each that has some, oldest first."""
    bookmarks: dict[str, tuple[Bookmark, ...]] = {}
    for batch in commands.batches(datasets):
        text, ended = run(host, queries.list_bookmarks(batch))
        absent_names(host, ended, batch[0])
        with parse_errors_of(host, batch[0], "zfs list"):
            bookmarks.update(parse.bookmarks(text.splitlines()))
    return bookmarks


def _read_sector_bytes(host: Host, pool: str) -> int | None:
    """Return the sectors of a pool; None before OpenZFS 2.2, whose vdevs have no properties."""
    text, _ended = run(host, queries.list_sectors(pool))
    with parse_errors_of(host, pool, "zpool get"):
        return parse.sector_bytes(text.splitlines())
