"""Pair a source dataset with its copy and find their base. (Dataset, Dataset | None) → Pair. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from zfs_replicate.model import Bookmark, Dataset, Snapshot


@dataclass(frozen=True, slots=True)
class Pair:
    """A source dataset and its counterpart on the target (None: it does not exist). Create it with `Pair.of`.

    `base`: the newest source snapshot or bookmark whose guid is on the target, preferably a snapshot; None: they have
    nothing in common.
    """

    source: Dataset
    target_name: str
    target: Dataset | None
    base: Snapshot | Bookmark | None

    @classmethod
    def of(cls, source: Dataset, target_name: str, target: Dataset | None) -> Pair:
        """Given both sides of one dataset, return them with their base. Source `a b c`, target `a b`: base `b`."""
        present = {snapshot.guid for snapshot in target.snapshots} if target else set()
        snapshots = [entry for entry in source.snapshots if entry.guid in present]
        bookmarks = [entry for entry in source.bookmarks if entry.guid in present]
        candidates: list[Snapshot | Bookmark] = [*snapshots[-1:], *bookmarks[-1:]]
        return cls(source, target_name, target, max(candidates, key=lambda entry: entry.createtxg, default=None))

    def with_target(self, target: Dataset | None) -> Pair:
        """Return the same source paired with the target as it will be."""
        return Pair.of(self.source, self.target_name, target)

    @property
    def is_raw(self) -> bool:
        """Whether to send raw: an encrypted source is, so that the target needs no key, unless its copy is plain."""
        target = self.target
        return self.source.is_encrypted and (target is None or not target.snapshots or target.is_encrypted)

    def newer_than(self, base: Snapshot | Bookmark) -> tuple[Snapshot, ...]:
        """Given a snapshot or bookmark of the source, return the source snapshots newer than it, oldest first."""
        return tuple(snapshot for snapshot in self.source.snapshots if snapshot.createtxg > base.createtxg)
