"""Look for a mirror's holds outside of its trees, too. (Survey, Place, Place, …) → Survey.

It costs a listing of the target's pool, and one of the source's if a held copy here is not in the mirrored tree there;
so only those ask for it who read its result: a dry run, -v and status.
"""

from __future__ import annotations

from dataclasses import replace

from zfs_replicate.model import Survey
from zfs_replicate.plan.leftovers import original_guids, orphaned_guids
from zfs_replicate.run.elsewhere import held_elsewhere
from zfs_replicate.run.survey import Place


def with_elsewhere(survey: Survey, source: Place, target: Place, excludes: tuple[str, ...], tag: str) -> Survey:
    """Return the survey with the held snapshots that were moved out of the trees, as far as they can be told."""
    moved = held_elsewhere(source, orphaned_guids(survey, excludes, tag))
    aside = held_elsewhere(target, original_guids(survey), target.root)
    return replace(survey, moved=moved, aside=aside)
