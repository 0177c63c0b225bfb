"""Carries out a Plan: steps in, Outcomes out. It never replans; what fails is left to the next pass.

Phases in this order, each for all datasets before the next one begins: hold on the source; streams, several datasets at
a time, parents first; verify; hold and release on the target; release on the source; expire. A dataset that fails takes
no part in what follows, and the others go on.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

from zfs_replicate.errors import CommandFailed, DatasetMissing, OutOfSpace, ReplicateError, VerificationFailed
from zfs_replicate.hosts.base import Exit, Host, run
from zfs_replicate.log_context import about
from zfs_replicate.run.inventory import read_guids
from zfs_replicate.run.ledger import Ledger
from zfs_replicate.run.stream_steps import STREAM_STEPS, RunContext, bundled, bundles, carry_out, on_target, with_space
from zfs_replicate.run.transfer import Cancellation
from zfs_replicate.steps import (
    BookmarkSource,
    DatasetPlan,
    Expire,
    Hold,
    Outcome,
    Plan,
    Release,
    Side,
    Step,
    Verify,
)
from zfs_replicate.zfs import commands, messages, names

log = logging.getLogger(__name__)

Moved = Callable[[Outcome], None]
"""Called once for each dataset whose streams have all arrived."""

AT_ONCE = 4
"""sshd allows 10 sessions on one connection, unless it was told otherwise (MaxSessions)."""

Item = TypeVar("Item")
Made = TypeVar("Made")

BOOKMARK_BATCH_BYTES = commands.BATCH_BYTES // 5
"""With each snapshot go its new bookmark and up to three old ones."""


class Executor:
    """Runs one plan once. `cancellation.fire()` from elsewhere ends the streams under way."""

    def __init__(self, machinery: RunContext, cancellation: Cancellation, moved: Moved) -> None:
        self._with = machinery
        self._cancellation = cancellation
        self._moved = moved
        self._ledger = Ledger(Plan())

    def execute(self, plan: Plan) -> tuple[Outcome, ...]:
        """Carry out the plan; return an outcome for each dataset, in the plan's order. Raises: what is nobody's own."""
        self._ledger = Ledger(plan, self._with.source.name)
        self._tag_snapshots(Hold, Side.SOURCE)
        for ancestor in plan.ancestors:
            on_target(self._with.target, commands.create_parent(ancestor), ancestor.target, "create it")
        self._run_streams()
        self._verify()
        self._tag_snapshots(Hold, Side.TARGET)
        with ThreadPoolExecutor(2 if self._with.jobs > 1 else 1) as pool:
            here = pool.submit(self._tag_snapshots, Release, Side.TARGET)
            there = pool.submit(self._leave_source)
            here.result()
            there.result()
        self._expire()
        return self.outcomes

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """How far it got: complete once `execute` has returned, and what there is when it has raised."""
        return self._ledger.outcomes()

    def _leave_source(self) -> None:
        """What the source needs no longer, now that the target holds its own."""
        self._bookmark()
        self._tag_snapshots(Release, Side.SOURCE)

    @property
    def _width(self) -> int:
        """How many commands may run side by side where each waits for a pool to write."""
        return AT_ONCE if self._with.jobs > 1 else 1

    def _at_once(self, work: Callable[[Item], Made], items: Iterable[Item]) -> list[Made]:
        with ThreadPoolExecutor(self._width) as pool:
            return list(pool.map(work, items))

    # --- holds and releases, batched over all datasets ---

    def _tag_snapshots(self, kind: type[Hold | Release], side: Side) -> None:
        """Hold or release all snapshots of one side; what fails takes its dataset out."""
        host = self._with.source if side is Side.SOURCE else self._with.target
        owners = {
            snapshot: (plan, step)
            for plan in self._ledger.going()
            for step in plan.steps
            if isinstance(step, kind) and step.side is side
            for snapshot in step.snapshots
        }
        if not owners:
            return
        ((tag,),) = [{step.tag for _plan, step in owners.values()}]
        build, doing = (commands.hold, f"hold {tag} on") if kind is Hold else (commands.release, f"release {tag} from")

        def tag_all(batch: tuple[str, ...]) -> dict[str, ReplicateError]:
            try:
                _text, ended = run(host, build(tag, batch))
            except ReplicateError as error:
                return dict.fromkeys(batch, error)
            return _failures(host, ended, batch, doing, kind is Hold)

        failures: dict[str, ReplicateError] = {}
        for failed_here in self._at_once(tag_all, commands.shares(tuple(owners), self._width)):
            failures |= failed_here
        for snapshot, (plan, _step) in owners.items():
            if snapshot not in failures:
                with about(plan.source):
                    log.info("%s: %s %s", host.name, doing, snapshot)
        for snapshot, failure in failures.items():
            plan, step = owners[snapshot]
            self._ledger.fail(plan, failure, step)
        for plan, step in {plan.source: (plan, step) for plan, step in owners.values()}.values():
            if not any(snapshot in failures for snapshot in step.snapshots):
                self._ledger.did(plan, step)

    # --- streams ---

    def _run_streams(self) -> None:
        """Several at a time; a dataset whose parent is still being made waits for it. Small increments share lanes."""
        waiting = [plan for plan in self._ledger.going() if any(isinstance(step, STREAM_STEPS) for step in plan.steps)]
        unmade = {plan.target: plan for plan in waiting if plan.creates_target}
        small = bundles(waiting, self._with)
        in_bundles = {plan.source for bundle in small for plan in bundle}
        waiting = [plan for plan in waiting if plan.source not in in_bundles]
        running: dict[Future[None], DatasetPlan | None] = {}
        for outcome in self.outcomes:
            if outcome.error is not None and outcome.plan.creates_target:
                waiting = self._without_children(waiting, outcome.plan, unmade)
        pool = ThreadPoolExecutor(self._with.jobs, thread_name_prefix="stream")
        try:
            running |= {pool.submit(self._stream_bundle, bundle): None for bundle in small}
            while waiting or running:
                ready = [plan for plan in waiting if not any(a in unmade for a in names.ancestors(plan.target))]
                waiting = [plan for plan in waiting if plan not in ready]
                running |= {pool.submit(self._stream, plan, self._with): plan for plan in ready}
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    plan = running.pop(future)
                    future.result()
                    if plan is None:
                        continue
                    unmade.pop(plan.target, None)
                    if plan.creates_target and self._ledger.outcome(plan).error is not None:
                        waiting = self._without_children(waiting, plan, unmade)
        except BaseException:
            self._cancellation.fire()
            raise
        finally:
            pool.shutdown(cancel_futures=True)

    def _without_children(
        self, waiting: list[DatasetPlan], parent: DatasetPlan, unmade: dict[str, DatasetPlan]
    ) -> list[DatasetPlan]:
        """The children of what could not be made cannot be made either; those that exist go on."""
        children = [plan for plan in waiting if plan.creates_target and names.is_within(plan.target, parent.target)]
        for plan in children:
            unmade.pop(plan.target, None)
            self._ledger.fail(
                plan,
                CommandFailed(
                    f"{plan.target} on {self._with.target.name}: not begun, since its parent {parent.target} failed;"
                    " mend that, then run again"
                ),
            )
        return [plan for plan in waiting if plan not in children]

    def _stream_bundle(self, plans: tuple[DatasetPlan, ...]) -> None:
        with bundled(plans, self._with) as machinery:
            for plan in plans:
                if self._cancellation.is_fired:
                    return
                self._stream(plan, machinery)

    def _stream(self, plan: DatasetPlan, machinery: RunContext) -> None:
        began = time.monotonic()
        with about(plan.source):
            for step in plan.steps:
                if isinstance(step, STREAM_STEPS) and not self._do(plan, step, machinery):
                    break
            outcome = self._ledger.streamed(plan, time.monotonic() - began)
            if outcome.error is None and outcome.byte_count:
                self._moved(outcome)

    def _do(self, plan: DatasetPlan, step: Step, machinery: RunContext) -> bool:
        """Carry out one step of a dataset's streams; return whether it went well."""
        began = time.monotonic()
        try:
            byte_count = carry_out(step, machinery, self._cancellation)
        except OutOfSpace as error:
            self._ledger.fail(plan, with_space(plan, error, self._with.target), step)
            return False
        except ReplicateError as error:
            self._ledger.fail(plan, error, step)
            return False
        self._ledger.did(plan, step, byte_count, time.monotonic() - began)
        return True

    # --- after the streams ---

    def _verify(self) -> None:
        """Ask the target itself: the guids decide, not the exit codes (OpenZFS #12661)."""
        wanted = [(plan, step) for plan in self._ledger.going() for step in plan.steps if isinstance(step, Verify)]
        found = read_guids(self._with.target, [step.snapshot for _plan, step in wanted])
        for plan, step in wanted:
            if found.get(step.snapshot) == step.guid:
                self._ledger.did(plan, step)
                continue
            error = VerificationFailed(
                f"{step.snapshot} on {self._with.target.name}: both ends reported success, but the snapshot is not"
                " there; holds stay as they are; run again"
            )
            self._ledger.fail(plan, error, step)

    def _bookmark(self) -> None:
        """A safety net: what fails here is no failure of the dataset, which its hold protects."""
        owners = {
            step.snapshot: (plan, step)
            for plan in self._ledger.going()
            for step in plan.steps
            if isinstance(step, BookmarkSource)
        }
        steps = [step for _plan, step in owners.values()]
        made = {step.snapshot: step.bookmark for step in steps if step.bookmark is not None}
        obsolete = {step.snapshot: step.obsolete for step in steps}
        for batch in commands.batches(list(obsolete), BOOKMARK_BATCH_BYTES):
            pairs = [(snapshot, made[snapshot]) for snapshot in batch if snapshot in made]
            old = [name for snapshot in batch for name in obsolete[snapshot]]
            try:
                _text, ended = run(self._with.source, commands.bookmark(pairs, old))
            except ReplicateError as error:
                log.info("no bookmarks: %s", error)
                return
            for line in ended.stderr.splitlines():
                log.info("%s: %s (the hold protects it all the same)", self._with.source.name, line)
            for snapshot in () if ended.stderr else batch:
                self._ledger.did(*owners[snapshot])

    def _expire(self) -> None:
        steps = [(plan, step) for plan in self._ledger.going() for step in plan.steps if isinstance(step, Expire)]
        self._at_once(self._expire_dataset, steps)

    def _expire_dataset(self, expiring: tuple[DatasetPlan, Expire]) -> None:
        plan, step = expiring
        with about(plan.source):
            try:
                for batch in commands.batches([snapshot.name for snapshot in step.snapshots]):
                    on_target(self._with.target, commands.destroy(step.target, batch), step.target, "expire snapshots")
                    self._ledger.expired(plan, batch)
                    log.info("%s: expired %s", step.target, ", ".join(f"@{name}" for name in batch))
                self._ledger.did(plan, step)
            except ReplicateError as error:
                self._ledger.fail(plan, error, step)


def _failures(host: Host, ended: Exit, batch: tuple[str, ...], doing: str, is_hold: bool) -> dict[str, ReplicateError]:
    """Given how a hold or release of many snapshots ended, return the errors by snapshot."""
    if ended.exit_status == 0:
        return {}
    said = messages.failed_snapshots(ended.stderr, batch)
    found = {name: messages.explain(host.name, name, line, doing) for name, line in said.items()}
    # what has vanished needs no release any more
    return {name: error for name, error in found.items() if is_hold or not isinstance(error, DatasetMissing)}
