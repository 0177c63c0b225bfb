"""Say that another mirror uses the same tag on the source, and what to do. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace

from zfs_replicate.config import Connection
from zfs_replicate.model import Survey
from zfs_replicate.plan.identity import mirror_of, standing_of
from zfs_replicate.plan.leftovers import UNKNOWN, releasing
from zfs_replicate.plan.pair import match_trees
from zfs_replicate.plans import Plan, Sharing
from zfs_replicate.zfs import marks


def with_sharing(plan: Plan, tag: str, connection: Connection, source: str) -> Plan:
    """Given a plan, return it with a warning in the first run of a mirror that shares its tag; later, with a note.

    A working pair needs nobody, so its nightly runs print nothing; -v, -n and the report show the note.
    """
    shared = [dataset for dataset in plan.datasets if dataset.sharing is not None]
    sharings = [dataset.sharing for dataset in shared if dataset.sharing is not None]
    if not sharings:
        return plan
    text = _problem(sharings, tag, connection, source)
    if all(sharing.is_joining for sharing in sharings):
        return replace(plan, warnings=(*plan.warnings, text))
    noted = replace(shared[0], notes=(*shared[0].notes, text))
    return replace(plan, datasets=tuple(noted if dataset is shared[0] else dataset for dataset in plan.datasets))


def sharing_problem(survey: Survey, excludes: tuple[str, ...], tag: str, connection: Connection) -> str | None:
    """Given both sides, return who else uses the tag on the source; None if nobody seems to."""
    pairs, _orphans = match_trees(survey.source, survey.target, excludes)
    standings = (standing_of(pair, tag, mirror_of(survey)) for pair in pairs if pair.target is not None)
    sharings = [standing.sharing for standing in standings if standing.sharing is not None]
    return _problem(sharings, tag, connection, survey.source.root) if sharings else None


def _problem(sharings: Sequence[Sharing], tag: str, connection: Connection, source: str) -> str:
    """Return who else uses the tag, and the commands that let the others go."""
    others = sorted({other for sharing in sharings for other in sharing.others})
    is_apart = any(sharing.is_apart for sharing in sharings)
    own = f"; this one holds beside it with {marks.tag_beside(tag, sharings[0].mirror)}" if is_apart else ""
    asked: list[tuple[str, ...]] = [(marks.tag_beside(tag, other),) for other in others]
    asked += [(tag, UNKNOWN)] if any(sharing.is_unknown for sharing in sharings) else []
    commands = "; or: ".join(shlex.join((*releasing(connection, *words), "-r", source)) for words in asked)
    names = f" ({', '.join(others)})" if others else ""
    return (
        f"{source} on {connection.host}: another mirror{names}, or this one with another -r or -l before, seems to use"
        f" the tag {tag}, too{own}; give one of them another -t; or, if the other target is gone, let it go: {commands}"
    )
