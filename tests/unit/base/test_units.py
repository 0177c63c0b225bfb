"""Sizes, counts and ages become text for people."""

from __future__ import annotations

import pytest

from zfs_replicate.units import age, counted, size

HOUR = 3600


@pytest.mark.parametrize(
    ("byte_count", "expected"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (1 << 20, "1.0 MiB"),
        (5 << 30, "5.0 GiB"),
        (1 << 40, "1.0 TiB"),
        (1 << 50, "1.0 PiB"),
        (1 << 62, "4096.0 PiB"),
    ],
)
def test_sizes_for_people(byte_count: int, expected: str) -> None:
    assert size(byte_count) == expected


def test_counts_have_a_plural() -> None:
    assert [counted(count, "day") for count in (0, 1, 2)] == ["0 days", "1 day", "2 days"]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0 s"),
        (45, "45 s"),
        (60, "1 min"),
        (61, "1 min 1 s"),
        (2 * HOUR + 5, "2 h"),
        (93_784, "1 day 2 h"),
        (172_800, "2 days"),
    ],
)
def test_age_in_words(seconds: int, expected: str) -> None:
    assert age(seconds) == expected
