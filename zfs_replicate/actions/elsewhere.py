"""Look for a mirror's holds outside of its trees, too. (Survey, Place, Place, …) → Survey.

It costs a listing of the target's pool, and one of the source's if a held copy here is not in the mirrored tree there;
so only those ask for it who read its result: a dry run, -v and status.
"""

from __future__ import annotations

from dataclasses import replace

from zfs_replicate.model import TARGET_SUFFIX, Survey
from zfs_replicate.plan.identity import mirror_of
from zfs_replicate.plan.leftovers import orphaned_guids
from zfs_replicate.run.elsewhere import held_elsewhere
from zfs_replicate.run.survey import Place
from zfs_replicate.zfs import marks


def with_elsewhere(survey: Survey, source: Place, target: Place, excludes: tuple[str, ...], tag: str) -> Survey:
    """Return the survey with the held snapshots that were moved out of the trees, as far as they can be told."""
    own_tags = marks.tag_beside(tag, mirror_of(survey)), tag
    moved = held_elsewhere(source, own_tags, orphaned_guids(survey, excludes, tag))
    originals = survey.source.datasets.values()
    guids = frozenset(snapshot.guid for dataset in originals for snapshot in dataset.snapshots)
    guids |= frozenset(bookmark.guid for dataset in originals for bookmark in dataset.bookmarks)
    aside = held_elsewhere(target, (f"{tag}{TARGET_SUFFIX}",), guids, target.root)
    return replace(survey, moved=moved, aside=tuple(name for _tag, name in aside))
