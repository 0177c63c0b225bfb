"""Every plan of every world keeps these properties: the copy is never at risk, and one pass is enough."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import event, given, settings

from tests.support.notation import CLAIM, OWN_TAG, TAG, TARGET, TARGET_TAG
from tests.support.replay import arriving_guids, guids, moments, result
from tests.support.worlds import World, worlds
from zfs_replicate.model import Bookmark, Dataset, Snapshot
from zfs_replicate.plan.pair import Pair
from zfs_replicate.plan.planner import plan_dataset
from zfs_replicate.plans import DatasetPlan
from zfs_replicate.steps import Expire, Hold, Release, Resume, Send, Side, Verify

EXAMPLES = 150


def for_every_world(function: Callable[[World], None]) -> Callable[[], None]:
    """Check a property on random worlds; without deadlines, because machines are noisy."""
    return settings(deadline=None, max_examples=EXAMPLES)(given(world=worlds())(function))


def planned(world: World) -> DatasetPlan:
    return plan_dataset(Pair.of(world.source, TARGET, world.target), world.is_parent, world.context)


def newest_common(source: Dataset, target: Dataset | None) -> int | None:
    """Return the guid of the newest source snapshot or bookmark that is on the target."""
    entries: list[Snapshot | Bookmark] = [*source.snapshots, *source.bookmarks]
    entries.sort(key=lambda entry: entry.createtxg)
    return next((entry.guid for entry in reversed(entries) if entry.guid in guids(target)), None)


def places(plan: DatasetPlan, *kinds: type) -> list[int]:
    return [place for place, step in enumerate(plan.steps) if isinstance(step, kinds)]


def held(plan: DatasetPlan, side: Side) -> list[int]:
    return [place for place, step in enumerate(plan.steps) if isinstance(step, Hold) and step.side is side]


def find(dataset: Dataset | None, whole_name: str) -> Snapshot:
    assert dataset is not None
    (snapshot,) = (one for one in dataset.snapshots if f"{dataset.name}@{one.name}" == whole_name)
    return snapshot


@for_every_world
def test_a_plan_never_meets_a_refusal(world: World) -> None:
    """The replay refuses what ZFS would: a missing base, a dataset that already exists, destroying a held snapshot."""
    plan = planned(world)
    event("conflict" if plan.conflict else f"{len(places(plan, Send, Resume))} streams")
    result(world.source, world.target, plan)


@for_every_world
def test_a_conflict_only_places_holds(world: World) -> None:
    plan = planned(world)
    assert plan.conflict is None or all(isinstance(step, Hold) for step in plan.steps)


@for_every_world
def test_a_conflict_leaves_the_newest_common_one_held(world: World) -> None:
    plan = planned(world)
    target = () if world.target is None else world.target.snapshots
    common = [one for one in world.source.snapshots if one.guid in {other.guid for other in target}]
    if plan.conflict is not None and common:
        assert common[-1] in plan.held


@for_every_world
def test_the_newest_common_snapshot_never_expires(world: World) -> None:
    for moment in moments(world.source, world.target, planned(world)):
        if isinstance(moment.step, Expire):
            names = [f"{TARGET}@{expired.name}" for expired in moment.step.snapshots]
            assert newest_common(moment.source, moment.target) not in {find(moment.target, name).guid for name in names}


@for_every_world
def test_a_base_is_never_lost(world: World) -> None:
    before = newest_common(world.source, world.target)
    after = newest_common(*result(world.source, world.target, planned(world)))
    assert before is None or after is not None


@for_every_world
def test_held_or_cloned_snapshots_never_expire(world: World) -> None:
    for moment in moments(world.source, world.target, planned(world)):
        if isinstance(moment.step, Expire):
            for expired in moment.step.snapshots:
                snapshot = find(moment.target, f"{TARGET}@{expired.name}")
                assert (snapshot.holds, snapshot.clones) == ((), ())


@for_every_world
def test_nothing_expires_without_keep_days_or_inside_the_window(world: World) -> None:
    keep_days, now = world.context.policy.keep_days, world.context.now
    for moment in moments(world.source, world.target, planned(world)):
        if isinstance(moment.step, Expire):
            assert keep_days is not None
            creations = [find(moment.target, f"{TARGET}@{old.name}").creation for old in moment.step.snapshots]
            assert keep_days == 0 or max(creations) <= now - keep_days * 86_400


@for_every_world
def test_holds_precede_streams_and_verification_precedes_release(world: World) -> None:
    plan = planned(world)
    hold, streams, verify = held(plan, Side.SOURCE), places(plan, Send, Resume), places(plan, Verify)
    releases = places(plan, Release, Expire)
    assert len(verify) == (1 if streams else 0)
    assert hold + streams + verify == sorted(hold + streams + verify)
    repairs = [place for place in held(plan, Side.TARGET) if streams and place < streams[0]]
    renewals = held(plan, Side.TARGET)[len(repairs) :]
    assert hold + repairs + streams + verify + renewals + releases == sorted(
        hold + repairs + streams + verify + renewals + releases
    )


@for_every_world
def test_the_base_is_held_on_the_target_while_a_stream_runs(world: World) -> None:
    plan = planned(world)
    for moment in moments(world.source, world.target, plan):
        if isinstance(moment.step, Send | Resume) and moment.target is not None and plan.base is not None:
            holds = [snapshot.holds for snapshot in moment.target.snapshots if snapshot.guid == plan.base.guid]
            assert all(TARGET_TAG in tags for tags in holds)


@for_every_world
def test_base_and_tip_are_held_while_a_stream_runs(world: World) -> None:
    for moment in moments(world.source, world.target, planned(world)):
        if isinstance(moment.step, Send | Resume):
            base = moment.step.base if isinstance(moment.step, Send) else None
            ends = [moment.step.snapshot, *([base] if base and "@" in base else [])]
            assert all({TAG, OWN_TAG} & set(find(moment.source, name).holds) for name in ends)


@for_every_world
def test_a_first_copy_leaves_one_hold(world: World) -> None:
    """Unless it is resumed: then what came before its first snapshot is not sent."""
    plan = planned(world)
    if plan.base is None and places(plan, Send) and not places(plan, Resume):
        event("a first copy")
        source, _target = result(world.source, world.target, plan)
        tag = OWN_TAG if plan.held and OWN_TAG in find(source, f"{plan.source}@{plan.held[-1].name}").holds else TAG
        claimed = [s.createtxg for s in world.source.snapshots if {TAG, CLAIM} <= set(s.holds)]
        unexplained = [
            s.guid for s in world.source.snapshots if TAG in s.holds and s.createtxg < min(claimed, default=0)
        ]
        left = [s for s in source.snapshots if tag in s.holds and s.guid not in unexplained]
        assert left == [source.snapshots[-1]]


@for_every_world
def test_a_hold_on_what_the_target_lacks_is_never_released(world: World) -> None:
    for moment in moments(world.source, world.target, planned(world)):
        if isinstance(moment.step, Release) and moment.step.tag == TAG:
            released = {find(moment.source, name).guid for name in moment.step.snapshots}
            assert released <= guids(moment.target)


@for_every_world
def test_snapshots_that_the_target_has_are_never_sent(world: World) -> None:
    for moment in moments(world.source, world.target, planned(world)):
        if isinstance(moment.step, Send | Resume):
            assert guids(moment.target).isdisjoint(arriving_guids(moment.step, moment.source))


@for_every_world
def test_without_a_conflict_the_target_ends_with_the_source_tip(world: World) -> None:
    """The tip is the newest snapshot of the source, or a newer bookmark if its snapshot is only on the target."""
    plan = planned(world)
    _source, target = result(world.source, world.target, plan)
    if plan.conflict is None and world.source.snapshots:
        newest = world.source.snapshots[-1]
        bookmarks = [mark for mark in world.source.bookmarks if mark.guid in guids(world.target)]
        has_newer_bookmark = any(mark.createtxg > newest.createtxg for mark in bookmarks)
        assert newest.guid in guids(target) or has_newer_bookmark


@for_every_world
def test_the_newest_common_snapshot_ends_up_held_on_both_sides(world: World) -> None:
    plan = planned(world)
    source, target = result(world.source, world.target, plan)
    if plan.conflict is None and source.snapshots:
        guid = newest_common(source, target)
        on_source = [snapshot.holds for snapshot in source.snapshots if snapshot.guid == guid]
        on_target = [snapshot.holds for snapshot in target.snapshots if snapshot.guid == guid] if target else []
        assert all({TAG, OWN_TAG} & set(holds) for holds in on_source)
        assert [f"{TAG}:target" in holds for holds in on_target] == [True]


@for_every_world
def test_after_one_pass_there_is_nothing_left_to_do(world: World) -> None:
    source, target = result(world.source, world.target, planned(world))
    again = World(source, target, world.is_parent, world.context)
    if planned(world).conflict is None:
        assert planned(again).steps == ()
