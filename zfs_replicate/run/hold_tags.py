"""Read which tags hold snapshots. read_tags(Host, {snapshot: number of holds}) → {snapshot: tags}. Changes nothing.

Anybody who may hold can choose any bytes for a tag, also line breaks: what it prints can look like a line about another
snapshot. So an answer counts only if it has as many holds for each snapshot as the listing. Where it does not, the
snapshots are asked about in halves, until the one with the odd tag is alone: of that one, we only know that it is held.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from zfs_replicate.hosts.base import Host, run_for_bytes
from zfs_replicate.run.reading import absent_names, parse_errors_of
from zfs_replicate.zfs import commands, parse, queries

UNREADABLE = ("a tag that cannot be read",)
"""In place of the tags of a snapshot where it is in doubt which they are. It is no valid tag of ours, so the snapshot
counts as held by somebody else."""

MAX_COMMANDS = 100
"""For all halves together: an odd tag among 5,000 snapshots needs 26."""


def read_tags(host: Host, held: Mapping[str, int]) -> dict[str, tuple[str, ...]]:
    """Given snapshots with their numbers of holds, return the tags of each; one that has vanished has none.

    One command per few thousand names, unless a tag is odd. Raises: CommandFailed, ConnectionFailed.
    """
    tags: dict[str, tuple[str, ...]] = {}
    doubtful: deque[tuple[str, ...]] = deque()
    for batch in commands.batches(tuple(held)):
        _ask(host, batch, held, tags, doubtful)
    for _number in range(MAX_COMMANDS):
        if not doubtful:
            break
        _ask(host, doubtful.popleft(), held, tags, doubtful)
    tags.update((name, UNREADABLE) for batch in doubtful for name in batch)
    return tags


def _ask(
    host: Host,
    batch: tuple[str, ...],
    held: Mapping[str, int],
    tags: dict[str, tuple[str, ...]],
    doubtful: deque[tuple[str, ...]],
) -> None:
    """Add the tags of a batch, or its two halves to those that are in doubt."""
    stdout, ended = run_for_bytes(host, queries.list_holds(batch))
    absent = absent_names(host, ended, batch[0])
    if not stdout:
        return  # by now nothing holds them
    counts = {name: held[name] for name in batch if name not in absent}
    with parse_errors_of(host, batch[0], "zfs holds"):
        answer = parse.holds(stdout, counts)
    if answer is not None:
        tags.update(answer)
    elif len(batch) > 1:
        doubtful.extend((batch[: len(batch) // 2], batch[len(batch) // 2 :]))
    else:
        tags[batch[0]] = UNREADABLE
