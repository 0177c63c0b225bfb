"""Plan the streams that bring one dataset to the source's newest snapshot. (Pair, resumed, PlanContext) → Route. Pure.

The base is found by guid. There are as few streams as possible: one `-I` carries everything up to the tip. Only a full
send, a resumed stream and the first increment from a bookmark need a stream of their own (zfs-send(8)).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from zfs_replicate.model import Bookmark, PlanContext, Snapshot
from zfs_replicate.plan.identity import standing_of
from zfs_replicate.plan.pair import Pair
from zfs_replicate.plan.retention import judge
from zfs_replicate.steps import ClearPlaceholder, Receiving, Resume, Send, Step


@dataclass(frozen=True, slots=True)
class Route:
    """The streams to the tip, and the source snapshots that they bring, oldest first.

    `waypoints`: the snapshots at which streams end. Each is the base of the next stream, and is held like a base.
    """

    base: Snapshot | Bookmark | None
    tip: Snapshot | Bookmark
    steps: tuple[Step, ...] = ()
    arriving: tuple[Snapshot, ...] = ()
    waypoints: tuple[Snapshot, ...] = ()


def route_to_tip(pair: Pair, resumed: Snapshot | None, context: PlanContext) -> Route:
    """Given a source that has snapshots, return the streams to its newest: a resumed or full one, then increments.

    `resumed`: the snapshot that the target's token continues. Source `a b c d`, target `a b`: one stream `-I b d`.
    No target: a full send of `a` (or of the oldest in the keep window), then `-I a d`. Target `a` with a token for `b`:
    resume `b`, then `-I b d`.
    """
    source, target = pair.source, pair.target
    is_placeholder = target is not None and target.is_placeholder and not target.snapshots
    # a resumed stream goes into what was created with this option already, and zfs refuses it there
    is_kept_plain = pair.is_below_raw and not pair.is_raw and pair.base is None and resumed is None
    first = Receiving(pair.first_name, source.kind, pair.base is None, is_placeholder, is_kept_plain)
    builder = _Streams(pair, context)
    builder.steps += cleared_mark(pair)
    if resumed is not None and target is not None and target.resume_token is not None:
        builder.resume(resumed, target.resume_token.text, first)
    elif pair.base is None:
        builder.send(_first_to_send(pair, context), 1, first)
    if pair.beside is not None and not pair.is_to_be_placed:
        builder.steps.append(pair.beside.step)
    if builder.reached is None:
        raise AssertionError("a route without a base begins with a full or resumed stream")
    rest = pair.newer_than(builder.reached)
    arriving = (*builder.waypoints, *rest)
    if isinstance(builder.reached, Bookmark) and len(rest) > 1:  # -I does not start from a bookmark
        builder.send(rest[0], 1)
        rest = rest[1:]
    for group in _sendable_groups(builder.reached, rest, source.odd_snapshots):
        builder.send(group[-1], len(group))
    if is_placeholder:
        builder.steps.append(ClearPlaceholder(pair.target_name))
    return Route(pair.base, builder.reached, tuple(builder.steps), arriving, tuple(builder.waypoints))


def cleared_mark(pair: Pair) -> tuple[ClearPlaceholder, ...]:
    """Return the step that clears the mark of a placeholder from what has a base, and so is a copy; else none."""
    is_copy = pair.target is not None and pair.target.is_placeholder and pair.base is not None
    return (ClearPlaceholder(pair.target_name),) if is_copy else ()


def _sendable_groups(
    base: Snapshot | Bookmark, rest: Sequence[Snapshot], odd: Sequence[Snapshot]
) -> Iterator[tuple[Snapshot, ...]]:
    """Yield `rest` in groups that one stream can bring: `-I` would also send what lies between, even what is odd.

    With base `a` and `b c % d e f`, where % is odd: `b c`, `d`, `e f`.
    """
    group: list[Snapshot] = []
    previous = base
    for snapshot in rest:
        if any(previous.createtxg < entry.createtxg < snapshot.createtxg for entry in odd):
            if group:
                yield tuple(group)
            yield (snapshot,)
            group = []
        else:
            group.append(snapshot)
        previous = snapshot
    if group:
        yield tuple(group)


def arriving_snapshots(pair: Pair, resumed: Snapshot | None, context: PlanContext) -> tuple[Snapshot, ...]:
    """Given the same as `route_to_tip`, return which snapshots the streams would bring, oldest first."""
    if pair.base is not None:
        return pair.newer_than(pair.base)
    if not pair.source.snapshots:
        return ()
    first = resumed or _first_to_send(pair, context)
    return tuple(snapshot for snapshot in pair.source.snapshots if snapshot.createtxg >= first.createtxg)


class _Streams:
    """Collects streams. Each starts from `reached`, where the previous one ended."""

    def __init__(self, pair: Pair, context: PlanContext) -> None:
        self.source = pair.source
        self.is_raw = pair.is_raw
        self.options = context.options
        self.later = Receiving(pair.target_name, pair.source.kind)
        self.reached = pair.base
        self.steps: list[Step] = []
        self.waypoints: list[Snapshot] = []

    def send(self, snapshot: Snapshot, count: int, receiving: Receiving | None = None) -> None:
        """Add a stream of the next `count` snapshots, up to this one."""
        mark = "#" if isinstance(self.reached, Bookmark) else "@"
        base = None if self.reached is None else f"{self.source.name}{mark}{self.reached.name}"
        name = f"{self.source.name}@{snapshot.name}"
        estimate = self._written_up_to(snapshot)
        self.steps.append(Send(name, base, count, self.is_raw, self.options, receiving or self.later, estimate))
        self._arrive(snapshot)

    def resume(self, snapshot: Snapshot, token: str, receiving: Receiving) -> None:
        """Add the rest of the interrupted stream of this snapshot."""
        estimate = self._written_up_to(snapshot)
        name = f"{self.source.name}@{snapshot.name}"
        self.steps.append(Resume(name, token, receiving, byte_estimate=estimate))
        self._arrive(snapshot)

    def _written_up_to(self, tip: Snapshot) -> int:
        """Return the bytes written from the snapshot reached so far (none: from the beginning) up to this one."""
        base_txg = -1 if self.reached is None else self.reached.createtxg
        return sum(
            snapshot.written for snapshot in self.source.snapshots if base_txg < snapshot.createtxg <= tip.createtxg
        )

    def _arrive(self, snapshot: Snapshot) -> None:
        self.reached = snapshot
        self.waypoints.append(snapshot)


def _first_to_send(pair: Pair, context: PlanContext) -> Snapshot:
    """Return the oldest snapshot in the keep window, so that nothing is sent only to expire; if none is, the newest.

    One that an earlier run has held comes before it, even if it will expire at once: a plain hold is released only from
    what has arrived, so otherwise that one would stay for ever.
    """
    keep_days, snapshots = context.policy.keep_days, pair.source.snapshots
    if keep_days is None:
        return snapshots[0]
    standing = standing_of(pair, context.policy.tag, context.mirror)
    verdicts = judge(snapshots, keep_days, {}, context.now)
    wanted = (verdict.snapshot for verdict in verdicts if standing.is_own(verdict.snapshot) or not verdict.is_overdue)
    return next(wanted, snapshots[-1])
