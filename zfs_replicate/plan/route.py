"""How one dataset gets to the source's tip: (source, target, what is resumed) → the streams. Pure.

The base is found by guid. As few streams as can be: `-I` carries everything up to the tip; a stream of its own is
needed only for a full send, for what a token continues, and for the first step away from a bookmark (zfs-send(8)).
"""

from __future__ import annotations

from dataclasses import dataclass

from zfs_replicate.model import Bookmark, Dataset, PlanContext, Snapshot
from zfs_replicate.plan.retention import judge
from zfs_replicate.steps import ClearPlaceholder, Receiving, Resume, Send, Step


@dataclass(frozen=True, slots=True)
class Route:
    """The streams to the tip, and the source snapshots that arrive by them, oldest first.

    `waypoints` are the ends of streams: each is a base for the next one, and is held like one.
    """

    base: Snapshot | Bookmark | None
    tip: Snapshot | Bookmark
    steps: tuple[Step, ...] = ()
    arriving: tuple[Snapshot, ...] = ()
    waypoints: tuple[Snapshot, ...] = ()


def common_base(source: Dataset, target: Dataset | None) -> Snapshot | Bookmark | None:
    """The newest source snapshot or bookmark whose guid is on the target; the snapshot where both are there."""
    present = {snapshot.guid for snapshot in target.snapshots} if target else set()
    snapshots = [entry for entry in source.snapshots if entry.guid in present]
    bookmarks = [entry for entry in source.bookmarks if entry.guid in present]
    candidates: list[Snapshot | Bookmark] = [*snapshots[-1:], *bookmarks[-1:]]
    return max(candidates, key=lambda entry: entry.createtxg, default=None)


def newer_than(source: Dataset, base: Snapshot | Bookmark) -> tuple[Snapshot, ...]:
    return tuple(snapshot for snapshot in source.snapshots if snapshot.createtxg > base.createtxg)


def is_raw_stream(source: Dataset, target: Dataset | None) -> bool:
    """Raw for encrypted sources, so that the target never needs the key; but never onto an existing plain copy."""
    return source.is_encrypted and (target is None or not target.snapshots or target.is_encrypted)


def route_to_tip(
    source: Dataset, target_name: str, target: Dataset | None, resumed: Snapshot | None, context: PlanContext
) -> Route:
    """Given a source that has snapshots, return the streams to its newest: a resumed or full one, then increments.

    Source `a b c d`, target `a b`: one stream `-I b d`. Target absent: full `a` (or the oldest inside the keep window),
    then `-I a d`. Target `a` and a token for `b`: resume `b`, then `-I b d`.
    """
    base = common_base(source, target)
    is_placeholder = target is not None and target.is_placeholder and not target.snapshots
    first = Receiving(target_name, source.kind, is_first=base is None, onto_placeholder=is_placeholder)
    builder = _Streams(source, target_name, is_raw_stream(source, target), context, base)
    if resumed is not None and target is not None and target.resume_token is not None:
        builder.resume(resumed, target.resume_token.text, first)
    elif base is None:
        builder.send(_first_to_send(source, context), 1, first)
    if builder.reached is None:
        raise AssertionError("a route without a base begins with a full or resumed stream")
    arriving = (*builder.waypoints, *newer_than(source, builder.reached))
    rest = newer_than(source, builder.reached)
    if isinstance(builder.reached, Bookmark) and len(rest) > 1:  # -I does not start from a bookmark
        builder.send(rest[0], 1)
        rest = rest[1:]
    if rest:
        builder.send(rest[-1], len(rest))
    if is_placeholder:
        builder.steps.append(ClearPlaceholder(target_name))
    return Route(base, builder.reached, tuple(builder.steps), arriving, tuple(builder.waypoints))


class _Streams:
    """Collects streams, each starting where the one before it ended."""

    def __init__(
        self, source: Dataset, target_name: str, is_raw: bool, context: PlanContext, base: Snapshot | Bookmark | None
    ) -> None:
        self.source = source
        self.is_raw = is_raw
        self.options = context.options
        self.later = Receiving(target_name, source.kind)
        self.reached: Snapshot | Bookmark | None = base
        self.steps: list[Step] = []
        self.waypoints: list[Snapshot] = []

    def send(self, snapshot: Snapshot, count: int, receiving: Receiving | None = None) -> None:
        """Add the stream of the next `count` snapshots, up to this one."""
        since = self.reached
        mark = "#" if isinstance(since, Bookmark) else "@"
        base = None if since is None else f"{self.source.name}{mark}{since.name}"
        name = f"{self.source.name}@{snapshot.name}"
        estimate = self._written_up_to(snapshot)
        self.steps.append(Send(name, base, count, self.is_raw, self.options, receiving or self.later, estimate))
        self._arrive(snapshot)

    def resume(self, snapshot: Snapshot, token: str, receiving: Receiving) -> None:
        estimate = self._written_up_to(snapshot)
        name = f"{self.source.name}@{snapshot.name}"
        self.steps.append(Resume(name, token, receiving, byte_estimate=estimate))
        self._arrive(snapshot)

    def _written_up_to(self, tip: Snapshot) -> int:
        """The bytes written from what is reached so far (nothing: from the beginning) to this snapshot."""
        since = -1 if self.reached is None else self.reached.createtxg
        return sum(each.written for each in self.source.snapshots if since < each.createtxg <= tip.createtxg)

    def _arrive(self, snapshot: Snapshot) -> None:
        self.reached = snapshot
        self.waypoints.append(snapshot)


def _first_to_send(source: Dataset, context: PlanContext) -> Snapshot:
    """The oldest snapshot inside the keep window, so that nothing is sent only to expire; else the newest."""
    keep_days = context.policy.keep_days
    if keep_days is None:
        return source.snapshots[0]
    verdicts = judge(source.snapshots, keep_days, {}, context.now)
    return next((verdict.snapshot for verdict in verdicts if not verdict.is_overdue), source.snapshots[-1])
