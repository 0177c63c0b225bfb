"""Say what limits a dataset that can take no more. (properties by dataset) → Limit or None. Pure.

zfs calls every limit "space quota exceeded", also that of the number of snapshots, and names the dataset that receives
instead of the one with the limit (docs/zfs-facts.md, 3).
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from zfs_replicate.units import counted, size
from zfs_replicate.zfs import names

PROPERTIES = (
    *("available", "used", "quota", "snapshot_limit", "snapshot_count", "filesystem_limit", "filesystem_count"),
)

Values = Mapping[str, Mapping[str, str]]
"""The properties by dataset; a dataset that does not exist is missing."""

MIB = 1 << 20
MARGIN = 1.1
"""The estimate of a stream is not exact."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What stands in the way, and how to remove it."""

    meaning: str
    next_step: str


def find_limit(values: Values, dataset: str, needed_bytes: int, is_root: bool) -> Limit | None:
    """Given the dataset that received and those above it, return what limits it, or None if nothing is known.

    `is_root`: the limits of numbers do not apply to root.
    """
    above = [name for name in (dataset, *reversed(names.ancestors(dataset))) if name in values]
    if not above:
        return None
    counts = () if is_root else _full_counts(values, above, dataset)
    return next(iter(counts), None) or _full_quota(values, above, needed_bytes) or _full_pool(values, above[-1])


def _full_counts(values: Values, above: list[str], dataset: str) -> Iterator[Limit]:
    for noun in ("snapshot", "filesystem"):
        for name in above:
            limit, count = (_number(values[name].get(f"{noun}_{what}")) for what in ("limit", "count"))
            if limit is None or count is None or count < limit or (noun == "filesystem" and name == dataset):
                continue
            yield Limit(
                f"the {noun}_limit of {name} is {limit}, and it has {counted(count, noun)} (zfs calls this a"
                " space quota, but there is room)",
                f"raise it, for example: zfs set {noun}_limit=none {shlex.quote(name)}",
            )


def _full_quota(values: Values, above: list[str], needed_bytes: int) -> Limit | None:
    """Return the quota that leaves the least room, if that is less than the pool has."""
    quotas = {name: quota for name in above if (quota := _number(values[name].get("quota")))}
    rooms = {name: max(0, quota - (_number(values[name].get("used")) or 0)) for name, quota in quotas.items()}
    tightest = min(rooms, key=lambda name: rooms[name], default=None)
    free = _number(values[above[-1]].get("available"))
    if tightest is None or (free is not None and above[-1] not in quotas and rooms[tightest] > free):
        return None
    enough = -(-int(quotas[tightest] + needed_bytes * MARGIN) // MIB)
    return Limit(
        f"the quota of {tightest} is {size(quotas[tightest])}, which leaves {size(rooms[tightest])}",
        f"free space below it, or raise it: zfs set quota={enough}M {shlex.quote(tightest)}",
    )


def _full_pool(values: Values, top: str) -> Limit | None:
    free = _number(values[top].get("available"))
    if free is None:
        return None
    return Limit(
        f"the pool {names.pool_of(top)} is full: {size(free)} free",
        f"free space there; what takes it: zfs list -o space -r {shlex.quote(top)}",
    )


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None
