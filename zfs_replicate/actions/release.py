"""Retire a mirror: list its holds and bookmarks on one side, ask, and remove them. ReleaseRequest → exit status.

What goes with a tag is decided in plan/retiring.py. Never destroys a snapshot.
"""

from __future__ import annotations

import contextlib
import shlex
import sys
import time
from collections.abc import Iterator

from zfs_replicate.config import Connection, ReleaseRequest
from zfs_replicate.errors import DatasetMissing, ReplicateError, UsageError
from zfs_replicate.hosts.base import Host
from zfs_replicate.hosts.local import LocalHost
from zfs_replicate.log_context import new_identity
from zfs_replicate.model import SECONDS_PER_DAY, TARGET_SUFFIX
from zfs_replicate.output.logs import Subject, log_problem, logging_as
from zfs_replicate.plan.identity import mirror_of
from zfs_replicate.plan.leftovers import releasing
from zfs_replicate.plan.retiring import Leavings, source_leavings, target_leavings
from zfs_replicate.printable import visible
from zfs_replicate.run.connect import connected
from zfs_replicate.run.context import WIDTH
from zfs_replicate.run.holds import Failures, destroy_bookmarks, tag_snapshots
from zfs_replicate.run.inventory import read_source, read_target
from zfs_replicate.run.survey import Place, read_both
from zfs_replicate.steps import Release, Side
from zfs_replicate.units import counted, date
from zfs_replicate.zfs import marks, names


def retire(request: ReleaseRequest, open_logs: contextlib.ExitStack) -> int:
    """List the holds and bookmarks of a tag, ask, and remove them. The log stays set up until `open_logs` ends."""
    root = request.local if request.is_target else request.remote
    if root is None:
        raise AssertionError("the command line requires -r, or -l with --target")
    subject = Subject(new_identity(), request.connection.host, root)
    open_logs.enter_context(logging_as(request.reporting, subject))
    with connected(request.connection) as host:
        leavings = _read(host, root, request)
        for line in leaving_lines(leavings, int(time.time()), request.connection, root):
            print(visible(line))
        if leavings.unread:
            raise ReplicateError(
                f"{leavings.unread[0]} on {host.name}: its holds could not be read, because it got another name"
                " meanwhile; nothing was released; run this again"
            )
        if request.is_dry_run or not (leavings.held or leavings.bookmarks):
            return 0
        if not request.is_confirmed and not _ask(leavings, host.name):
            return 0
        return remove(host, leavings)


def _read(host: Host, root: str, request: ReleaseRequest) -> Leavings:
    if request.is_target:
        copies = read_target(host, root, is_exact=False)
        if not copies.datasets and copies.beside:
            raise DatasetMissing(
                f"{root} on {host.name}: its copy is still {names.beside(root)}; run the mirror again, or give that as"
                " -l"
            )
        if not copies.datasets:
            raise DatasetMissing(f"{root} on {host.name}: there is no such dataset; check -l")
        return target_leavings(copies, f"{request.tag}{TARGET_SUFFIX}")
    if request.local is None:
        return source_leavings(read_source(host, root), None, request.tag, is_unknown=request.is_unknown)
    survey = read_both(Place(host, root), Place(LocalHost(), request.local), is_exact=False)
    return source_leavings(survey.source, survey.target, request.tag, mirror_of(survey), request.is_unknown)


def leaving_lines(leavings: Leavings, now: int, connection: Connection, root: str) -> Iterator[str]:
    """Yield one line for each hold and bookmark, for the user to decide, and for each mirror that keeps its own.

    `now` is Unix seconds.
    """
    for snapshot in leavings.held:
        age = counted(max(0, now - snapshot.creation) // SECONDS_PER_DAY, "day")
        where = {None: "", True: ", on the target too", False: ", not on the target"}[snapshot.is_on_target]
        held = " and ".join(snapshot.tags)
        yield f"{snapshot.name}: held by {held}; taken {date(snapshot.creation)}, {age} old{where}"
    yield from (f"{bookmark}: bookmark" for bookmark in leavings.bookmarks)
    for tag in leavings.staying:
        command = shlex.join((*releasing(connection, tag), "-r", root))
        yield f"{tag}: another mirror, which keeps its holds and bookmarks; to let it go: {command}"


def _ask(leavings: Leavings, host: str) -> bool:
    if not sys.stdin.isatty():
        raise UsageError("release: no terminal to ask on; use --yes, or -n to only list", "release")
    what = " and ".join(
        counted(count, noun)
        for count, noun in ((len(leavings.held), "hold"), (len(leavings.bookmarks), "bookmark"))
        if count
    )
    try:
        return input(f"Release {what} of {leavings.tag} on {host}? [y/N] ").lower() == "y"
    except EOFError:  # Ctrl-D
        print()
        return False


def remove(host: Host, leavings: Leavings) -> int:
    """Release all holds and destroy all bookmarks; return the exit status.

    What has vanished meanwhile counts as done. A hold that cannot be released does not stop the bookmarks' removal, but
    for one among several mirrors: there its claim and its bookmark show whose that hold is.
    """
    plain, named = marks.plain_tag(leavings.tag)
    holds: Failures = {}
    for tag in sorted({tag for snapshot in leavings.held for tag in snapshot.tags}, key=len):  # claims are the longest
        is_claim = marks.claiming_mirror(plain, tag) is not None
        kept = _datasets(holds) if named and is_claim else frozenset()
        held = [snapshot.name for snapshot in leavings.held if tag in snapshot.tags]
        released = tuple(name for name in held if names.dataset_of(name) not in kept)
        holds |= tag_snapshots(host, Release(leavings.side, tag, released), WIDTH)
    kept = _datasets(holds) if named else frozenset()
    bookmarks = destroy_bookmarks(host, [name for name in leavings.bookmarks if names.dataset_of(name) not in kept])
    _report(holds, counted(len(leavings.held), "hold"), leavings.side)
    _report(bookmarks, counted(len(leavings.bookmarks), "bookmark"), leavings.side)
    return max((error.exit_code for error in (*holds.values(), *bookmarks.values())), default=0)


def _datasets(failures: Failures) -> frozenset[str]:
    return frozenset(map(names.dataset_of, failures))


def _report(failures: Failures, total: str, side: Side) -> None:
    """Report all failures of a kind in one paragraph that quotes the first."""
    if failures:
        first = failures[min(failures)]
        log_problem(f"{first}; {len(failures)} of {total} remain on the {side.value}")
