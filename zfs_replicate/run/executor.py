"""Carry out a plan. execute(Plan, RunContext, Observer) → Attempt. Never replans: the next pass retries what failed.

The phases run in this order, each for all datasets before the next begins: hold on the source; bring copies into their
places; rename; expire early what must make room; stream, several datasets in parallel, parents first; verify; hold on
the target; release and bookmark on the source; release on the target; expire. A dataset that fails is left out of the
later phases; the others continue. A dataset in conflict takes part with its holds. Whatever ends the run after the
first stream: what has arrived is held.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from functools import partial

from zfs_replicate.errors import CommandFailed, OutOfSpace, ReplicateError, TagTaken, VerificationFailed
from zfs_replicate.log_context import about
from zfs_replicate.observer import Observer
from zfs_replicate.plans import Attempt, DatasetPlan, Plan
from zfs_replicate.run.arrivals import afterwards, hold_arrivals
from zfs_replicate.run.context import RunContext
from zfs_replicate.run.expiry import expire, make_room
from zfs_replicate.run.inventory import read_guids
from zfs_replicate.run.lanes import Lane, Schedule, run_lanes
from zfs_replicate.run.ledger import Ledger
from zfs_replicate.run.parallel import run_parallel
from zfs_replicate.run.parents import create_parent
from zfs_replicate.run.places import left_behind
from zfs_replicate.run.stream_steps import (
    STREAM_STEPS,
    bundled,
    bundles,
    explained,
    is_before_streams,
    is_streamed,
    run_step,
)
from zfs_replicate.run.tagging import mark_source, tag_all, withdraw_claims
from zfs_replicate.run.transfer import Cancellation
from zfs_replicate.steps import (
    BEST_EFFORT,
    Expire,
    Hold,
    MakeRoom,
    Release,
    RenameSnapshots,
    Side,
    Step,
    TakePlace,
    Verify,
)

log = logging.getLogger(__name__)


def execute(plan: Plan, context: RunContext, observer: Observer) -> Attempt:
    """Carry out the plan and return how far it got. Raises nothing: `Attempt.error` is what ended it, even a signal."""
    ledger = Ledger(plan, context.source.name)
    error: BaseException | None = None
    try:
        _Execution(plan, replace(context, pipe=replace(context.pipe, observer=observer)), ledger).run()
    except BaseException as caught:  # the caller decides what it means
        error = caught
    return Attempt(plan, ledger.outcomes(), error=error)


class _Execution:
    """The phases of one plan. Raises: an error that belongs to no single dataset."""

    def __init__(self, plan: Plan, context: RunContext, ledger: Ledger) -> None:
        self._plan = plan
        self._context = context
        self._ledger = ledger
        self._pending = ledger.pending
        self._cancellation = Cancellation()
        self._begun: set[str] = set()
        """The source datasets of which a stream has begun."""

    def run(self) -> None:
        self._tag(Hold, Side.SOURCE)
        self._take_places()
        self._rename()
        self._repair_holds()
        self._make_room()
        for ancestor in self._plan.ancestors:
            create_parent(self._context.target, ancestor)
        with afterwards(self._hold_arrivals):
            self._stream()
            self._verify()
            self._tag(Hold, Side.TARGET)
        self._make_room_after_failure()
        self._tag(Release, Side.SOURCE)
        mark_source(self._context, self._ledger)
        self._tag(Release, Side.TARGET)  # last: until then the hold here shows that those on the source are ours
        self._expire()

    # --- holds and releases ---

    def _tag(self, kind: type[Hold] | type[Release], side: Side) -> None:
        """Hold or release all snapshots of one side. A dataset for which that fails is left out of the later phases.

        Each tag needs commands of its own: claims are placed first, and then the longer one of a mirror that is beside
        another one, so that whatever ends the run, its plain holds elsewhere are told from those of the other.
        """
        steps = [step for _plan, step in self._pending(kind) if step.side is side and not _is_unclaiming(step)]
        steps.sort(key=lambda step: (not step.is_claim, -len(step.tag)))
        for tag in dict.fromkeys(step.tag for step in steps):
            pending = [(plan, step) for plan, step in self._pending(kind) if step.side is side and step.tag == tag]
            failed = list(tag_all(pending, self._context, self._ledger))
            for plan, step, error in failed:
                self._ledger.fail(plan, error, step)
            taken = [plan for plan, _step, error in failed if isinstance(error, TagTaken)]
            withdraw_claims(taken, self._context, self._ledger)

    def _repair_holds(self) -> None:
        """Place the holds on the target that come before the streams. What fails is tried again after them."""
        pending = [
            (plan, step)
            for plan, step in self._pending(Hold)
            if step.side is Side.TARGET and is_before_streams(step, plan)
        ]
        for _plan, _step, error in tag_all(pending, self._context, self._ledger):
            log.info("%s; it is tried again after the streams", error)

    def _hold_arrivals(self) -> None:
        """Hold the newest arrival of each dataset whose streams have begun, and whose phases have not got to that."""
        plans = [outcome.plan for outcome in self._ledger.outcomes() if outcome.plan.source in self._begun]
        hold_arrivals([plan for plan in plans if not self._ledger.is_tip_held(plan)], self._context, self._ledger)

    # --- room ---

    def _make_room(self) -> None:
        """Expire early where the plan says so. A failure is only logged: perhaps the streams fit all the same."""

        def make(pending: tuple[DatasetPlan, MakeRoom]) -> None:
            plan, step = pending
            if self._is_base_held(plan) and self._try_to_make_room(plan, step):
                self._ledger.record_done(plan, step)

        run_parallel(self._context.width, make, self._pending(MakeRoom))

    def _make_room_after_failure(self) -> None:
        """Expire what may go early of a copy that had no room for its stream. The next pass then tries it again."""
        for outcome in self._ledger.outcomes():
            plan = outcome.plan
            if isinstance(outcome.error, OutOfSpace) and plan.reserve is not None and self._is_base_held(plan):
                self._try_to_make_room(plan, plan.reserve)

    def _is_base_held(self, plan: DatasetPlan) -> bool:
        """Whether the hold on the base here is in place: before it is, nothing older goes."""
        holds = (step for step in plan.steps if isinstance(step, Hold) and step.side is Side.TARGET)
        return all(self._ledger.is_done(plan, step) for step in holds if is_before_streams(step, plan))

    def _try_to_make_room(self, plan: DatasetPlan, step: MakeRoom) -> bool:
        with about(plan.source):
            error = make_room(self._context.target, step, partial(self._ledger.record_expired, plan))
            if error is not None:
                log.warning("%s: not all that is overdue could be expired to make room: %s", step.target, error)
        return error is None

    # --- before the streams ---

    def _take_places(self) -> None:
        """Finish what an earlier run has begun: the other steps have the names of afterwards. Parents come first."""
        for plan, step in self._pending(TakePlace):
            if not plan.arrives_beside and plan in self._ledger.active() and not self._run_pending((plan, step)):
                self._give_up(plan, Schedule(()))

    def _rename(self) -> None:
        run_parallel(self._context.width, self._run_pending, self._pending(RenameSnapshots))

    def _run_pending(self, pending: tuple[DatasetPlan, TakePlace | RenameSnapshots]) -> bool:
        plan, step = pending
        with about(plan.source):
            return self._run_step(plan, step, self._context)

    # --- streams ---

    def _stream(self) -> None:
        """Run the streams, several datasets in parallel. A dataset waits for its parent to be created."""
        plans = [plan for plan in self._ledger.active() if any(isinstance(step, STREAM_STEPS) for step in plan.steps)]
        schedule = Schedule(plans, bundles(plans, self._context))
        for outcome in self._ledger.outcomes():
            if outcome.error is not None and outcome.plan.creates_target:
                self._give_up(outcome.plan, schedule)

        def after(lane: Lane) -> None:
            for plan in lane:
                if plan.creates_target and self._ledger.outcome(plan).error is not None:
                    self._give_up(plan, schedule)
                schedule.finish(plan)

        run_lanes(schedule, self._context.jobs, self._stream_lane, after, self._cancellation.fire)

    def _give_up(self, parent: DatasetPlan, schedule: Schedule) -> None:
        """Fail what was to be created below a parent that could not be created, and what its copy left behind."""
        behind = left_behind(self._ledger.outcome(parent), self._ledger.active(), self._context.target)
        for plan in dict.fromkeys((*schedule.give_up(parent, behind), *behind)):
            error = CommandFailed(
                f"{plan.target} on {self._context.target.name}: not started, because its parent {parent.target} failed;"
                " fix that, then run again"
            )
            self._ledger.fail(plan, error)

    def _stream_lane(self, lane: Lane) -> None:
        if len(lane) == 1:
            self._stream_dataset(lane[0], self._context)
            return
        with bundled(lane, self._context) as context:
            for plan in lane:
                if self._cancellation.is_fired:
                    return
                self._stream_dataset(plan, context)

    def _stream_dataset(self, plan: DatasetPlan, context: RunContext) -> None:
        self._begun.add(plan.source)
        began = time.monotonic()
        with about(plan.source):
            for step in plan.steps:
                if is_streamed(step, plan) and not self._run_step(plan, step, context):
                    break
            outcome = self._ledger.record_seconds(plan, time.monotonic() - began)
            if outcome.error is None and outcome.byte_count:
                context.pipe.observer.dataset_arrived(outcome)

    def _run_step(self, plan: DatasetPlan, step: Step, context: RunContext) -> bool:
        """Carry out one step of a dataset's streams; return whether it succeeded."""
        began = time.monotonic()
        try:
            byte_count = run_step(step, context, self._cancellation)
        except ReplicateError as error:
            if isinstance(step, BEST_EFFORT):
                log.info("%s (the mark does no harm; the next run tries again)", error)
                return True
            self._ledger.fail(plan, explained(plan, error, context.target), step)
            return False
        self._ledger.record_done(plan, step, byte_count, time.monotonic() - began)
        return True

    # --- after the streams ---

    def _verify(self) -> None:
        """Ask the target for the guids: exit codes alone do not prove that a snapshot arrived (OpenZFS #12661)."""
        pending = self._pending(Verify)
        guids = read_guids(self._context.target, [step.snapshot for _plan, step in pending])
        for plan, step in pending:
            if guids.get(step.snapshot) == step.guid:
                self._ledger.record_done(plan, step)
                continue
            error = VerificationFailed(
                f"{step.snapshot} on {self._context.target.name}: both ends reported success, but the snapshot is not"
                " there; holds stay as they are; run again"
            )
            self._ledger.fail(plan, error, step)

    def _expire(self) -> None:
        run_parallel(self._context.width, self._expire_dataset, self._pending(Expire))

    def _expire_dataset(self, pending: tuple[DatasetPlan, Expire]) -> None:
        plan, step = pending
        with about(plan.source):
            error = expire(self._context.target, step, partial(self._ledger.record_expired, plan))
            if error is None:
                self._ledger.record_done(plan, step)
            else:
                self._ledger.fail(plan, error, step)


def _is_unclaiming(step: Hold | Release) -> bool:
    """Whether a step releases a claim, which waits for the bookmarks."""
    return isinstance(step, Release) and step.is_claim
