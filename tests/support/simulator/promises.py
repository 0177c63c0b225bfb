"""Check what a mirror promises beyond its snapshots: data written on a copy, saved receives, marks, what needs nobody.

(pictures before and after a run) → violations as sentences. Like invariants.py, it computes all anew from pictures.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tests.support.simulator.invariants import FinishedRun, copies, strangers
from tests.support.simulator.mirrors import Mirror
from tests.support.simulator.pictures import DatasetPicture, Picture, is_in, newest_common


def at_any_moment(run: FinishedRun) -> Iterator[str]:
    """Hold at each moment of a run, whether it goes on or not."""
    yield from _written_data_lost(run)
    yield from _saved_state_lost(run)
    yield from _common_snapshot_lost(run)
    yield from _protection_lost(run)


def pairs(now: Picture, mirror: Mirror) -> Iterator[tuple[DatasetPicture, DatasetPicture]]:
    """Each source dataset with its copy, whatever they have in common."""
    for name, source in now.items():
        target = now.get(mirror.counterpart(name)) if is_in(name, mirror.source) else None
        if target is not None:
            yield source, target


def _written_data_lost(run: FinishedRun) -> Iterator[str]:
    """What was written on a copy, or into a placeholder, stays there, unless --rollback can go back to a base."""
    based = {target.name for _source, target, _newest in copies(run.before, run.mirror)} if run.may_roll_back else ()
    for name, before in run.before.items():
        if not is_in(name, run.mirror.target) or name in based or not before.unsaved:
            continue
        after = run.after.get(name)
        if after is None or after.guid != before.guid or not before.unsaved <= frozenset(after.blocks):
            yield f"{name} lost what had been written to it"


def _saved_state_lost(run: FinishedRun) -> Iterator[str]:
    """What a cut receive has saved is kept or continued, as long as its stream can be continued."""
    for source, before in pairs(run.before, run.mirror):
        saved, after, source_after = before.saved, run.after.get(before.name), run.after.get(source.name)
        if saved is None or run.may_roll_back or not _can_continue(source, before):
            continue
        if source_after is None or not _can_continue(source_after, before):
            continue  # a person acted meanwhile
        newest = newest_common(source_after, after.guids) if after else None
        has_expired = run.keep_days is not None and newest is not None
        has_arrived = has_expired or (after is not None and saved.to_guid in after.guids | run.lost_by_hand)
        has_grown = (
            after is not None
            and after.saved is not None
            and after.saved.to_guid == saved.to_guid
            and after.saved.blocks[: len(saved.blocks)] == saved.blocks
        )
        if not has_arrived and not has_grown:
            yield f"{before.name} lost the saved state of {saved.to_name}"


def _can_continue(source: DatasetPicture, target: DatasetPicture) -> bool:
    """Whether the source still has what the saved state is of, and the target what it is based on, unchanged."""
    saved = target.saved
    if saved is None:
        return False
    originals = {snapshot.guid: f"{source.name}@{snapshot.name}" for snapshot in source.snapshots}
    bases = source.guids | {guid for _name, guid in source.bookmarks}
    is_based = not saved.from_guid or (
        saved.from_guid in bases and [s.guid for s in target.snapshots[-1:]] == [saved.from_guid]
    )
    return originals.get(saved.to_guid) == saved.to_name and is_based and not target.unsaved


def _common_snapshot_lost(run: FinishedRun) -> Iterator[str]:
    """Where both sides had a common snapshot, they have one: unless a person destroyed it."""
    for source, target in pairs(run.before, run.mirror):
        source_after, target_after = run.after.get(source.name), run.after.get(target.name)
        were_common = (source.guids & target.guids) - run.lost_by_hand
        if source_after is None or target_after is None or source.guid in run.lost_by_hand:
            continue
        if were_common and not source_after.guids & target_after.guids:
            yield f"{source.name} and {target.name} have no common snapshot any more"


def _protection_lost(run: FinishedRun) -> Iterator[str]:
    """Where a common snapshot was held on a side, one still is there: unless a person released or destroyed it."""
    mirror = run.mirror
    by_hand = run.lost_by_hand | run.released_by_hand
    for source, target in pairs(run.before, mirror):
        source_after, target_after = run.after.get(source.name), run.after.get(target.name)
        if source_after is None or target_after is None:
            continue
        own_tag = mirror.tag_on(source, run.before)
        sides = ((source, source_after, own_tag), (target, target_after, mirror.target_tag))
        for before, after, tag in sides:
            was_held = (_held(before, tag) & source.guids & target.guids) - by_hand
            if was_held and not _held(after, tag) & source_after.guids & target_after.guids:
                yield f"no common snapshot of {before.name} is held by {tag} any more"


def _held(dataset: DatasetPicture, tag: str) -> frozenset[int]:
    return frozenset(snapshot.guid for snapshot in dataset.snapshots if tag in snapshot.holds)


def other_let_down(run: FinishedRun, other: Mirror) -> Iterator[str]:
    """A run of one mirror leaves another one with the same tag what it needs on the source."""
    for source, target in pairs(run.before, other):
        newest = newest_common(source, target.guids)
        after = run.after.get(source.name)
        if newest is None or after is None:
            continue
        held = {snapshot.guid: snapshot.holds for snapshot in after.snapshots}.get(newest.guid, frozenset())
        own_tag = other.tag_on(source, run.before)
        if own_tag in newest.holds and own_tag not in held:
            yield f"{source.name}@{newest.name} is the base of {target.name}, and another mirror released it"
        marks = {mark for mark in source.bookmarks if mark[1] == newest.guid and other.may_change(mark[0], run.before)}
        if marks and not marks & after.bookmarks:
            yield f"{source.name}@{newest.name} is the base of {target.name}, and another mirror destroyed its bookmark"


def after_good_run_alone(run: FinishedRun) -> Iterator[str]:
    """No tag is left where nothing needs it, if no other mirror has the same tag.

    Where a person destroyed the copy of a held snapshot before, its tag stays: it is reported.
    """
    before = {snapshot.guid for snapshot in strangers(replace(run, after=run.before))}
    for snapshot in strangers(run) if not run.excluded else ():
        if snapshot.guid in before:
            continue
        yield f"the hold of {snapshot.name} has leaked: it is not on the target"


def marked_copies(run: FinishedRun) -> Iterator[str]:
    """A good run clears the mark of a placeholder from what is a copy.

    Where the command for it failed, the run ends well all the same, and the next one clears it.
    """
    for source, target in pairs(run.after, run.mirror):
        if target.is_marked and source.snapshots and source.name not in run.excluded:
            yield f"{target.name} is a copy, and still marked as a placeholder"


def needs_a_person(now: Picture, mirror: Mirror, name: str) -> bool:
    """Whether a source dataset or one above it has a copy that somebody has changed, or that has nothing in common."""
    above = name
    while is_in(above, mirror.source):
        source, target = now.get(above), now.get(mirror.counterpart(above))
        if source and target and _is_changed(source, target):
            return True
        above = above.rpartition("/")[0]
    return False


def is_all_left_out(run: FinishedRun) -> bool:
    """Whether -x leaves out each dataset that has a snapshot: an error, as an empty source is."""
    names = {name for name, dataset in run.before.items() if dataset.snapshots and is_in(name, run.mirror.source)}
    return names <= run.excluded


def has_placeholder_for_raw(run: FinishedRun) -> bool:
    """Whether before a run a plain placeholder stood where a raw stream was to go."""
    return any(_is_placeholder_for_raw(source, target) for source, target in pairs(run.before, run.mirror))


def _is_placeholder_for_raw(source: DatasetPicture, target: DatasetPicture) -> bool:
    """A raw stream cannot go into a placeholder: its copy must take the place."""
    return source.is_encrypted and bool(source.snapshots) and target.is_marked and not target.snapshots


def _is_changed(source: DatasetPicture, target: DatasetPicture) -> bool:
    newest = newest_common(source, target.guids)
    if newest is None:
        return bool(target.snapshots or target.unsaved or not (target.is_marked or target.is_unfinished))
    place = [snapshot.guid for snapshot in target.snapshots].index(newest.guid)
    names = {snapshot.name: snapshot.guid for snapshot in target.snapshots}
    is_taken = any(names.get(snapshot.name, snapshot.guid) != snapshot.guid for snapshot in source.snapshots)
    return bool(target.unsaved or target.snapshots[place + 1 :] or is_taken)
