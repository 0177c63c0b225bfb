"""Check what must always hold. (pictures of all pools before and after a run) → violations as sentences.

Identity is the guid, as in the program. Nothing of its planning is used: what is common, newest or expired is computed
anew from the pictures.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.support.simulator.machine_site import FOREIGN_TAG, OWN
from tests.support.simulator.mirrors import Mirror, is_in_target
from tests.support.simulator.pictures import DatasetPicture, Picture, SnapshotPicture, guids_below, is_in, newest_common

SECONDS_PER_DAY = 86_400


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run: its mirror, time and -k, the pools before and after, and what administrators have destroyed so far.

    `released_by_hand`: copies whose hold an administrator released meanwhile. `is_meddled`: an administrator
    acted meanwhile. `once_there`: guids that the target has had. `changed`: a copy that was written to before.
    `may_roll_back`: with --rollback. `excluded`: source datasets that -x leaves out. `touched`: the datasets that
    somebody changed meanwhile; None if that was not observed.
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
    changed: str | None = None
    may_roll_back: bool = False
    excluded: frozenset[str] = frozenset()
    touched: frozenset[str] | None = None


def apart_from_touched(run: FinishedRun) -> FinishedRun:
    """Given a run while somebody acted, return it without the datasets that were touched, on both sides."""
    mirror, touched = run.mirror, run.touched or frozenset()
    originals = {mirror.source + name[len(mirror.target) :] for name in touched if is_in(name, mirror.target)}
    sources = originals | {name for name in touched if is_in(name, mirror.source)}
    left_out = touched | sources | {mirror.counterpart(name) for name in sources}
    before, after = (
        {name: dataset for name, dataset in now.items() if name not in left_out} for now in (run.before, run.after)
    )
    return replace(run, before=before, after=after)


def gone(run: FinishedRun) -> frozenset[int]:
    """Guids that the target had before the run and no longer has."""
    return guids_below(run.before, run.mirror.target) - guids_below(run.after, run.mirror.target)


def common_pairs(now: Picture, mirror: Mirror) -> Iterator[tuple[int, bool]]:
    """For each source dataset: its guid, and whether source and target have a common snapshot."""
    for name, source in now.items():
        if is_in(name, mirror.source):
            target = now.get(mirror.counterpart(name))
            yield source.guid, bool(target and source.guids & target.guids)


def copies(now: Picture, mirror: Mirror) -> Iterator[tuple[DatasetPicture, DatasetPicture, SnapshotPicture]]:
    """Each source dataset with its copy and their newest common snapshot, as the source has it, if they have one."""
    for name, source in now.items():
        target = now.get(mirror.counterpart(name)) if is_in(name, mirror.source) else None
        newest = newest_common(source, target.guids) if target else None
        if target is not None and newest is not None:
            yield source, target, newest


def after_any_run(run: FinishedRun) -> Iterator[str]:
    yield from _source_lost(run)
    if run.touched is not None or not run.is_meddled:
        yield from _strangers_touched(run)
    yield from _holds_touched(run)
    yield from _released_blindly(run)
    yield from _bookmarks_touched(run)
    yield from _target_lost(run)


def _source_lost(run: FinishedRun) -> Iterator[str]:
    """A run destroys nothing on its source and changes no data there; its users may write more meanwhile."""
    for name, before in run.before.items():
        if not is_in(name, run.mirror.source[0]) or before.guid in run.lost_by_hand:
            continue
        after = run.after.get(name)
        if after is None or after.guid != before.guid:
            yield f"the source dataset {name} is gone"
            continue
        lost = before.guids - after.guids - run.lost_by_hand
        yield from (f"the source lost {name}@{snapshot.name}" for snapshot in before.snapshots if snapshot.guid in lost)
        if after.blocks[: len(before.blocks)] != before.blocks:
            yield f"the data of {name} changed"


def _strangers_touched(run: FinishedRun) -> Iterator[str]:
    """A run changes nothing outside its two trees: other pools, clones, copies of other mirrors."""
    mirror = run.mirror
    for name in run.before.keys() | run.after.keys():
        is_ours = is_in(name, mirror.source[0]) or is_in_target(name, mirror) or is_in(mirror.target, name)
        is_touched = run.touched is not None and name in run.touched
        if not is_ours and not is_touched and run.before.get(name) != run.after.get(name):
            yield f"{name} has nothing to do with {mirror.tag}, and changed"


def _holds_touched(run: FinishedRun) -> Iterator[str]:
    """A run changes only its own tag on the source, and only its own target tag on the target."""
    mirror = run.mirror
    for name, after in run.after.items():
        before = run.before.get(name)
        own_tags = mirror.source_tags(run.after) if is_in(name, mirror.source[0]) else set()
        own_tags |= {mirror.target_tag} if is_in(name, mirror.target) else set()
        held = {snapshot.guid: snapshot.holds for snapshot in before.snapshots} if before else {}
        for snapshot in after.snapshots:
            changed = (held.get(snapshot.guid, frozenset()) ^ snapshot.holds) - own_tags - {FOREIGN_TAG}
            yield from (f"{mirror.tag} touched the hold {tag} of {name}@{snapshot.name}" for tag in sorted(changed))


def _released_blindly(run: FinishedRun) -> Iterator[str]:
    """The tag stays on a source snapshot that is older than the base and was never on the target: another mirror may
    have set it."""
    tag = run.mirror.tag
    for name, before in run.before.items():
        after, target = run.after.get(name), run.before.get(run.mirror.counterpart(name))
        base = newest_common(before, target.guids) if target and is_in(name, run.mirror.source) else None
        if after is None or base is None:
            continue
        tagged = {snapshot.guid for snapshot in after.snapshots if tag in snapshot.holds}
        for snapshot in before.snapshots[: before.snapshots.index(base)]:
            is_released = tag in snapshot.holds and snapshot.guid in after.guids - tagged
            if is_released and snapshot.guid not in run.once_there:
                yield f"{tag} was released from {name}@{snapshot.name}, which was never on the target"


def _bookmarks_touched(run: FinishedRun) -> Iterator[str]:
    """A run creates and destroys bookmarks only on the source, and only those of its own tag."""
    for name, after in run.after.items():
        before = run.before.get(name)
        is_source = is_in(name, run.mirror.source)
        is_touched = run.is_meddled if run.touched is None else name in run.touched
        for mark, _guid in after.bookmarks ^ (before.bookmarks if before else frozenset()):
            is_of_person = mark.startswith(OWN) and (is_touched or run.may_roll_back)
            if not is_of_person and not (is_source and run.mirror.may_change(mark, run.after)):
                yield f"{run.mirror.tag} touched the bookmark {name}#{mark}"


def _target_lost(run: FinishedRun) -> Iterator[str]:
    """A target snapshot is destroyed only if it has expired and nothing keeps it; a dataset, only if unfinished."""
    mirror = run.mirror
    for name, before in run.before.items():
        if not is_in(name, mirror.target):
            continue
        after = run.after.get(name)
        if after is None and not before.is_unfinished:
            yield f"the target dataset {name} is gone"
            continue
        here = after.guids if after else frozenset()
        source = run.after.get(mirror.source + name[len(mirror.target) :])
        newest = newest_common(source, before.guids | here) if source else None
        own = _beyond(before, source) if run.may_roll_back and source else frozenset[int]()
        for snapshot in before.snapshots:
            if snapshot.guid not in here | run.lost_by_hand | own:
                reason = _why_it_should_be_there(snapshot, newest, run)
                yield from [f"{name}@{snapshot.name} was destroyed, although {reason}"] if reason else []


def _beyond(target: DatasetPicture, source: DatasetPicture) -> frozenset[int]:
    """What a rollback to the newest common snapshot may discard: later snapshots that nobody else keeps."""
    newest = newest_common(source, target.guids)
    place = [snapshot.guid for snapshot in target.snapshots].index(newest.guid) if newest else len(target.snapshots)
    later = target.snapshots[place + 1 :]
    return frozenset(s.guid for s in later if FOREIGN_TAG not in s.holds and not s.clones)


def _why_it_should_be_there(snapshot: SnapshotPicture, newest: SnapshotPicture | None, run: FinishedRun) -> str:
    """Why a destroyed snapshot should have been kept; empty if it may be destroyed."""
    age = run.now - snapshot.creation
    if run.keep_days is None:
        return "there was no -k"
    if run.keep_days > 0 and age < run.keep_days * SECONDS_PER_DAY:
        return f"it was {age // SECONDS_PER_DAY} days old, with -k {run.keep_days}"
    if newest is None:
        return "there is no common snapshot"
    if newest.guid == snapshot.guid:
        return "it was the newest common one"
    released = {FOREIGN_TAG} if snapshot.guid in run.released_by_hand else set()
    foreign = sorted(snapshot.holds - {run.mirror.target_tag} - released)
    if foreign or snapshot.clones:
        return f"it was held by {foreign} or cloned as {snapshot.clones}"
    return ""


def after_orderly_run(run: FinishedRun) -> Iterator[str]:
    """The source cannot destroy the newest snapshot that has arrived: a run that ends in order, and reaches the source
    to its end, leaves it held, even if streams were cut."""
    before = {source.guid: newest.guid for source, _target, newest in copies(run.before, run.mirror)}
    for source, _target, newest in copies(run.after, run.mirror):
        if newest.guid != before.get(source.guid) and run.mirror.tag_on(source, run.after) not in newest.holds:
            yield f"{source.name}@{newest.name} has arrived, and is not held"


def after_whole_run(run: FinishedRun) -> Iterator[str]:
    """A run without a fault that reached its end leaves the newest common snapshot of every dataset held on the source,
    whatever else is wrong with the dataset; and on the target, even if the copy is in conflict because it changed."""
    mirror = run.mirror
    for source, target, newest in copies(run.after, mirror):
        if source.name in run.excluded:
            continue
        if mirror.tag_on(source, run.after) not in newest.holds:
            yield f"{source.name}@{newest.name} is the newest common snapshot, and is not held"
        place = [snapshot.guid for snapshot in target.snapshots].index(newest.guid)
        is_held = any(mirror.target_tag in snapshot.holds for snapshot in target.snapshots[place:])
        if target.name == run.changed and not is_held:
            yield f"{target.name}@{target.snapshots[place].name} is the newest common snapshot, and is not held"


def after_good_run(run: FinishedRun) -> Iterator[str]:
    """Each dataset is mirrored up to its newest snapshot, only that one has the tags, and copies have the same data."""
    mirror = run.mirror
    for name, source in run.after.items():
        if not is_in(name, mirror.source) or not source.snapshots or name in run.excluded:
            continue
        target = run.after.get(mirror.counterpart(name))
        if target is None:
            yield f"{name} was not mirrored"
            continue
        tip = source.snapshots[-1]
        newest = newest_common(source, target.guids)
        if newest is None or newest.guid != tip.guid:
            yield f"{name}: the newest common snapshot is {newest and newest.name}, the newest one is {tip.name}"
        yield from _tagged_elsewhere(source, mirror.tag_on(source, run.after), tip.guid, target.guids)
        yield from _tagged_elsewhere(target, mirror.target_tag, tip.guid, _up_to(target, tip.guid))
        yield from _untrue(source, target)


def _up_to(target: DatasetPicture, guid: int) -> frozenset[int]:
    """The snapshots up to this one: a later one was lost on the source, and only a person may decide about it."""
    guids = [snapshot.guid for snapshot in target.snapshots]
    return frozenset(guids[: guids.index(guid) + 1] if guid in guids else guids)


def strangers(run: FinishedRun) -> Iterator[SnapshotPicture]:
    """Source snapshots with the tag that are not on the target: a tag that nothing would ever release."""
    mirror = run.mirror
    for name, source in run.after.items():
        target = run.after.get(mirror.counterpart(name)) if is_in(name, mirror.source) else None
        known = target.guids if target else source.guids
        tag = mirror.tag_on(source, run.after)
        yield from (s for s in source.snapshots if tag in s.holds and s.guid not in known)


def _tagged_elsewhere(dataset: DatasetPicture, tag: str, guid: int, known: frozenset[int]) -> Iterator[str]:
    """Snapshots that the target does not have do not count here: see `strangers`."""
    tagged = [snapshot for snapshot in dataset.snapshots if tag in snapshot.holds and snapshot.guid in known]
    if [snapshot.guid for snapshot in tagged] != [guid]:
        names = [snapshot.name for snapshot in tagged]
        yield f"{dataset.name}: {tag} is on {names}, not only on the newest common one"


def _untrue(source: DatasetPicture, target: DatasetPicture) -> Iterator[str]:
    contents = {snapshot.guid: snapshot.content for snapshot in source.snapshots}
    for snapshot in target.snapshots:
        if contents.get(snapshot.guid, snapshot.content) != snapshot.content:
            yield f"{target.name}@{snapshot.name} has different data from its original"


def held_without_original(now: Picture, mirror: Mirror) -> Iterator[str]:
    """Own snapshots of a copy with the target tag: held in place of another with the same name."""
    originals = guids_below(now, mirror.source)
    for name, dataset in now.items():
        for snapshot in dataset.snapshots if is_in(name, mirror.target) else ():
            is_own = snapshot.guid not in originals and not snapshot.is_received
            if mirror.target_tag in snapshot.holds and is_own:
                yield f"{name}@{snapshot.name} is held, but is not a copy"
