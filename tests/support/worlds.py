"""Generate random histories of one dataset and its mirror, for hypothesis.

A history is a list of events, oldest first. Each is a snapshot taken on the source, which may since have been copied,
destroyed, bookmarked, renamed, or held on either side; or a snapshot taken on the target.
"""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from tests.support.notation import CLAIM, NOW, OTHER_TAG, OWN_TAG, SOURCE, TAG, TARGET, TARGET_TAG, context
from zfs_replicate.model import (
    SECONDS_PER_DAY,
    Bookmark,
    Dataset,
    Kind,
    PlanContext,
    ResumeToken,
    Snapshot,
    TokenContents,
)

SOURCE_HOLDS = st.sampled_from(
    [(), (), (TAG,), (OTHER_TAG,), (OTHER_TAG, TAG), (TARGET_TAG,), (OWN_TAG,), (CLAIM, TAG)]
)
TARGET_HOLDS = st.sampled_from([(), (), (TARGET_TAG,), (OTHER_TAG,), (TARGET_TAG, OTHER_TAG), (TAG,)])
CLONES = st.sampled_from([(), (), (), (), ("tank/clone",)])
WRITTEN = st.sampled_from([0, 0, 0, 0, 0, 0, 0, 512])
KEEP_DAYS = st.sampled_from([None, 0, 1, 30])


@dataclass(frozen=True)
class World:
    source: Dataset
    target: Dataset | None
    is_parent: bool
    context: PlanContext


@dataclass
class _Sides:
    """The two histories while they are generated."""

    source: list[Snapshot]
    bookmarks: list[Bookmark]
    target: list[Snapshot]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Generate any world: an absent, empty or diverged target, tokens of all kinds, encryption on either side."""
    sides = _Sides([], [], [])
    reached = draw(st.integers(0, 7))  # newer snapshots were never copied
    ages = sorted(draw(st.lists(st.sampled_from([0, 1, 5, 29, 30, 31, 90]), min_size=7, max_size=7)), reverse=True)
    for index in range(draw(st.integers(0, 7))):
        draw(_event(sides, index, NOW - ages[index] * SECONDS_PER_DAY, index < reached))
    kind = draw(st.sampled_from(list(Kind)))
    is_encrypted = draw(st.booleans())
    source = Dataset(SOURCE, kind, is_encrypted, snapshots=tuple(sides.source), bookmarks=tuple(sides.bookmarks))
    plan_context = context(draw(KEEP_DAYS), (), draw(st.booleans()), draw(st.booleans()))
    return World(source, draw(_target(source, sides)), draw(st.booleans()), plan_context)


@st.composite
def _event(draw: st.DrawFn, sides: _Sides, index: int, creation: int, is_copied: bool) -> None:
    guid, name = 7000 + index, f"s{index}"
    is_own = is_copied and draw(st.integers(0, 5)) == 0
    on_source = not is_own and draw(st.integers(0, 3)) > 0
    if on_source:
        holds, clones = draw(SOURCE_HOLDS), draw(CLONES)
        sides.source.append(Snapshot(name, guid, 1000 + index, creation, draw(WRITTEN), holds, clones))
    if not is_own and draw(st.integers(0, 2)) == 0:
        sides.bookmarks.append(Bookmark(name, guid, 1000 + index, creation))
    if is_own or (is_copied and draw(st.integers(0, 3)) > 0):
        target_name = draw(st.sampled_from([name, name, name, f"renamed{index}", f"s{index + 2}"]))
        if target_name not in {snapshot.name for snapshot in sides.target}:
            written = draw(WRITTEN)
            holds, clones = draw(TARGET_HOLDS), draw(CLONES)
            sides.target.append(Snapshot(target_name, guid, 10 + index, creation, written, holds, clones))


@st.composite
def _target(draw: st.DrawFn, source: Dataset, sides: _Sides) -> Dataset | None:
    shape = draw(st.sampled_from(["dataset", "dataset", "placeholder", "cut", "absent"]))
    token = draw(_tokens(source, sides)) if shape == "cut" or draw(st.integers(0, 3)) == 0 else None
    if shape == "absent" or not (sides.target or token or shape == "placeholder" or draw(st.booleans())):
        return None
    kind = source.kind if draw(st.integers(0, 9)) else draw(st.sampled_from(list(Kind)))
    is_encrypted = source.is_encrypted if draw(st.integers(0, 5)) else draw(st.booleans())
    snapshots = () if shape == "placeholder" else tuple(sides.target)
    is_marked = shape == "placeholder" or (bool(snapshots) and draw(st.integers(0, 4)) == 0)
    return Dataset(TARGET, kind, is_encrypted, draw(WRITTEN), snapshots, (), token, is_marked)


@st.composite
def _tokens(draw: st.DrawFn, source: Dataset, sides: _Sides) -> ResumeToken:
    """Generate a token as receive leaves it: on top of the newest copied snapshot, or of none; sometimes damaged."""
    if draw(st.integers(0, 7)) == 0:
        return ResumeToken("1-token", None)
    known = {snapshot.guid for snapshot in source.snapshots} | {bookmark.guid for bookmark in source.bookmarks}
    common = [snapshot.guid for snapshot in sides.target if snapshot.guid in known]
    base = common[-1] if common else None
    newer = [snapshot for snapshot in source.snapshots if base is None or snapshot.guid > base]
    tip = draw(st.sampled_from(newer)) if newer and draw(st.integers(0, 3)) > 0 else None
    guid, name = (tip.guid, tip.name) if tip else (1, "vanished")
    is_raw = source.is_encrypted if draw(st.integers(0, 5)) else draw(st.booleans())
    return ResumeToken("1-token", TokenContents(f"{SOURCE}@{name}", guid, base, is_raw))
