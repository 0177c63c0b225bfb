"""Which snapshots have outlived their time. (snapshots, rule, now) in, keep and expire with reasons out.

Nothing is destroyed here, and the clock is an argument.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from zfs_replicate.model import SECONDS_PER_DAY, Snapshot
from zfs_replicate.units import days


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of one snapshot. `is_overdue`: past its time, though it may be kept for another reason."""

    snapshot: Snapshot
    expires: bool
    reason: str
    is_overdue: bool


def judge(snapshots: Sequence[Snapshot], keep_days: int, protected: Mapping[int, str], now: int) -> tuple[Verdict, ...]:
    """Given snapshots and reasons to keep some by guid, return a verdict for each, in the same order.

    A snapshot is overdue once it is `keep_days` days old or older; with 0 days each one is.
    An overdue one is still kept when it is protected, held or cloned.

    With keep_days=30: a (40 days, held by `offsite2`), b (35 days), c (1 day) gives
    keep a "held by offsite2", expire b "older than 30 days", keep c "younger than 30 days".
    """
    return tuple(_judge(snapshot, keep_days, protected, now) for snapshot in snapshots)


def _judge(snapshot: Snapshot, keep_days: int, protected: Mapping[int, str], now: int) -> Verdict:
    if keep_days > 0 and now - snapshot.creation < keep_days * SECONDS_PER_DAY:
        return Verdict(snapshot, False, f"younger than {days(keep_days)}", False)
    if snapshot.guid in protected:
        return Verdict(snapshot, False, protected[snapshot.guid], True)
    if snapshot.holds:
        return Verdict(snapshot, False, f"held by {', '.join(snapshot.holds)}", True)
    if snapshot.clones:
        return Verdict(snapshot, False, f"cloned as {', '.join(snapshot.clones)}", True)
    reason = f"older than {days(keep_days)}" if keep_days > 0 else "only the newest common snapshot is kept"
    return Verdict(snapshot, True, reason, True)
