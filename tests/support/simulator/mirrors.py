"""Name the mirrors of the random histories, and what each may change on its source."""

from __future__ import annotations

from dataclasses import dataclass

from tests.support.simulator.pictures import DatasetPicture, Picture
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


FIRST = Mirror("first", "a/data", "b/copy")
SECOND = Mirror("second", "a/data", "d/deep/copy")
CHAIN = Mirror("chain", "b/copy", "c/copy")
MIRRORS = (FIRST, SECOND, CHAIN)
