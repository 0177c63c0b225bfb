"""Retire a mirror: a source and a tag in, the holds of that tag listed and released. Destroys no snapshot."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from zfs_replicate.config import ReleaseRequest
from zfs_replicate.errors import CommandFailed, UsageError
from zfs_replicate.hosts.base import Host, run
from zfs_replicate.hosts.local import LocalHost
from zfs_replicate.log_context import new_identity
from zfs_replicate.model import SECONDS_PER_DAY
from zfs_replicate.output.logs import Subject, logging_as
from zfs_replicate.printable import visible
from zfs_replicate.run.connect import connected
from zfs_replicate.run.inventory import read_source, read_target
from zfs_replicate.units import date, days
from zfs_replicate.zfs import commands, messages, names


@dataclass(frozen=True, slots=True)
class TaggedSnapshot:
    """A source snapshot that carries the tag. `is_on_target` None: the target was not looked at."""

    name: str
    creation: int
    is_on_target: bool | None


@dataclass(frozen=True, slots=True)
class Retirement:
    """What a mirror leaves on the source: held snapshots, parents first, and its bookmarks (whole names)."""

    held: tuple[TaggedSnapshot, ...]
    bookmarks: tuple[str, ...]


def release(asked: ReleaseRequest, logging: contextlib.ExitStack) -> int:
    """Retire a mirror: list the holds of its tag, ask, release them. The log stays set up until `logging` ends."""
    subject = Subject(new_identity(), asked.connection.host, asked.remote)
    logging.enter_context(logging_as(asked.reporting, subject))
    with connected(asked.connection) as source:
        target = None if asked.local is None else (LocalHost(), asked.local)
        found = find(source, asked.remote, asked.tag, target)
        for line in lines(found, asked.tag, int(time.time())):
            print(visible(line))
        if asked.is_dry_run or not (found.held or found.bookmarks):
            return 0
        if not asked.is_confirmed:
            if not sys.stdin.isatty():
                raise UsageError("release: there is no terminal to ask on; say --yes, or -n to only list")
            if input(f"Release all {len(found.held)} holds of {asked.tag} on {source.name}? [y/N] ").lower() != "y":
                return 0
        release_all(source, asked.tag, found)
    return 0


def find(source: Host, root: str, tag: str, target: tuple[Host, str] | None) -> Retirement:
    """Given a source tree, return what carries the tag; with a target, whether that knows the snapshot by guid."""
    known: set[int] | None = None
    if target is not None:
        ours = read_target(*target)
        known = {snapshot.guid for dataset in ours.datasets.values() for snapshot in dataset.snapshots}
    theirs = read_source(source, root).datasets.values()
    held = tuple(
        TaggedSnapshot(
            f"{dataset.name}@{snapshot.name}",
            snapshot.creation,
            None if known is None else snapshot.guid in known,
        )
        for dataset in theirs
        for snapshot in dataset.snapshots
        if tag in snapshot.holds
    )
    bookmarks = tuple(
        f"{dataset.name}#{bookmark.name}"
        for dataset in theirs
        for bookmark in dataset.bookmarks
        if names.is_bookmark_of(tag, bookmark.name)
    )
    return Retirement(held, bookmarks)


def lines(found: Retirement, tag: str, now: int) -> Iterator[str]:
    """One line for each hold and bookmark, for a person to decide by."""
    for each in found.held:
        age = days(max(0, now - each.creation) // SECONDS_PER_DAY)
        taken = f"{date(each.creation)}, {age} old"
        where = {None: "", True: ", on the target too", False: ", not on the target"}[each.is_on_target]
        yield f"{each.name}: held by {tag}; taken {taken}{where}"
    yield from (f"{bookmark}: bookmark" for bookmark in found.bookmarks)


def release_all(source: Host, tag: str, found: Retirement) -> None:
    """Release all of them, batched, and destroy the bookmarks. Raises: CommandFailed after doing what could be done."""
    failures: dict[str, str] = {}
    for batch in commands.batches([each.name for each in found.held]):
        _text, ended = run(source, commands.release(tag, batch))
        if ended.exit_status != 0:
            failures.update(messages.failed_snapshots(ended.stderr, batch))
    if failures:
        name, said = next(iter(sorted(failures.items())))
        raise CommandFailed(
            f"{messages.explain(source.name, name, said, f'release {tag} from')};"
            f" {len(failures)} of {len(found.held)} holds stay"
        )
    _destroy_bookmarks(source, found.bookmarks)


def _destroy_bookmarks(source: Host, bookmarks: Sequence[str]) -> None:
    for batch in commands.batches(bookmarks):
        _text, ended = run(source, commands.bookmark((), batch))
        if ended.stderr.strip():
            raise messages.explain(source.name, batch[0], ended.stderr, "destroy the bookmark")
