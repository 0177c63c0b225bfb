"""Format sizes, rates, ages, dates and counts for people. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def size(byte_count: float) -> str:
    """Given a number of bytes, return it as text: 512 gives `512 B`, 1536 gives `1.5 KiB`."""
    for unit in _UNITS:
        if byte_count < 1024 or unit == _UNITS[-1]:
            return f"{byte_count:.0f} {unit}" if unit == "B" else f"{byte_count:.1f} {unit}"
        byte_count /= 1024
    raise AssertionError("the last unit takes everything")


def rate(byte_count: int, seconds: float) -> str:
    """Given bytes and how long they took, return the rate: 3 MiB in 1.5 s gives `2.0 MiB/s`."""
    return f"{size(byte_count / max(seconds, 0.001))}/s"


def counted(count: int, noun: str) -> str:
    """Given a count and a regular noun, return both: `1 hold`, `2 holds`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def age(seconds: int) -> str:
    """Given seconds, return at most two units: 93784 gives `1 day 2 h`, 45 gives `45 s`."""
    parts: list[str] = []
    for unit, length in (("day", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        count, seconds = divmod(seconds, length)
        if count or parts:
            parts.append(f"{count} {unit}{'s' if unit == 'day' and count != 1 else ''}" if count else "")
    return " ".join(filter(None, parts[:2])) or "0 s"


def stamp(seconds: int) -> str:
    """Given Unix seconds, return the time to the minute, as a part of a name: `20260110-0600`, in UTC."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y%m%d-%H%M}"


def date(seconds: int) -> str:
    """Given Unix seconds, return the date to the minute: `2026-01-10 06:00 UTC`."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
