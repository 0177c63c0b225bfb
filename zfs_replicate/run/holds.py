"""Place and release holds on many snapshots, and renew and destroy bookmarks on the source.

tag_snapshots(Host, Hold | Release, width) → the errors by snapshot. Many snapshots share a command.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from zfs_replicate.errors import ConnectionFailed, DatasetMissing, PermissionDenied, ReplicateError, TagTaken
from zfs_replicate.hosts.base import Host, run
from zfs_replicate.model import Exit
from zfs_replicate.run.parallel import run_parallel
from zfs_replicate.steps import BookmarkSource, Hold, Release
from zfs_replicate.zfs import commands, messages, refusals

log = logging.getLogger(__name__)

Failures = dict[str, ReplicateError]
"""Errors by the full name of a snapshot or bookmark."""

BOOKMARK_BATCH_BYTES = commands.BATCH_BYTES // 5
"""Each snapshot comes with its new bookmark and up to three old ones."""


def tag_snapshots(host: Host, step: Hold | Release, width: int, may_be_gone: bool = True) -> Failures:
    """Place or release a step's hold on all its snapshots, in batches, `width` in parallel; return the failures.

    Releasing a snapshot that no longer exists is no failure if it `may_be_gone`; it may also have another name. A tag
    that an older gate or sudo rule does not permit is replaced by the step's other one. Of first holds, one that is
    there already is a failure: TagTaken.
    """
    failures = _tag_in_batches(host, step, width)
    if isinstance(step, Release) and may_be_gone:
        failures = _without_vanished(failures)
    refused = tuple(name for name in step.snapshots if isinstance(failures.get(name), PermissionDenied))
    if isinstance(step, Release) or step.instead is None or not refused:
        return failures
    # a claim is followed by the plain tag, which must not find itself there
    failed_again = (
        {} if step.is_claim else _tag_in_batches(host, replace(step, tag=step.instead, snapshots=refused), width)
    )
    if len(failed_again) < len(refused):
        log.warning(
            "an older zfs_replicate_gate or sudo rule refuses the tag of this mirror, so it holds with %s, which"
            " another mirror with that tag may release; copy the gate or the rules of this version there (%s)",
            step.instead,
            failures[refused[0]],
        )
    return {name: error for name, error in failures.items() if name not in refused} | failed_again


def _tag_in_batches(host: Host, step: Hold | Release, width: int) -> Failures:
    build = commands.hold if isinstance(step, Hold) else commands.release

    def tag_batch(batch: tuple[str, ...]) -> Failures:
        try:
            _stdout, ended = run(host, build(step.tag, batch))
        except ReplicateError as error:
            return dict.fromkeys(batch, error)
        if ended.exit_status == 0:
            return {}
        failures = _explained(host, refusals.failed_snapshots(ended, batch), _tag_action(step))
        if isinstance(step, Hold) and step.is_first:
            failures |= {name: _taken(host, step, name) for name in refusals.already_held(ended, batch)}
        return failures

    batches = commands.shares(step.snapshots, width)
    return {name: error for failures in run_parallel(width, tag_batch, batches) for name, error in failures.items()}


def _taken(host: Host, step: Hold, snapshot: str) -> ReplicateError:
    return TagTaken(
        f"{snapshot} on {host.name}: another mirror has just placed the hold {step.tag}, too; run again, and this one"
        " holds beside it"
    )


def _tag_action(step: Hold | Release) -> str:
    """Return what a step does, as words that fit after "cannot": `place the hold offsite`."""
    return f"{'place' if isinstance(step, Hold) else 'release'} the hold {step.tag}"


def renew_bookmarks(source: Host, steps: Sequence[BookmarkSource]) -> list[BookmarkSource]:
    """Carry out these steps, many per command; return those that succeeded.

    The older bookmarks of a dataset are destroyed only once the new one is known to exist. A failure is only logged:
    the dataset has not failed, because its hold still protects it.
    """
    by_snapshot = {step.snapshot: step for step in steps}
    done: list[BookmarkSource] = []
    for names in commands.batches(list(by_snapshot), BOOKMARK_BATCH_BYTES):
        created, is_reached = _create_bookmarks(source, [by_snapshot[name] for name in names])
        failures = destroy_bookmarks(source, [name for step in created for name in step.obsolete])
        for error in dict.fromkeys(map(str, failures.values())):
            log.info("%s (the hold still protects it)", error)
        done += [step for step in created if failures.keys().isdisjoint(step.obsolete)]
        if not is_reached or any(isinstance(error, ConnectionFailed) for error in failures.values()):
            break
    return done


def _create_bookmarks(source: Host, steps: Sequence[BookmarkSource]) -> tuple[list[BookmarkSource], bool]:
    """Create the new bookmarks; return the steps whose bookmark exists now, and whether the source was reached."""
    pairs = [(step.snapshot, step.bookmark) for step in steps if step.bookmark is not None]
    if not pairs:
        return list(steps), True
    try:
        _stdout, ended = run(source, commands.bookmark(pairs, ()))
    except ReplicateError as error:
        log.info("cannot renew bookmarks: %s", error)
        return [], False
    for line in ended.stderr.splitlines():
        log.info("%s: %s (the hold still protects it)", source.name, line)
    failed = _failed_bookmarks(ended, [bookmark for _snapshot, bookmark in pairs])
    return [step for step in steps if step.bookmark not in failed], True


def destroy_bookmarks(source: Host, bookmarks: Sequence[str]) -> Failures:
    """Destroy bookmarks (full names), many per command; return the failures. A missing bookmark is not one."""
    failures: Failures = {}
    for batch in commands.batches(bookmarks):
        try:
            _stdout, ended = run(source, commands.bookmark((), batch))
        except ReplicateError as error:
            failures |= dict.fromkeys(batch, error)
            continue
        failed = _failed_bookmarks(ended, batch)
        failures |= _without_vanished(_explained(source, failed, "destroy the bookmark"))
    return failures


def _failed_bookmarks(ended: Exit, bookmarks: Sequence[str]) -> dict[str, Exit]:
    """Return the failed ones of a script on bookmarks. Its status is the shell's own, not that of its commands."""
    is_clean = ended.exit_status == 0 and not ended.stderr.strip()
    return {} if is_clean else refusals.failed_snapshots(ended, bookmarks)


def _explained(host: Host, failed: dict[str, Exit], doing: str) -> Failures:
    return {name: messages.explain(host.name, name, ended, doing) for name, ended in failed.items()}


def _without_vanished(failures: Failures) -> Failures:
    return {name: error for name, error in failures.items() if not isinstance(error, DatasetMissing)}
