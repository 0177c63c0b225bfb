"""Tell a placeholder that nobody has written to from one that holds data. Dataset → bool. Pure.

ZFS does not say whether a filesystem is empty. But an empty one always has the same few blocks of metadata, and their
size depends only on the sector size, on encryption and on the version of OpenZFS that created it (docs/zfs-facts.md,
10), not on redundancy, properties or age.
"""

from __future__ import annotations

import re
from itertools import takewhile

from zfs_replicate.model import Dataset

_PLAIN = (
    (0, 12_288),
    (30_720, 15_360),
    (53_248, 25_088),
    (98_304, 43_520),
    (196_608, 80_384),
    (393_216, 154_112),
    (786_432, 236_032),
    (1_572_864, 399_872),
)
_ENCRYPTED = (
    (0, 50_176),
    (110_592, 52_224),
    (139_264, 58_880),
    (196_608, 71_168),
    (327_680, 99_840),
    (589_824, 157_184),
    (1_179_648, 239_104),
    (2_359_296, 402_944),
)
"""For sectors of 512 bytes, 1 KiB, 2 KiB … 64 KiB: the least that an empty filesystem has `written`, and how many bytes
it holds before padding. The first row holds for any, also before anything has reached the disk. From OpenZFS 2.4."""

FIRST_MEASURED = (2, 4)
SMALLER_BYTES = 512
"""So much less holds an empty filesystem that an older OpenZFS has created (2.3), unless the sectors have 512 bytes."""


def used_placeholder_problem() -> str:
    """Return what is wrong with a placeholder that is not untouched, for its conflict and for the status."""
    return "it was created as an empty parent, but data has been written to it since"


def uncounted_bytes(zfs_version: str) -> int:
    """Given what `zfs version` prints (zfs-2.3.9-1), return how much less than in the tables an empty filesystem holds.

    An unknown version counts as an old one: then a file may be seen where there is none, and never the reverse.
    """
    match = re.match(r"zfs-(\d+)\.(\d+)", zfs_version)
    is_new = match is not None and (int(match[1]), int(match[2])) >= FIRST_MEASURED
    return 0 if is_new else SMALLER_BYTES


def is_untouched(placeholder: Dataset) -> bool:
    """Return whether a placeholder without snapshots can be empty.

    The sectors cannot be larger than `written` allows, so the last row that it reaches is the limit. A few kilobytes
    of data do not reach the next row: they add as much to both numbers, and the first grows faster with the sectors.
    """
    rows = _ENCRYPTED if placeholder.is_encrypted else _PLAIN
    *_, (least_written, limit) = takewhile(lambda row: row[0] <= placeholder.written, rows)
    return placeholder.logical_bytes + (placeholder.uncounted_bytes if least_written else 0) <= limit
