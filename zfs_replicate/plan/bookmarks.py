"""Keep one bookmark of the newest common snapshot on the source. (Pair, tip, PlanContext) → step. Pure.

It is a base to fall back on should the held snapshot be lost, and shows other mirrors with the same tag that this one
is there. Where there can be none, a claim shows that.
"""

from __future__ import annotations

from collections.abc import Sequence

from zfs_replicate.model import Bookmark, Dataset, PlanContext, Snapshot
from zfs_replicate.plan.identity import Standing
from zfs_replicate.plan.pair import Pair
from zfs_replicate.steps import BookmarkSource
from zfs_replicate.zfs import marks, names

MAX_BOOKMARKS = 3
"""With this many older bookmarks of ours, the user evidently may not destroy them: create no more."""


def renewed_bookmark(
    pair: Pair, tip: Snapshot | Bookmark, standing: Standing, claimed: Sequence[Snapshot], context: PlanContext
) -> tuple[BookmarkSource, ...]:
    """Return the step that bookmarks the tip and destroys our older bookmarks, if it is needed.

    No bookmark is created if its name would be too long, or if older ones pile up; then the newest of them stays. Where
    no bookmark of ours is there, and none can be made, the step places the claim. `claimed`: get it before.
    A bookmark of an older version does not say whose it is: it goes with the hold on its snapshot, and only where the
    target still has our hold on that. While a hold was not read, all stay.
    """
    if not isinstance(tip, Snapshot):
        return ()
    source, tag = pair.source, context.policy.tag
    name = marks.bookmark_name(tag, context.mirror, tip.name)
    if any(mark.name == name and mark.guid != tip.guid for mark in source.bookmarks):
        name = f"{name}.{tip.guid}"  # of a snapshot that had this name before: it goes once the new one is there
    own = _own(source, context)
    is_present = any(mark.name == name and mark.guid == tip.guid for mark in own)
    older = [mark for mark in own if mark.name != name]
    is_valid = len(source.name) + 1 + len(name) <= names.MAX_NAME_LENGTH
    is_missing = context.has_bookmarks and is_valid and not is_present and len(older) < MAX_BOOKMARKS
    bookmark = f"{source.name}#{name}" if is_missing else None
    replaced = older if is_missing or is_present else older[:-1]
    if own and not standing.is_apart:
        copies = pair.target.snapshots if pair.target else ()
        ours = {copy.guid for copy in copies if context.policy.target_tag in copy.holds}
        decided = ours - standing.undecided
        replaced += [mark for mark in source.bookmarks if mark.guid in decided and marks.is_unmarked(tag, mark.name)]
    if standing.unread:
        replaced = []  # any of them may show whose that hold is
    claim = None if own or standing.is_apart else standing.claim
    is_claim_missing = claim is not None and claim not in tip.holds and tip not in claimed
    obsolete = tuple(f"{source.name}#{mark.name}" for mark in replaced)
    step = BookmarkSource(f"{source.name}@{tip.name}", bookmark, obsolete, claim)
    return (step,) if bookmark or replaced or is_claim_missing else ()


def has_bookmark_of(source: Dataset, context: PlanContext) -> bool:
    """Whether a bookmark on the source shows this mirror."""
    return bool(_own(source, context))


def _own(source: Dataset, context: PlanContext) -> list[Bookmark]:
    tag, mirror = context.policy.tag, context.mirror
    return [mark for mark in source.bookmarks if marks.bookmarking_mirror(tag, mark.name) == mirror]
