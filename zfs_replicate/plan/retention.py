"""Judge which snapshots expire. (snapshots, keep_days, now) → a verdict with a reason for each. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from zfs_replicate.model import SECONDS_PER_DAY, Snapshot
from zfs_replicate.units import counted


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether one snapshot expires, and why. `is_overdue`: past its time, even if it is kept for another reason."""

    snapshot: Snapshot
    expires: bool
    reason: str
    is_overdue: bool


def judge(snapshots: Sequence[Snapshot], keep_days: int, protected: Mapping[int, str], now: int) -> tuple[Verdict, ...]:
    """Given snapshots, return a verdict for each, in the same order. `now` is Unix seconds.

    A snapshot is overdue if it is at least `keep_days` days old; with 0 days all are. An overdue snapshot is still
    kept if it is held, cloned or protected. `protected` gives the reason to keep a snapshot by its guid.

    With keep_days=30: a (40 days, held by `offsite2`), b (35 days), c (1 day) gives
    keep a "held by offsite2", expire b "older than 30 days", keep c "younger than 30 days".
    """
    return tuple(_judge(snapshot, keep_days, protected, now) for snapshot in snapshots)


def _judge(snapshot: Snapshot, keep_days: int, protected: Mapping[int, str], now: int) -> Verdict:
    if keep_days > 0 and now - snapshot.creation < keep_days * SECONDS_PER_DAY:
        return Verdict(snapshot, False, f"younger than {counted(keep_days, 'day')}", False)
    if snapshot.guid in protected:
        return Verdict(snapshot, False, protected[snapshot.guid], True)
    if snapshot.holds:
        return Verdict(snapshot, False, f"held by {', '.join(snapshot.holds)}", True)
    if snapshot.clones:
        return Verdict(snapshot, False, f"cloned as {', '.join(snapshot.clones)}", True)
    reason = f"older than {counted(keep_days, 'day')}" if keep_days > 0 else "only the newest common snapshot is kept"
    return Verdict(snapshot, True, reason, True)
