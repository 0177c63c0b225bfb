"""Place and release holds on many snapshots, and renew the bookmarks that stand below them on the source."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from zfs_replicate.errors import DatasetMissing, ReplicateError
from zfs_replicate.hosts.base import Host, run
from zfs_replicate.model import Exit
from zfs_replicate.steps import BookmarkSource, Hold, Release
from zfs_replicate.zfs import commands, messages

log = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")
Failures = dict[str, ReplicateError]
"""Errors by the whole name of a snapshot or bookmark."""

BOOKMARK_BATCH_BYTES = commands.BATCH_BYTES // 5
"""With each snapshot go its new bookmark and up to three old ones."""


def at_once(width: int, work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Do the same with each item, `width` at a time; return the results in the items' order."""
    with ThreadPoolExecutor(width) as pool:
        return list(pool.map(work, items))


def tag_snapshots(host: Host, step: Hold | Release, width: int) -> Failures:
    """Place or release the step's tag on all its snapshots, in batches of which `width` run at a time; return failures.

    A release of what has vanished meanwhile is none: nothing holds it any more.
    """
    is_hold = isinstance(step, Hold)
    build = commands.hold if is_hold else commands.release

    def tag_batch(batch: tuple[str, ...]) -> Failures:
        try:
            _stdout, ended = run(host, build(step.tag, batch))
        except ReplicateError as error:
            return dict.fromkeys(batch, error)
        if ended.exit_status == 0:
            return {}
        failures = _explained(host, messages.failed_snapshots(ended, batch), tagging(step))
        return failures if is_hold else _without_vanished(failures)

    batches = commands.shares(step.snapshots, width)
    return {name: error for failures in at_once(width, tag_batch, batches) for name, error in failures.items()}


def tagging(step: Hold | Release) -> str:
    """What a step does with its tag, after "cannot" or in the log."""
    return f"{'place' if isinstance(step, Hold) else 'release'} the hold {step.tag}"


def renew_bookmarks(source: Host, steps: Sequence[BookmarkSource]) -> list[BookmarkSource]:
    """Carry out these steps, many in a command; return those that were done.

    A safety net: what fails here is logged, and is no failure of the dataset, which its hold protects.
    """
    by_snapshot = {step.snapshot: step for step in steps}
    done: list[BookmarkSource] = []
    for names in commands.batches(list(by_snapshot), BOOKMARK_BATCH_BYTES):
        batch = [by_snapshot[name] for name in names]
        made = [(step.snapshot, step.bookmark) for step in batch if step.bookmark is not None]
        obsolete = [name for step in batch for name in step.obsolete]
        try:
            _stdout, ended = run(source, commands.bookmark(made, obsolete))
        except ReplicateError as error:
            log.info("no bookmarks: %s", error)
            break
        for line in ended.stderr.splitlines():
            log.info("%s: %s (the hold protects it all the same)", source.name, line)
        if not ended.stderr:
            done += batch
    return done


def destroy_bookmarks(source: Host, bookmarks: Sequence[str]) -> Failures:
    """Destroy bookmarks (whole names), many in a command; return failures. One that has vanished is none."""
    failures: Failures = {}
    for batch in commands.batches(bookmarks):
        try:
            _stdout, ended = run(source, commands.bookmark((), batch))
        except ReplicateError as error:
            failures |= dict.fromkeys(batch, error)
            continue
        if ended.exit_status != 0 or ended.stderr.strip():  # the shell's status is not that of the commands
            failed = messages.failed_snapshots(ended, batch)
            failures |= _without_vanished(_explained(source, failed, "destroy the bookmark"))
    return failures


def _explained(host: Host, failed: dict[str, Exit], doing: str) -> Failures:
    return {name: messages.explain(host.name, name, ended, doing) for name, ended in failed.items()}


def _without_vanished(failures: Failures) -> Failures:
    return {name: error for name, error in failures.items() if not isinstance(error, DatasetMissing)}
