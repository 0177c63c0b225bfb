"""What must be true whatever happens. Pictures of all pools before and after a run in, violations as sentences out.

Identity is the guid, here as in the program; but nothing of the program's planning is used: what is common, newest or
past its time is worked out anew from the pictures.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.support.simulator.machine_site import FOREIGN_TAG, Mirror
from tests.support.simulator.pictures import DatasetPicture, Picture, SnapshotPicture, guids_below, is_in, newest_common
from zfs_replicate.zfs.names import is_bookmark_of

SECONDS_PER_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Ran:
    """A run: which mirror, when, its -k, the pools before and after, and what administrators destroyed so far.

    `released_by_hand`: copies whose hold an administrator released meanwhile. `is_meddled`: an administrator did
    something meanwhile. `once_there`: guids that the target was seen to have.
    """

    mirror: Mirror
    now: int
    keep_days: int | None
    before: Picture
    after: Picture
    lost_by_hand: frozenset[int] = frozenset()
    released_by_hand: frozenset[int] = frozenset()
    is_meddled: bool = False
    once_there: frozenset[int] = frozenset()


def gone(ran: Ran) -> frozenset[int]:
    """What the target had before the run, and has no longer."""
    return guids_below(ran.before, ran.mirror.target) - guids_below(ran.after, ran.mirror.target)


def common_pairs(now: Picture, mirror: Mirror) -> Iterator[tuple[int, bool]]:
    """For each dataset of the source: its guid, and whether source and target have a snapshot in common."""
    for name, source in now.items():
        if is_in(name, mirror.source):
            target = now.get(mirror.counterpart(name))
            yield source.guid, bool(target and source.guids & target.guids)


def after_any_run(ran: Ran) -> Iterator[str]:
    yield from _source_lost(ran)
    if not ran.is_meddled:
        yield from _strangers_touched(ran)
    yield from _holds_touched(ran)
    yield from _released_blindly(ran)
    yield from _bookmarks_touched(ran)
    yield from _target_lost(ran)


def _source_lost(ran: Ran) -> Iterator[str]:
    """A run takes nothing from its source and changes none of its data."""
    for name, before in ran.before.items():
        if not is_in(name, ran.mirror.source[0]) or before.guid in ran.lost_by_hand:
            continue
        after = ran.after.get(name)
        if after is None or after.guid != before.guid:
            yield f"the source dataset {name} is gone"
            continue
        lost = before.guids - after.guids - ran.lost_by_hand
        yield from (f"the source lost {name}@{each.name}" for each in before.snapshots if each.guid in lost)
        if after.blocks != before.blocks:
            yield f"the data of {name} changed"


def _strangers_touched(ran: Ran) -> Iterator[str]:
    """What lies outside the two trees is none of the run's business: other pools, clones, other mirrors' copies."""
    mirror = ran.mirror
    for name in ran.before.keys() | ran.after.keys():
        is_ours = is_in(name, mirror.source[0]) or is_in(name, mirror.target) or is_in(mirror.target, name)
        if not is_ours and ran.before.get(name) != ran.after.get(name):
            yield f"{name} has nothing to do with {mirror.tag}, and changed"


def _holds_touched(ran: Ran) -> Iterator[str]:
    """On the source a run moves its own tag only, on the target its own target tag only."""
    mirror = ran.mirror
    for name, after in ran.after.items():
        before = ran.before.get(name)
        ours = {mirror.tag} if is_in(name, mirror.source[0]) else set()
        ours |= {mirror.target_tag} if is_in(name, mirror.target) else set()
        held = {snapshot.guid: snapshot.holds for snapshot in before.snapshots} if before else {}
        for snapshot in after.snapshots:
            changed = (held.get(snapshot.guid, frozenset()) ^ snapshot.holds) - ours - {FOREIGN_TAG}
            yield from (f"{mirror.tag} touched the hold {tag} of {name}@{snapshot.name}" for tag in sorted(changed))


def _released_blindly(ran: Ran) -> Iterator[str]:
    """The tag stays on a source snapshot that the target never had and never will have, being older than the base:
    another mirror may have put it there."""
    tag = ran.mirror.tag
    for name, before in ran.before.items():
        after, target = ran.after.get(name), ran.before.get(ran.mirror.counterpart(name))
        base = newest_common(before, target.guids) if target and is_in(name, ran.mirror.source) else None
        if after is None or base is None:
            continue
        tagged = {snapshot.guid for snapshot in after.snapshots if tag in snapshot.holds}
        for snapshot in before.snapshots[: before.snapshots.index(base)]:
            is_released = tag in snapshot.holds and snapshot.guid in after.guids - tagged
            if is_released and snapshot.guid not in ran.once_there:
                yield f"{tag} was released from {name}@{snapshot.name}, which was never on the target"


def _bookmarks_touched(ran: Ran) -> Iterator[str]:
    """Bookmarks are made and destroyed on the source only, and only those named after the own tag."""
    for name, after in ran.after.items():
        before = ran.before.get(name)
        is_source = is_in(name, ran.mirror.source)
        for mark, _guid in after.bookmarks ^ (before.bookmarks if before else frozenset()):
            if not (is_source and is_bookmark_of(ran.mirror.tag, mark)):
                yield f"{ran.mirror.tag} touched the bookmark {name}#{mark}"


def _target_lost(ran: Ran) -> Iterator[str]:
    """A target snapshot goes only when its time is over, and nothing keeps it; a dataset, only an unfinished one."""
    mirror = ran.mirror
    for name, before in ran.before.items():
        if not is_in(name, mirror.target):
            continue
        after = ran.after.get(name)
        if after is None and not before.is_unfinished:
            yield f"the target dataset {name} is gone"
            continue
        here = after.guids if after else frozenset()
        source = ran.after.get(mirror.source + name[len(mirror.target) :])
        newest = newest_common(source, before.guids | here) if source else None
        for snapshot in before.snapshots:
            if snapshot.guid not in here | ran.lost_by_hand:
                reason = _why_it_should_be_there(snapshot, newest, ran)
                yield from [f"{name}@{snapshot.name} was destroyed, although {reason}"] if reason else []


def _why_it_should_be_there(snapshot: SnapshotPicture, newest: SnapshotPicture | None, ran: Ran) -> str:
    """Why a snapshot that has gone should not have; empty where it might."""
    age = ran.now - snapshot.creation
    if ran.keep_days is None:
        return "there was no -k"
    if ran.keep_days > 0 and age < ran.keep_days * SECONDS_PER_DAY:
        return f"it was {age // SECONDS_PER_DAY} days old, with -k {ran.keep_days}"
    if newest is None:
        return "there is no common snapshot"
    if newest.guid == snapshot.guid:
        return "it was the newest common one"
    released = {FOREIGN_TAG} if snapshot.guid in ran.released_by_hand else set()
    foreign = sorted(snapshot.holds - {ran.mirror.target_tag} - released)
    if foreign or snapshot.clones:
        return f"it was held by {foreign} or cloned as {snapshot.clones}"
    return ""


def after_good_run(ran: Ran) -> Iterator[str]:
    """Each dataset is mirrored up to its newest snapshot, which alone carries the tags; and the copies are true."""
    mirror = ran.mirror
    for name, source in ran.after.items():
        if not is_in(name, mirror.source) or not source.snapshots:
            continue
        target = ran.after.get(mirror.counterpart(name))
        if target is None:
            yield f"{name} was not mirrored"
            continue
        tip = source.snapshots[-1]
        newest = newest_common(source, target.guids)
        if newest is None or newest.guid != tip.guid:
            yield f"{name}: the newest common snapshot is {newest and newest.name}, the newest one is {tip.name}"
        yield from _tagged_elsewhere(source, mirror.tag, tip.guid, target.guids)
        yield from _tagged_elsewhere(target, mirror.target_tag, tip.guid, target.guids)
        yield from _untrue(source, target)
    for stranger in strangers(ran):
        if stranger.guid in ran.once_there:
            yield f"the tag of {stranger.name} outlived its copy"


def cut_off(now: Picture, mirror: Mirror) -> list[str]:
    """Copies that end in what a crashed run brought and no hold kept on the source, where it then went: by hand, or by
    the expiry of the mirror before.

    Only a person can decide there: what it brought is nowhere else.
    """
    found = []
    for name, source in now.items():
        target = now.get(mirror.counterpart(name)) if is_in(name, mirror.source) else None
        newest = newest_common(source, target.guids) if target else None
        if target is None or newest is None:
            continue
        place = [snapshot.guid for snapshot in target.snapshots].index(newest.guid)
        if any(snapshot.is_received for snapshot in target.snapshots[place + 1 :]):
            found.append(target.name)
    return found


def strangers(ran: Ran) -> Iterator[SnapshotPicture]:
    """Source snapshots that carry the tag and are not on the target: docs/design.md has such tags stay."""
    mirror = ran.mirror
    for name, source in ran.after.items():
        target = ran.after.get(mirror.counterpart(name)) if is_in(name, mirror.source) else None
        known = target.guids if target else source.guids
        yield from (each for each in source.snapshots if mirror.tag in each.holds and each.guid not in known)


def _tagged_elsewhere(dataset: DatasetPicture, tag: str, guid: int, known: frozenset[int]) -> Iterator[str]:
    """Those that the target does not know do not count here: see `strangers`."""
    tagged = [snapshot for snapshot in dataset.snapshots if tag in snapshot.holds and snapshot.guid in known]
    if [snapshot.guid for snapshot in tagged] != [guid]:
        names = [snapshot.name for snapshot in tagged]
        yield f"{dataset.name}: {tag} is on {names}, not on the newest common one alone"


def _untrue(source: DatasetPicture, target: DatasetPicture) -> Iterator[str]:
    contents = {snapshot.guid: snapshot.content for snapshot in source.snapshots}
    for snapshot in target.snapshots:
        if contents.get(snapshot.guid, snapshot.content) != snapshot.content:
            yield f"{target.name}@{snapshot.name} has other data than its original"


def held_without_original(now: Picture, mirror: Mirror) -> Iterator[str]:
    """Copies that carry the target tag, and that the source does not have: held for another of the same name."""
    originals = guids_below(now, mirror.source)
    for name, dataset in now.items():
        for snapshot in dataset.snapshots if is_in(name, mirror.target) else ():
            if mirror.target_tag in snapshot.holds and snapshot.guid not in originals:
                yield f"{name}@{snapshot.name} is held, and is no copy"
