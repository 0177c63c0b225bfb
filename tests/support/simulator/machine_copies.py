"""Let administrators of copies do what makes a mirror hard: write, bookmark, limit and repair. Act(Site, place).

Unlike the acts in machine_site.py, these may leave a dataset that needs a person until `repair` is called.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.support.simulator.machine_site import BLOCK_BYTES, CHANGE_BYTES, OWN, Site, chosen
from tests.support.simulator.mirrors import MIRRORS, Mirror
from tests.support.simulator.world import Dataset

TOUCH_BYTES = 4096
"""So little that only zfs can tell it from nothing."""

QUOTA_BYTES = 4 * BLOCK_BYTES
"""The room that a quota leaves: for some increments, not for all."""


def _copies(site: Site) -> list[Dataset]:
    """All datasets of all copies, also placeholders, and not those that are still arriving for the first time."""
    return [copy for mirror in MIRRORS for copy in site.tree(mirror.target) if not copy.is_unfinished]


def write_to_copy(site: Site, place: int) -> None:
    """Write to a copy or a placeholder: much, or so little that the program does not see it."""
    copy = chosen(_copies(site), place)
    if copy is not None:
        site.world.write(copy.name, TOUCH_BYTES if place % 2 else CHANGE_BYTES)


def snapshot_anything(site: Site, place: int) -> None:
    """Take a snapshot of a copy or a placeholder, as an automatic snapshot does on every dataset of a machine."""
    copy = chosen(_copies(site), place)
    if copy is not None:
        site.do("zfs", "snapshot", f"{copy.name}@{site.new_name(OWN)}")


def bookmark_copy(site: Site, place: int) -> None:
    copy = chosen([copy for copy in _copies(site) if copy.snapshots], place)
    if copy is not None:
        site.do("zfs", "bookmark", f"{copy.name}@{copy.snapshots[-1].name}", f"{copy.name}#{site.new_name(OWN)}")


def limit_copy(site: Site, place: int) -> None:
    """Set a quota that leaves little room, or lift it."""
    copy = chosen(_copies(site), place)
    if copy is not None and not copy.properties.pop("quota", None):
        used = sum(dataset.used() for dataset in site.tree(copy.name))
        copy.properties["quota"] = str(used + QUOTA_BYTES)


def repair(site: Site, mirror: Mirror) -> None:
    """Undo on a mirror's copy what needs a person: lift quotas, roll back to the newest common snapshot, and move away
    what has nothing in common with its original."""
    for copy in site.tree(mirror.target):
        copy.properties.pop("quota", None)
        name = mirror.source + copy.name[len(mirror.target) :]
        pool = site.world.pool_of(mirror.source)
        originals = {s.guid for s in pool.datasets[name].snapshots} if name in pool.datasets else set()
        if copy.is_unfinished or not originals:
            continue
        common = [snapshot for snapshot in copy.snapshots if snapshot.guid in originals]
        if common:
            _roll_back(site, copy, common[-1].createtxg)
        elif copy.name in site.world.pool_of(copy.name).datasets:
            site.do("zfs", "rename", copy.name, f"{copy.name.partition('/')[0]}/{site.new_name('old')}")


def _roll_back(site: Site, copy: Dataset, createtxg: int) -> None:
    newer = copy.newer_than(createtxg)
    for snapshot in newer:
        for tag in tuple(snapshot.holds):
            site.do("zfs", "release", tag, f"{copy.name}@{snapshot.name}")
        site.lost_by_hand.add(snapshot.guid)
    base = next(snapshot for snapshot in copy.snapshots if snapshot.createtxg == createtxg)
    site.do("zfs", "rollback", "-r", f"{copy.name}@{base.name}")


HARD_ACTS: dict[str, Callable[[Site, int], None]] = {
    "write to a copy": write_to_copy,
    "take a snapshot of anything": snapshot_anything,
    "bookmark a copy": bookmark_copy,
    "limit a copy": limit_copy,
}
"""What may happen on a target, between runs and in the middle of one."""
