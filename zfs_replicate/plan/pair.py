"""Match a source dataset with its counterpart, and find what both have. (Dataset, Dataset | None) → Pair. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from zfs_replicate.model import Bookmark, Dataset, Snapshot


@dataclass(frozen=True, slots=True)
class Pair:
    """A source dataset and its counterpart on the target (None: absent). Made by `Pair.of`.

    `base`: the newest source snapshot or bookmark whose guid is on the target, the snapshot where both are there;
    None: nothing in common.
    """

    source: Dataset
    target_name: str
    target: Dataset | None
    base: Snapshot | Bookmark | None

    @classmethod
    def of(cls, source: Dataset, target_name: str, target: Dataset | None) -> Pair:
        """Given both sides of one dataset, find their base. Source `a b c`, target `a b`: base `b`."""
        present = {snapshot.guid for snapshot in target.snapshots} if target else set()
        snapshots = [entry for entry in source.snapshots if entry.guid in present]
        bookmarks = [entry for entry in source.bookmarks if entry.guid in present]
        candidates: list[Snapshot | Bookmark] = [*snapshots[-1:], *bookmarks[-1:]]
        return cls(source, target_name, target, max(candidates, key=lambda entry: entry.createtxg, default=None))

    def with_target(self, target: Dataset | None) -> Pair:
        """The same source with the target as it will be."""
        return Pair.of(self.source, self.target_name, target)

    @property
    def is_raw(self) -> bool:
        """Raw for encrypted sources, so that the target never needs the key; but never onto an existing plain copy."""
        target = self.target
        return self.source.is_encrypted and (target is None or not target.snapshots or target.is_encrypted)

    def newer_than(self, base: Snapshot | Bookmark) -> tuple[Snapshot, ...]:
        """The snapshots of the source that are newer than a snapshot or bookmark of its own, oldest first."""
        return tuple(snapshot for snapshot in self.source.snapshots if snapshot.createtxg > base.createtxg)
