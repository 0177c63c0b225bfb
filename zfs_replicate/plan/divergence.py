"""Find what a copy has beyond the base, and what discards it. (Dataset, guid of the base) → Divergence. Pure.

Bytes written prove no change, since a rollback leaves some; zfs alone knows, and says so when it refuses a stream.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from zfs_replicate.model import Bookmark, Dataset, Snapshot
from zfs_replicate.plans import Conflict
from zfs_replicate.steps import Release, Rollback, Side
from zfs_replicate.units import date, size

RESIDUE_SECTORS = 12
"""`written` after a rollback is at most three blocks of four sectors (raidz3), and one of the smallest real changes is
fourteen sectors: a file whose times are set (docs/zfs-facts.md, 10)."""

COMMON_SECTOR_BYTES = 4096
"""Taken where the pool does not say: with it, the limit suits sectors up to 16 KiB without redundancy."""


def residue_limit(sector_bytes: int | None) -> int:
    """Given the pool's sectors, return how many bytes may be written since the base without proving a change."""
    return RESIDUE_SECTORS * (sector_bytes or COMMON_SECTOR_BYTES)


@dataclass(frozen=True, slots=True)
class Divergence:
    """What a target has that is newer than the newest common snapshot: snapshots and bookmarks of its own, and bytes.

    `base`: the newest common snapshot, as the target has it. `aside`: how to keep the target under another name.
    """

    target: str
    base: Snapshot
    newer: tuple[Snapshot, ...]
    byte_count: int
    aside: str
    bookmarks: tuple[Bookmark, ...] = ()

    @classmethod
    def of(cls, target: Dataset, base_guid: int, aside: str) -> Divergence:
        place = next(index for index, snapshot in enumerate(target.snapshots) if snapshot.guid == base_guid)
        newer = target.snapshots[place + 1 :]
        written = target.written + sum(snapshot.written for snapshot in newer)
        base = target.snapshots[place]
        bookmarks = tuple(bookmark for bookmark in target.bookmarks if bookmark.createtxg > base.createtxg)
        return cls(target.name, base, newer, written, aside, bookmarks)

    def changed(self, target_tag: str) -> Conflict:
        """Return the conflict of a copy that was written to."""
        return Conflict(
            f"it has changed since the newest common snapshot {dated(self.base)}: {size(self.byte_count)} were"
            f" written{self._newer()}",
            self.next_step(target_tag),
            self.rollback(target_tag),
        )

    def refused(self, target_tag: str) -> Conflict:
        """Return the conflict of a copy that only zfs knows to be changed, when it refuses to receive onto it."""
        return Conflict(
            f"it was changed since the newest common snapshot {dated(self.base)}{self._newer()}",
            self.next_step(target_tag),
            self.rollback(target_tag),
        )

    def blocks_raw_streams(self, target_tag: str) -> Conflict:
        """Return the conflict of a copy whose own snapshots no raw stream can pass, though nothing was written."""
        return Conflict(
            f"it has snapshots of its own, newer than the newest common snapshot {dated(self.base)}, and a raw"
            f" stream needs that to be the newest: {', '.join(map(dated, self.newer))}{self._marks()}",
            self.next_step(target_tag),
            self.rollback(target_tag),
        )

    def _newer(self) -> str:
        snapshots = f"; it has newer snapshots of its own: {', '.join(map(dated, self.newer))}" if self.newer else ""
        return snapshots + self._marks()

    def _marks(self) -> str:
        names = ", ".join(f"#{bookmark.name}" for bookmark in self.bookmarks)
        return f"; it has newer bookmarks of its own: {names}" if names else ""

    def rollback(self, target_tag: str) -> Rollback | None:
        """Return the rollback to the base; None if somebody else's hold or a clone prevents it."""
        if any(snapshot.clones or set(snapshot.holds) - {target_tag} for snapshot in self.newer):
            return None
        own = tuple(f"{self.target}@{snapshot.name}" for snapshot in self.newer if snapshot.holds)
        return Rollback(
            self.target,
            f"{self.target}@{self.base.name}",
            self.byte_count,
            tuple(f"{self.target}@{snapshot.name}" for snapshot in self.newer),
            Release(Side.TARGET, target_tag, own) if own else None,
            tuple(f"{self.target}#{bookmark.name}" for bookmark in self.bookmarks),
        )

    def next_step(self, target_tag: str) -> str:
        """Return how to discard the changes or keep them; or what prevents a rollback."""
        guards = [
            f"@{snapshot.name} is {how}"
            for snapshot in self.newer
            for how in (
                *(f"held by {tag}" for tag in snapshot.holds if tag != target_tag),
                *(f"cloned as {clone}" for clone in snapshot.clones),
            )
        ]
        if guards:
            return f"it cannot be rolled back while {', '.join(guards)}; resolve that first, or {self.aside}"
        flag = "-r " if self.newer or self.bookmarks else ""
        base = shlex.quote(f"{self.target}@{self.base.name}")
        how = f"to discard the changes: zfs rollback {flag}{base} (or run once with --rollback)"
        return f"{how}; to keep them, {self.aside}"


def dated(snapshot: Snapshot) -> str:
    """Return a snapshot with its date, as messages name it: `@a (2023-11-14 22:13 UTC)`."""
    return f"@{snapshot.name} ({date(snapshot.creation)})"
