"""Know mbuffer: its command, the sizes that it takes, and what it says when it does not start. Pure.

As R20241007, that of Debian 13, behaves (tests/lab/test_advice.py).
"""

from __future__ import annotations

import re

BLOCK_BYTES = 128 << 10
MIN_BLOCKS, MAX_BLOCKS = 5, (1 << 31) - 1
MAX_PERCENT = 90
"""It refuses fewer blocks, more blocks, and so much of the memory."""

MIN_BYTES_PER_SECOND = 1 << 10
"""It takes a hundred or less for a number whose unit was forgotten."""

_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?)([kMGT%]?)", re.IGNORECASE)
_FACTORS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_FATAL = "mbuffer: fatal: "


def command(size: str, bytes_per_second: int | None = None) -> tuple[str, ...]:
    """Buffer `size` of a stream, such as 64M; None: no rate limit."""
    limit = () if bytes_per_second is None else ("-r", str(bytes_per_second))
    return ("mbuffer", "-q", "-s", f"{BLOCK_BYTES >> 10}k", "-m", size, *limit)


def is_size(text: str) -> bool:
    """Whether mbuffer takes this size: `64M`, `1.5g`, `5%` of the memory, but not `64`, which is too small."""
    match = _SIZE.fullmatch(text)
    if match is None:
        return False
    number, unit = float(match[1]), match[2].upper()
    if unit == "%":
        return 0 < number < MAX_PERCENT
    return MIN_BLOCKS <= number * _FACTORS[unit] // BLOCK_BYTES <= MAX_BLOCKS


def reason_not_to_start(stderr: str) -> str | None:
    """Given what mbuffer printed, return why it did not start; None if it did: then its errors are about its stream."""
    _before, fatal, reason = stderr.partition(_FATAL)
    return " ".join(reason.split()) if fatal else None
