"""Find out whether a clock is wrong, so that nothing expires by it. (trees, clocks) → ClockDoubt or None. Pure.

A clock that is months ahead would make every snapshot overdue at once. Three things show that one is wrong: the two
hosts disagree; the newest snapshot lies in the future; the newest snapshot is much older than snapshots usually are
there. The last may also mean that nobody takes snapshots any more, so only expiry waits for the next one.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import nlargest
from itertools import pairwise

from zfs_replicate.model import SECONDS_PER_DAY, Dataset, Survey
from zfs_replicate.plan.pair import not_excluded
from zfs_replicate.units import date

TOLERANCE_SECONDS = SECONDS_PER_DAY
"""Time zones do not matter here, and a clock that is not set at all is off by more."""

RECENT_DAYS = 11
"""Of so many days with snapshots, the longest pause between two is what is usual."""

HERE = "this machine"


@dataclass(frozen=True, slots=True)
class ClockDoubt:
    """What does not agree, and what to do. `is_certain`: a clock is wrong; else perhaps only no snapshot was taken."""

    what: str
    next_step: str
    is_certain: bool = True

    def __str__(self) -> str:
        return f"{self.what}; nothing expires meanwhile: {self.next_step}"


def earliest_clock(survey: Survey, now: int) -> int:
    """Given the time here, return that of the clock that is behind: by it, no snapshot seems older than by another."""
    return min(time for _host, time in _clocks(survey, now))


def clock_doubt(survey: Survey, excludes: tuple[str, ...], now: int) -> ClockDoubt | None:
    """Given both sides and the time here, return what speaks against the clocks, or None.

    Daily snapshots, the newest from today, and both clocks are right: None. This clock is 90 days ahead: the clocks
    disagree; and if the source's clock is not known, the newest snapshot is 90 days old.
    """
    times = sorted(_clocks(survey, now), key=lambda clock: clock[1])
    (early, behind), (late, ahead) = times[0], times[-1]
    if ahead - behind > TOLERANCE_SECONDS:
        return ClockDoubt(
            f"the clocks disagree: it is {date(behind)} on {early}, and {date(ahead)} on {late}",
            "set the clock that is wrong, which shows on both: date -u",
        )
    source, target = not_excluded(survey.source, excludes), not_excluded(survey.target, excludes)
    host = survey.source_host
    return newest_in_future(host, source, now) or _newest_too_old(survey.source.root, host, source, target, now)


def newest_in_future(host: str, datasets: Iterable[Dataset], now: int) -> ClockDoubt | None:
    """Given the datasets of one pool, return a doubt if the newest of all their snapshots was taken after `now`."""
    named = ((snapshot, dataset.name) for dataset in datasets for snapshot in dataset.snapshots)
    newest, name = max(named, key=lambda entry: entry[0].createtxg, default=(None, ""))
    if newest is None or newest.creation - now <= TOLERANCE_SECONDS:
        return None
    return ClockDoubt(
        f"the newest snapshot on {host}, {name}@{newest.name}, is of {date(newest.creation)}, but it is {date(now)} on"
        f" {HERE}",
        "set the clock that is wrong, which shows on both: date -u; the next snapshot settles it",
    )


def _newest_too_old(
    root: str, host: str, source: Sequence[Dataset], target: Sequence[Dataset], now: int
) -> ClockDoubt | None:
    """Return a doubt if the source has had no snapshot for longer than is usual there, by at least a day."""
    times = [snapshot.creation for dataset in source for snapshot in dataset.snapshots]
    latest = max((time for time in times if time - now <= TOLERANCE_SECONDS), default=None)
    times += [snapshot.creation for dataset in target for snapshot in dataset.snapshots]
    if latest is None or (now - latest) // SECONDS_PER_DAY <= 1 + _usual_pause_days(times, now):
        return None
    return ClockDoubt(
        f"it is {date(now)} on {HERE}, but the newest snapshot below {root} on {host} is of {date(latest)}: the clock"
        " is wrong, or nothing takes snapshots there any more",
        f"check the clock: date -u; or take one there: zfs snapshot -r {shlex.quote(f'{root}@NAME')}",
        is_certain=False,
    )


def _clocks(survey: Survey, now: int) -> tuple[tuple[str, int], ...]:
    """Return host and time of all clocks that are known; this one twice, because it may be set during the run."""
    sides = ((survey.source_host, survey.source_capabilities), (HERE, survey.target_capabilities))
    probed = ((host, None if isinstance(side, Exception) else side.clock) for host, side in sides)
    return ((HERE, now), *((host, time) for host, time in probed if time is not None))


def _usual_pause_days(times: Iterable[int], now: int) -> int:
    """Return the longest pause between the last days with snapshots. Of the days 100, 107, 108 and 115: 7."""
    recent = nlargest(RECENT_DAYS, {time // SECONDS_PER_DAY for time in times if time <= now})
    return max((later - earlier for later, earlier in pairwise(recent)), default=0)
