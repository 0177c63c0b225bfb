"""Tell which mirrors with one tag show themselves on a source dataset, and whose its plain holds are. Pure.

A bookmark or a claim shows a mirror that uses the plain tag; a tag of its own shows one beside that (zfs/marks.py). All
of it is on the source, so that `release` can tell mirrors apart whose targets are elsewhere, or gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from zfs_replicate.model import Dataset, Snapshot
from zfs_replicate.zfs import marks


@dataclass(frozen=True, slots=True)
class Owners:
    """The mirrors that a dataset shows. `beside`: with a tag of their own, whatever else; `plain`: with the plain tag
    only, and the createtxg from which plain holds are theirs."""

    beside: frozenset[str]
    plain: Mapping[str, int]

    @property
    def all(self) -> frozenset[str]:
        return self.beside | self.plain.keys()

    def owner_of(self, snapshot: Snapshot) -> str | None:
        """Return the mirror whose plain hold a snapshot has, if it has one; None: nothing shows whose it is."""
        mirror, since = next(iter(self.plain.items()), (None, 0))
        return mirror if len(self.plain) == 1 and snapshot.createtxg >= since else None

    def is_unexplained(self, snapshot: Snapshot) -> bool:
        """Whether none of these mirrors can have placed a plain hold on a snapshot: each began with a newer one."""
        return all(snapshot.createtxg < since for since in self.plain.values())


def owners(source: Dataset, tag: str) -> Owners:
    """Given a source dataset and the plain tag, return the mirrors that it shows.

    Bookmarks of A and B, and a hold `TAG.B`: A has the plain holds, from its bookmark on.
    """
    beside = {marks.mirror_beside(tag, hold) for snapshot in source.snapshots for hold in snapshot.holds}
    signs = [
        (marks.claiming_mirror(tag, hold), snapshot.createtxg)
        for snapshot in source.snapshots
        for hold in snapshot.holds
    ]
    signs += [(marks.bookmarking_mirror(tag, mark.name), mark.createtxg) for mark in source.bookmarks]
    plain: dict[str, int] = {}
    for mirror, createtxg in signs:
        if mirror is not None and mirror not in beside:
            plain[mirror] = min(createtxg, plain.get(mirror, createtxg))
    return Owners(frozenset(mirror for mirror in beside if mirror is not None), plain)
