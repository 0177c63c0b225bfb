"""Destroy overdue snapshots of one copy: at the end of a run, or early to make room. Return the error that names the
rest.

One `zfs destroy` takes many snapshots and is atomic: if one is mounted, held or cloned, none goes. So what zfs names in
its refusal is left out, and the others go with the next command.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence

from zfs_replicate.errors import CommandFailed, ReplicateError
from zfs_replicate.hosts.base import TargetHost, run
from zfs_replicate.run.holds import tag_snapshots
from zfs_replicate.steps import Expire, MakeRoom
from zfs_replicate.zfs import commands, messages, refusals

log = logging.getLogger(__name__)

MAX_COMMANDS = 50
"""For one batch. zfs names all that it refuses, so that three are enough; halving 5,000 names for one needs 27."""

MAX_LISTED = 50
"""Names in one error."""


def expire(target: TargetHost, step: Expire, record: Callable[[Sequence[str]], None]) -> ReplicateError | None:
    """Destroy a step's snapshots as far as possible; return the error that names each that stays, and why.

    `record` gets the names (after the @) that are gone, batch by batch, also those that somebody else has destroyed.

    With @b mounted: `destroy off/copy@a,b,c` is refused, `destroy off/copy@a,c` succeeds, the error names @b.
    """
    errors: list[ReplicateError] = []
    for batch in commands.batches([snapshot.name for snapshot in step.snapshots]):
        destroyed, refused = _destroy(target, step.target, batch)
        errors += refused
        if destroyed:
            record(destroyed)
            log.info("%s: expired %s", step.target, ", ".join(f"@{name}" for name in destroyed))
    return _joined(errors)


def _destroy(target: TargetHost, dataset: str, batch: tuple[str, ...]) -> tuple[list[str], list[ReplicateError]]:
    """Destroy one batch; return the names that are gone, and the errors for the others."""
    gone: list[str] = []
    errors: list[ReplicateError] = []
    queue = deque([batch])
    for _number in range(MAX_COMMANDS):
        names = queue.popleft()
        try:
            _text, ended = run(target, commands.destroy(dataset, names))
        except ReplicateError as error:
            return gone, [*errors, error]
        named = refusals.refused_destroys(ended, dataset, names)
        errors += (_refused(target, dataset, refusal) for refusal in named)
        rest = _without(names, named)
        if ended.exit_status == 0 or refusals.is_all_gone(ended):
            gone += names
        elif named:
            queue += [rest] if rest else []
        elif len(rest) > 1 and refusals.is_busy(ended):
            queue += (rest[: len(rest) // 2], rest[len(rest) // 2 :])
        else:
            errors.append(_refused(target, dataset, refusals.Refusal(rest, ended)))
        if not queue:
            break
    else:
        left = tuple(name for names in queue for name in names)
        errors.append(_refused(target, dataset, refusals.Refusal(left, ended)))
    return gone, errors


def _without(names: tuple[str, ...], named: Sequence[refusals.Refusal]) -> tuple[str, ...]:
    refused = {name for refusal in named for name in refusal.names}
    return tuple(name for name in names if name not in refused)


def _refused(target: TargetHost, dataset: str, refusal: refusals.Refusal) -> ReplicateError:
    """Return the error about one snapshot, or about all of the dataset, so that its commands show each of them."""
    subject = f"{dataset}@{refusal.names[0]}" if len(refusal.names) == 1 else dataset
    return messages.explain(target.name, subject, refusal.ended, f"expire {_listed(refusal.names)}")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
    return ", ".join(f"@{name}" for name in names[:MAX_LISTED]) + more


def _joined(errors: Sequence[ReplicateError]) -> ReplicateError | None:
    """Return one error with the texts of all; of their class, if they share one."""
    if len(errors) < 2:
        return errors[0] if errors else None
    kinds = {type(error) for error in errors}
    kind = kinds.pop() if len(kinds) == 1 else CommandFailed
    return kind("; ".join(map(str, errors)))


def make_room(target: TargetHost, step: MakeRoom, record: Callable[[Sequence[str]], None]) -> ReplicateError | None:
    """Destroy overdue snapshots early; return the error if that is not possible for all of them.

    The base must be held already. Our own older holds are released first.
    """
    failures = {} if step.release is None else tag_snapshots(target, step.release, 1)
    if failures:
        return failures[min(failures)]
    return expire(target, Expire(step.target, step.snapshots), record)
