"""Name the mirrors of the random histories, and what each may change on its source."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tests.support.simulator.pictures import DatasetPicture, Picture, is_in
from zfs_replicate.plan.identity import identity
from zfs_replicate.zfs import marks, names


@dataclass(frozen=True, slots=True)
class Mirror:
    """One cron line: source root, target root, tag."""

    tag: str
    source: str
    target: str

    @property
    def target_tag(self) -> str:
        return f"{self.tag}:target"

    def counterpart(self, source: str) -> str:
        return self.target + source[len(self.source) :]

    def identity(self, now: Picture) -> str:
        return identity(now[names.pool_of(self.target)].pool_guid, self.source, self.target)

    def tag_on(self, source: DatasetPicture, now: Picture) -> str:
        """Return the tag with which this mirror holds on a source dataset: one of its own, if that is there."""
        beside = marks.tag_beside(self.tag, self.identity(now))
        return beside if any(beside in snapshot.holds for snapshot in source.snapshots) else self.tag

    def source_tags(self, now: Picture) -> set[str]:
        """Return all tags that this mirror may place or release on its source."""
        mirror = self.identity(now)
        return {self.tag, marks.tag_beside(self.tag, mirror), marks.claim_tag(self.tag, mirror)}

    def may_change(self, bookmark: str, now: Picture) -> bool:
        """Whether this mirror may create or destroy a bookmark, by the name after the #."""
        owner = marks.bookmarking_mirror(self.tag, bookmark)
        return names.is_bookmark_of(self.tag, bookmark) and owner in (None, self.identity(now))


def settled(now: Picture, mirror: Mirror) -> Picture:
    """Return the same with each copy in its place that is still beside an empty placeholder, or beside nothing.

    A run that dies while a copy takes its place leaves some datasets by the one name, and some by the other. Where
    somebody took a snapshot of the placeholder meanwhile, only what is below the copy is shown in its place.
    """
    seen = dict(now)
    for copy in sorted(name for name in now if is_in_target(name, mirror) and name.endswith(names.BESIDE_SUFFIX)):
        place = copy.removesuffix(names.BESIDE_SUFFIX)
        holder = now.get(place)
        is_free = holder is None or (holder.is_marked and not holder.blocks)
        is_used = holder is not None and bool(holder.snapshots)
        if not now[copy].snapshots or not is_free or mirror.source + copy[len(mirror.target) :] in now:
            continue
        for name in [name for name in seen if is_in(name, copy) and not (is_used and name == copy)]:
            moved = place + name[len(copy) :]
            dataset = seen.pop(name)
            if name == copy or moved not in seen:
                seen[moved] = replace(dataset, name=moved)
    return seen


def all_settled(now: Picture) -> Picture:
    """Return the same with each copy of each mirror in its place: that of a chain's first mirror is also a source."""
    for mirror in MIRRORS:
        now = settled(now, mirror)
    return now


def is_in_target(name: str, mirror: Mirror) -> bool:
    """Whether a dataset is the mirror's: also while its root's copy is beside its place."""
    return is_in(name, mirror.target) or is_in(name, names.beside(mirror.target))


FIRST = Mirror("first", "a/data", "b/copy")
SECOND = Mirror("second", "a/data", "d/deep/copy")
CHAIN = Mirror("chain", "b/copy", "c/copy")
MIRRORS = (FIRST, SECOND, CHAIN)
