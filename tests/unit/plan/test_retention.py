"""Each snapshot is kept or expires, with a reason."""

from __future__ import annotations

import pytest

from tests.support.notation import NOW, guid_of, source
from zfs_replicate.model import SECONDS_PER_DAY, Snapshot
from zfs_replicate.plan.retention import judge


def judged(text: str, keep_days: int, protected: dict[int, str] | None = None) -> str:
    """Given snapshots in words, return the verdicts as text: + kept, - expires, ! kept although overdue."""
    verdicts = judge(source(text).snapshots, keep_days, protected or {}, NOW)
    marks = {(False, False): "+", (True, True): "-", (False, True): "!"}
    return " ".join(f"{marks[judged.expires, judged.is_overdue]}{judged.snapshot.name}" for judged in verdicts)


@pytest.mark.parametrize(
    ("snapshots", "keep_days", "expected"),
    [
        ("a:31 b:30 c:29", 30, "-a -b +c"),
        ("a:2 b:1 c", 1, "-a -b +c"),
        ("a:2 b:1 c", 0, "-a -b -c"),
        ("a%:40 b&:40 c:40", 30, "!a !b -c"),
        ("a%:5", 30, "+a"),
        ("c:1 a:40", 30, "+c -a"),
    ],
)
def test_age_decides_unless_a_hold_or_clone_keeps_a_snapshot(snapshots: str, keep_days: int, expected: str) -> None:
    assert judged(snapshots, keep_days) == expected


def test_protected_snapshots_are_kept_whatever_their_age() -> None:
    assert judged("a:40 b:40", 0, {guid_of("a"): "newest common snapshot"}) == "!a -b"


@pytest.mark.parametrize(("seconds", "expires"), [(0, True), (-1, False), (1, True)])
def test_the_limit_is_exact_to_the_second(seconds: int, expires: bool) -> None:
    snapshot = Snapshot("a", 1, 1, NOW - 30 * SECONDS_PER_DAY - seconds)
    assert judge([snapshot], 30, {}, NOW)[0].expires is expires


def test_a_snapshot_from_the_future_is_young() -> None:
    assert not judge([Snapshot("a", 1, 1, NOW + SECONDS_PER_DAY)], 1, {}, NOW)[0].expires


@pytest.mark.parametrize(
    ("snapshot", "keep_days", "reason"),
    [
        ("a:1", 30, "younger than 30 days"),
        ("a", 1, "younger than 1 day"),
        ("a:40", 30, "older than 30 days"),
        ("a", 0, "only the newest common snapshot is kept"),
        ("a%!:40", 30, "held by other, offsite"),
        ("a&:40", 30, "cloned as tank/clone"),
        ("a%&:40", 30, "held by other"),
    ],
)
def test_every_verdict_has_a_reason(snapshot: str, keep_days: int, reason: str) -> None:
    assert judge(source(snapshot).snapshots, keep_days, {}, NOW)[0].reason == reason


def test_protection_is_the_first_reason_to_keep() -> None:
    (verdict,) = judge(source("a%:40").snapshots, 30, {guid_of("a"): "because"}, NOW)
    assert verdict.reason == "because"
