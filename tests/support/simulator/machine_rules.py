"""Interleave runs, crashes and acts of administrators at random (hypothesis), and check what must always hold.

After every step, datasets that had a common snapshot still have one (while the source dataset exists). After every
run, even a crashed one, invariants.py and promises.py hold. No crash needs manual repair: every run without faults
succeeds.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.support.simulator import invariants, promises
from tests.support.simulator.faults import At, Call
from tests.support.simulator.machine_choices import AT_A_COMMAND, DAYS, IN_A_STREAM, KEEP, PLACE, WHEN
from tests.support.simulator.machine_runs import FAIL, KILL, TERM, End, Run, Trouble, run
from tests.support.simulator.machine_site import COPY_ACTS, CREATION, SOURCE_ACTS, Site
from tests.support.simulator.mirrors import CHAIN, FIRST, MIRRORS, SECOND, Mirror, all_settled, settled
from tests.support.simulator.pictures import guids_below, picture
from zfs_replicate.model import SECONDS_PER_DAY
from zfs_replicate.zfs.names import BESIDE_SUFFIX, is_beside, is_excluded

TALLY: Counter[str] = Counter()


def is_left_out(path: str, patterns: tuple[str, ...]) -> bool:
    """Whether a run does not mirror a dataset, by its path below the root, though it is there."""
    return is_excluded(path, patterns) or is_beside(path)


class Mirrors(RuleBasedStateMachine):
    """Administrators of four pools, and cron."""

    is_gentle = True
    """Whether people leave the copies what they are, so that no common snapshot goes between two runs either."""

    def __init__(self) -> None:
        super().__init__()
        self.site = Site()
        self.once_common: set[tuple[str, int]] = set()
        self.once_there: defaultdict[str, set[int]] = defaultdict(set)
        self.touched: set[str] = set()
        """The datasets that somebody changed in the middle of the last run."""
        TALLY["examples"] += 1

    # --- the source's administrator ---

    @rule(days=DAYS)
    def time_passes(self, days: int) -> None:
        self.site.advance(days)

    @rule(place=PLACE, block_count=st.integers(1, 5))
    def write(self, place: int, block_count: int) -> None:
        self.site.write(place, block_count)

    @rule(place=PLACE, is_recursive=st.booleans(), block_count=st.integers(0, 5))
    def write_and_snapshot(self, place: int, is_recursive: bool, block_count: int) -> None:
        self.site.write(place, block_count)
        self.site.snapshot(place, is_recursive)

    @rule(place=PLACE, is_deferred=st.booleans())
    def destroy_snapshot(self, place: int, is_deferred: bool) -> None:
        self.site.destroy_snapshot(place, is_deferred)

    @rule(place=PLACE)
    def rename_snapshot(self, place: int) -> None:
        self.site.rename_snapshot(place)

    @rule(place=PLACE, block_count=st.integers(0, 2))
    def rotate_snapshots(self, place: int, block_count: int) -> None:
        self.site.write(place, block_count)
        self.site.rotate(place)

    @rule(place=PLACE, kind=st.sampled_from(sorted(CREATION)))
    def create_dataset(self, place: int, kind: str) -> None:
        self.site.create_dataset(place, kind)

    @rule(place=PLACE)
    def create_encrypted_parent(self, place: int) -> None:
        self.site.create_encrypted_parent(place)

    @rule(place=PLACE)
    def destroy_dataset(self, place: int) -> None:
        self.site.destroy_dataset(place)

    # --- the administrators of the copies ---

    @rule(place=PLACE)
    def rename_copy(self, place: int) -> None:
        self.site.rename_copy(place)

    @rule(place=PLACE, is_release=st.booleans())
    def hold_or_release_copy(self, place: int, is_release: bool) -> None:
        (self.site.release_copy if is_release else self.site.hold_copy)(place)

    @rule(place=PLACE, is_destroy=st.booleans())
    def clone_copy_or_destroy_clone(self, place: int, is_destroy: bool) -> None:
        (self.site.destroy_clone if is_destroy else self.site.clone_copy)(place)

    @rule(place=PLACE, is_recursive=st.booleans())
    def take_own_snapshot(self, place: int, is_recursive: bool) -> None:
        self.site.snapshot_copy(place, is_recursive)

    @rule(place=PLACE)
    def destroy_own_snapshot(self, place: int) -> None:
        self.site.destroy_own_snapshot(place)

    # --- cron ---

    @rule(keep_days=KEEP)
    def run_first(self, keep_days: int | None) -> None:
        self.run(FIRST, keep_days)

    @rule(keep_days=KEEP)
    def run_second(self, keep_days: int | None) -> None:
        self.run(SECOND, keep_days)

    @rule(keep_days=KEEP)
    def run_chain(self, keep_days: int | None) -> None:
        self.run(CHAIN, keep_days)

    # --- and what goes wrong ---

    @rule(mirror=st.sampled_from(MIRRORS), keep_days=KEEP, trouble=AT_A_COMMAND)
    def run_with_trouble_at_a_command(self, mirror: Mirror, keep_days: int | None, trouble: Trouble) -> None:
        self.run(mirror, keep_days, trouble)

    @rule(keep_days=KEEP, trouble=AT_A_COMMAND)
    def run_with_new_data_and_trouble_at_a_command(self, keep_days: int | None, trouble: Trouble) -> None:
        """Write and snapshot first, so that all steps have something to do."""
        self.write_and_snapshot(0, True, 1)
        self.run(FIRST, keep_days, trouble)

    @rule(mirror=st.sampled_from(MIRRORS), keep_days=KEEP, trouble=IN_A_STREAM)
    def run_with_trouble_in_a_stream(self, mirror: Mirror, keep_days: int | None, trouble: Trouble) -> None:
        """Give the mirror new data first; for the chain, by a run of the first mirror."""
        for place in range(3 if mirror != CHAIN else 0):
            self.site.write(place, 3)
        if mirror == CHAIN:
            self.run(FIRST, None)
        else:
            self.site.snapshot(0, is_recursive=True)
        self.run(mirror, keep_days, trouble)

    @rule(act=st.sampled_from(sorted(SOURCE_ACTS)), place=PLACE, when=WHEN, keep_days=KEEP)
    def run_while_the_source_changes(self, act: str, place: int, when: tuple[int, At], keep_days: int | None) -> None:
        self.run_while(lambda: SOURCE_ACTS[act](self.site, place), "source", when, keep_days)

    @rule(act=st.sampled_from(sorted(COPY_ACTS)), place=PLACE, when=WHEN, keep_days=KEEP)
    def run_while_the_copy_changes(self, act: str, place: int, when: tuple[int, At], keep_days: int | None) -> None:
        self.run_while(lambda: COPY_ACTS[act](self.site, place), "target", when, keep_days)

    @rule(nth=st.integers(1, 3), keep_days=KEEP)
    def run_while_an_arrival_is_replaced(self, nth: int, keep_days: int | None) -> None:
        self.write_and_snapshot(0, True, 1)
        meddling = Call(lambda: self.site.replace_arrival(FIRST))
        self.run(FIRST, keep_days, Trouble(meddling, "target", nth, "after", "zfs receive"))
        problems = list(invariants.held_without_original(picture(self.site.world), FIRST))
        assert not problems, problems

    @rule(mirror=st.sampled_from(MIRRORS), place=PLACE, is_news=st.booleans(), keep_days=KEEP)
    def run_on_a_changed_copy(self, mirror: Mirror, place: int, is_news: bool, keep_days: int | None) -> None:
        """A copy is written to, and its holds are released; it is put right after the run."""
        if is_news:
            self.write_and_snapshot(0, True, 1)
        changed = self.site.change_copy(mirror, place) if self.site.can_run(mirror) else None
        if changed is not None:
            self.run(mirror, keep_days, changed=changed)
            self.site.roll_back_copy(changed)

    @rule(mirror=st.sampled_from(MIRRORS), keep_days=KEEP, days_ahead=st.sampled_from((-400, -2, 2, 90)))
    def run_with_a_wrong_clock(self, mirror: Mirror, keep_days: int | None, days_ahead: int) -> None:
        """Nothing may expire."""
        before = guids_below(picture(self.site.world), mirror.target)
        self.site.seconds_ahead = days_ahead * SECONDS_PER_DAY
        self.run(mirror, keep_days)
        self.site.seconds_ahead = 0
        gone = before - guids_below(picture(self.site.world), mirror.target) - self.site.lost_by_hand
        assert not gone, f"{len(gone)} snapshots expired by a clock that is {days_ahead} days ahead"

    def run_while(self, act: Callable[[], None], host: str, when: tuple[int, At], keep_days: int | None) -> None:
        """Run while somebody acts, and once more: whatever the first run has left, the second one puts right."""

        def observed() -> None:
            before = picture(self.site.world)
            act()
            after = picture(self.site.world)
            changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
            self.touched |= changed | {name.replace(BESIDE_SUFFIX, "") for name in changed}

        self.run(FIRST, keep_days, Trouble(Call(observed), host, *when))
        self.run(FIRST, keep_days)

    def run(
        self,
        mirror: Mirror,
        keep_days: int | None,
        trouble: Trouble | None = None,
        changed: str | None = None,
        options: tuple[str, ...] = (),
    ) -> None:
        """Run the program, then check all invariants."""
        if not self.site.can_run(mirror):
            return
        before = picture(self.site.world)
        self.site.released_by_hand.clear()
        self.touched.clear()
        ended = run(self.site, mirror, keep_days, trouble, options)
        after = picture(self.site.world)
        finished = invariants.FinishedRun(
            mirror,
            self.site.world.now,
            keep_days,
            settled(before, mirror),
            settled(after, mirror),
            frozenset(self.site.lost_by_hand),
            frozenset(self.site.released_by_hand),
            is_meddled=trouble is not None and isinstance(trouble.action, Call),
            touched=frozenset(self.touched),
            once_there=frozenset(self.once_there[mirror.tag]),
            changed=changed,
            may_roll_back="--rollback" in options,
            excluded=frozenset(name for name in before if is_left_out(name[len(mirror.source) + 1 :], options[1:])),
        )
        self.once_there[mirror.tag] |= guids_below(after, mirror.target)
        self._count(ended, trouble, finished)
        problems = [*invariants.after_any_run(finished), *promises.at_any_moment(finished)]
        others = invariants.apart_from_touched(finished)
        if trouble is None or finished.is_meddled:
            problems += invariants.after_whole_run(others)
        if trouble is None or finished.is_meddled or trouble.action in (KILL, TERM):
            problems += invariants.after_orderly_run(others)
        if ended.end is End.WELL:
            problems += [*invariants.after_good_run(others), *promises.after_good_run_alone(others)]
        if ended.end is End.WELL and (trouble is None or trouble.action != FAIL):
            problems += promises.marked_copies(others)
        assert not problems, (problems, ended)
        assert trouble is not None or ended.end is End.WELL or self.is_excused(ended, finished), ended.errors

    def is_excused(self, ended: Run, finished: invariants.FinishedRun) -> bool:
        """Whether each dataset that failed needs a person, or room; or the whole run a correct -x."""
        is_limited = any(dataset.quota for dataset in finished.before.values())
        is_empty = promises.is_all_left_out(finished)
        TALLY["runs that need a person"] += 1
        return all(
            (is_limited and ("OutOfSpace" in error or "not started" in error))
            or (promises.needs_a_person(finished.before, finished.mirror, source) if source else is_empty)
            for source, error in zip(ended.failed, ended.errors, strict=True)
        )

    def _count(self, ended: Run, trouble: Trouble | None, finished: invariants.FinishedRun) -> None:
        TALLY["runs"] += 1
        TALLY["crashes"] += ended.end is End.CRASHED
        TALLY["lost connections"] += ended.is_cut
        is_other = trouble is not None and ended.end is End.UNWELL and not ended.is_cut
        TALLY["runs that failed otherwise"] += is_other
        TALLY["runs that ended in conflict"] += any(error.startswith("ConflictFound") for error in ended.errors)
        TALLY["runs while an administrator acted"] += finished.is_meddled
        TALLY["streams resumed"] += ended.resumed_count
        TALLY["placeholders that a raw stream was for"] += promises.has_placeholder_for_raw(finished)
        TALLY["commands for several streams"] += ended.bundle_count
        TALLY["snapshots expired"] += len(invariants.gone(finished) - self.site.lost_by_hand)

    @invariant()
    def common_snapshot_stays(self) -> None:
        TALLY["steps"] += 1
        now = picture(self.site.world)
        for mirror in MIRRORS:
            self.once_there[mirror.tag] |= guids_below(now, mirror.target)
            for guid, is_common in invariants.common_pairs(all_settled(now), mirror):
                is_lost = not is_common and (mirror.tag, guid) in self.once_common
                assert not (self.is_gentle and is_lost), f"{mirror.tag}: no common snapshot left"
                if is_common:
                    self.once_common.add((mirror.tag, guid))
