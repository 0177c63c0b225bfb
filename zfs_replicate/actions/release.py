"""Retire a mirror: list its holds and bookmarks on one side, ask, and remove them. ReleaseRequest → exit status.

Never destroys a snapshot.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

from zfs_replicate.config import ReleaseRequest
from zfs_replicate.errors import DatasetMissing, UsageError
from zfs_replicate.hosts.base import Host
from zfs_replicate.hosts.local import LocalHost
from zfs_replicate.log_context import new_identity
from zfs_replicate.model import SECONDS_PER_DAY, TARGET_SUFFIX, Dataset, Inventory
from zfs_replicate.output.logs import Subject, log_problem, logging_as
from zfs_replicate.printable import visible
from zfs_replicate.run.connect import connected
from zfs_replicate.run.context import WIDTH
from zfs_replicate.run.holds import Failures, destroy_bookmarks, tag_snapshots
from zfs_replicate.run.inventory import read_source, read_target
from zfs_replicate.run.survey import Place, read_both
from zfs_replicate.steps import Release, Side
from zfs_replicate.units import counted, date
from zfs_replicate.zfs import marks, names


@dataclass(frozen=True, slots=True)
class HeldSnapshot:
    """A snapshot with holds that go with the tag. `is_on_target` None: the target was not read, or it is there."""

    name: str
    tags: tuple[str, ...]
    creation: int
    is_on_target: bool | None


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What a mirror left on one side: snapshots held with the tag, parents first, and its bookmarks (full names)."""

    side: Side
    tag: str
    held: tuple[HeldSnapshot, ...]
    bookmarks: tuple[str, ...] = ()


def retire(request: ReleaseRequest, open_logs: contextlib.ExitStack) -> int:
    """List the holds and bookmarks of a tag, ask, and remove them. The log stays set up until `open_logs` ends."""
    root = request.local if request.is_target else request.remote
    if root is None:
        raise AssertionError("the command line requires -r, or -l with --target")
    subject = Subject(new_identity(), request.connection.host, root)
    open_logs.enter_context(logging_as(request.reporting, subject))
    with connected(request.connection) as host:
        leftovers = _read(host, root, request)
        for line in leftover_lines(leftovers, int(time.time())):
            print(visible(line))
        if request.is_dry_run or not (leftovers.held or leftovers.bookmarks):
            return 0
        if not request.is_confirmed and not _ask(leftovers, host.name):
            return 0
        return remove_leftovers(host, leftovers)


def _read(host: Host, root: str, request: ReleaseRequest) -> Leftovers:
    if request.is_target:
        copies = read_target(host, root, is_exact=False)
        if not copies.datasets:
            raise DatasetMissing(f"{root} on {host.name}: there is no such dataset; check -l")
        tag = f"{request.tag}{TARGET_SUFFIX}"
        return Leftovers(Side.TARGET, tag, find_held(copies, None, tag))
    if request.local is None:
        return find_leftovers(read_source(host, root), None, request.tag)
    survey = read_both(Place(host, root), Place(LocalHost(), request.local), is_exact=False)
    return find_leftovers(survey.source, survey.target, request.tag)


def find_leftovers(source: Inventory, target: Inventory | None, tag: str) -> Leftovers:
    """Given the source's tree, return all holds and bookmarks of the tag; given the target's, also what is there."""
    bookmarks = tuple(
        f"{dataset.name}#{bookmark.name}"
        for dataset in source.datasets.values()
        for bookmark in dataset.bookmarks
        if _goes_with(tag, dataset, bookmark.name)
    )
    return Leftovers(Side.SOURCE, tag, find_held(source, target, tag), bookmarks)


def _goes_with(tag: str, dataset: Dataset, bookmark: str) -> bool:
    """Whether a bookmark is of the mirror that holds with this tag: not of one that holds beside it, or is another."""
    plain, mirror = marks.plain_tag(tag)
    owner = marks.bookmarking_mirror(plain, bookmark)
    if mirror is not None:
        return owner == mirror
    beside = {marks.mirror_beside(tag, hold) for snapshot in dataset.snapshots for hold in snapshot.holds}
    return names.is_bookmark_of(tag, bookmark) and (owner is None or owner not in beside)


def find_held(tree: Inventory, target: Inventory | None, tag: str) -> tuple[HeldSnapshot, ...]:
    """Return the snapshots of a tree that are held with the tag; given the target's tree, also whether it has them.

    The claim beside a tag goes with it.
    """
    known = None
    if target is not None:
        known = {snapshot.guid for dataset in target.datasets.values() for snapshot in dataset.snapshots}
    return tuple(
        HeldSnapshot(
            f"{dataset.name}@{snapshot.name}",
            tags,
            snapshot.creation,
            None if known is None else snapshot.guid in known,
        )
        for dataset in tree.datasets.values()
        for snapshot in dataset.snapshots
        if (tags := tuple(hold for hold in snapshot.holds if hold == tag or marks.claiming_mirror(tag, hold)))
    )


def leftover_lines(leftovers: Leftovers, now: int) -> Iterator[str]:
    """Yield one line for each hold and bookmark, for the user to decide. `now` is Unix seconds."""
    for snapshot in leftovers.held:
        age = counted(max(0, now - snapshot.creation) // SECONDS_PER_DAY, "day")
        where = {None: "", True: ", on the target too", False: ", not on the target"}[snapshot.is_on_target]
        held = " and ".join(snapshot.tags)
        yield f"{snapshot.name}: held by {held}; taken {date(snapshot.creation)}, {age} old{where}"
    yield from (f"{bookmark}: bookmark" for bookmark in leftovers.bookmarks)


def _ask(leftovers: Leftovers, host: str) -> bool:
    if not sys.stdin.isatty():
        raise UsageError("release: no terminal to ask on; use --yes, or -n to only list", "release")
    what = " and ".join(
        counted(count, noun)
        for count, noun in ((len(leftovers.held), "hold"), (len(leftovers.bookmarks), "bookmark"))
        if count
    )
    try:
        return input(f"Release {what} of {leftovers.tag} on {host}? [y/N] ").lower() == "y"
    except EOFError:  # Ctrl-D
        print()
        return False


def remove_leftovers(host: Host, leftovers: Leftovers) -> int:
    """Release all holds and destroy all bookmarks; return the exit status.

    What has vanished meanwhile counts as done. A hold that cannot be released does not stop the bookmarks' removal.
    """
    holds: Failures = {}
    for tag in dict.fromkeys(tag for snapshot in leftovers.held for tag in snapshot.tags):
        held = tuple(snapshot.name for snapshot in leftovers.held if tag in snapshot.tags)
        holds |= tag_snapshots(host, Release(leftovers.side, tag, held), WIDTH)
    bookmarks = destroy_bookmarks(host, leftovers.bookmarks)
    _report(holds, counted(len(leftovers.held), "hold"), leftovers.side)
    _report(bookmarks, counted(len(leftovers.bookmarks), "bookmark"), leftovers.side)
    return max((error.exit_code for error in (*holds.values(), *bookmarks.values())), default=0)


def _report(failures: Failures, total: str, side: Side) -> None:
    """Report all failures of a kind in one paragraph that quotes the first."""
    if failures:
        first = failures[min(failures)]
        log_problem(f"{first}; {len(failures)} of {total} remain on the {side.value}")
