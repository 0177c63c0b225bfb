"""Combine the attempts of a run, dataset by dataset. Run → DatasetRun → StepRun. Frozen values, pure.

A run has one or more attempts, each with a plan of its own. What an earlier attempt carried out counts as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from zfs_replicate.config import MirrorRequest
from zfs_replicate.model import Bookmark, Snapshot
from zfs_replicate.plans import Attempt, DatasetPlan, Outcome, Plan
from zfs_replicate.steps import BEST_EFFORT, Hold, Release, Resume, Send, Side, Step, Verify


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong: the class name of the error, and the message for the user."""

    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class StepRun:
    """A step, the number of its attempt, and its state: `planned`, `done`, `failed` or `not_done`."""

    step: Step
    attempt: int
    state: str
    byte_count: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class DatasetRun:
    """One dataset over all attempts that planned it: pairs of (attempt number, outcome), in order, at least one."""

    outcomes: tuple[tuple[int, Outcome], ...]
    is_dry_run: bool = False

    @property
    def last(self) -> Outcome:
        return self.outcomes[-1][1]

    @property
    def plan(self) -> DatasetPlan:
        return self.last.plan

    @property
    def byte_count(self) -> int:
        return sum(outcome.byte_count for _number, outcome in self.outcomes)

    @property
    def seconds(self) -> float:
        return sum(outcome.seconds for _number, outcome in self.outcomes)

    @property
    def expired(self) -> tuple[str, ...]:
        return tuple(name for _number, outcome in self.outcomes for name in outcome.expired)

    @property
    def snapshots_received(self) -> int:
        streams = (run.step for run in self.steps if run.state == "done")
        return sum(step.snapshot_count for step in streams if isinstance(step, Send | Resume))

    @property
    def steps(self) -> tuple[StepRun, ...]:
        """The finished steps of earlier attempts, then all steps of the last one, then holds on what arrived of it."""
        return tuple(self._steps())

    def _steps(self) -> Iterator[StepRun]:
        for number, outcome in self.outcomes[:-1]:
            yield from (StepRun(done.step, number, "done", done.byte_count, done.seconds) for done in outcome.done)
        number, last = self.outcomes[-1]
        finished = {done.step: done for done in last.done}
        for step in last.plan.steps:
            if step in finished:
                done = finished.pop(step)
                yield StepRun(step, number, "done", done.byte_count, done.seconds)
            elif self.is_dry_run:
                yield StepRun(step, number, "planned")
            else:
                yield StepRun(step, number, "failed" if step is last.failed else "not_done")
        yield from (StepRun(step, number, "done") for step in finished)

    @property
    def result(self) -> str:
        """How it ended: one of the outcomes of the report and the metrics, such as `received`."""
        last = self.last
        if last.plan.conflict is not None:
            return "failed" if last.plan.conflict.is_transient else "conflict"
        if self.is_dry_run:
            return "planned" if last.plan.steps else "up_to_date"
        if last.error is not None:
            return "failed"
        if any(run.state != "done" and not isinstance(run.step, BEST_EFFORT) for run in self.steps):
            return "not_done"
        return "received" if self.snapshots_received else "up_to_date"

    @property
    def newest_common(self) -> Snapshot | Bookmark | None:
        """The newest snapshot that is known to be on both sides after the run."""
        verifications = [run for run in self.steps if isinstance(run.step, Verify)]
        if verifications and verifications[-1].state != "done":
            return self.last.arrived or self.plan.base
        return self.plan.tip if self.plan.conflict is None else self.plan.base

    @property
    def lag_seconds(self) -> int | None:
        """Seconds from the newest common snapshot to the newest on the source; None if they have none in common."""
        common, tip = self.newest_common, self.plan.tip
        return None if common is None or tip is None else max(0, tip.creation - common.creation)

    @property
    def held(self) -> tuple[Snapshot, ...]:
        """The source snapshots that have our hold after the run, oldest first, as far as is known."""
        absent: set[str] = set()
        placed: set[str] = set()
        for run in self.steps:
            match run.step:
                case Hold(is_claim=True) | Release(is_claim=True):
                    pass  # the holds themselves count
                case Hold(Side.SOURCE) if run.state != "done":
                    absent.update(run.step.snapshots)
                case Release(Side.SOURCE) if run.state == "done":
                    absent.update(run.step.snapshots)
                case Hold(Side.SOURCE):
                    placed.update(run.step.snapshots)
        held = {snapshot for snapshot in self.plan.held if f"{self.plan.source}@{snapshot.name}" not in absent}
        arrived = self.last.arrived
        if arrived is not None and f"{self.plan.source}@{arrived.name}" in placed:
            held.add(arrived)
        return tuple(sorted(held, key=lambda snapshot: snapshot.createtxg))


@dataclass(frozen=True, slots=True)
class Run:
    """A whole run. `began` and `ended` are Unix seconds. `problem`: what ended the whole run, if anything did."""

    identity: str
    request: MirrorRequest
    began: float
    ended: float
    exit_status: int
    attempts: tuple[Attempt, ...] = ()
    problem: Problem | None = None
    is_skipped: bool = False
    """Whether it gave way to another run on the same target."""

    @property
    def result(self) -> str:
        if self.is_skipped:
            return "skipped"
        return "success" if self.exit_status == 0 else "failure"

    @property
    def plan(self) -> Plan | None:
        """The plan of the latest attempt that has one."""
        plans = [attempt.plan for attempt in self.attempts if attempt.plan is not None]
        return plans[-1] if plans else None

    @property
    def datasets(self) -> tuple[DatasetRun, ...]:
        """Every dataset of `plan`, parents first."""
        if self.plan is None:
            return ()
        attempts = [(number, _by_source(attempt)) for number, attempt in enumerate(self.attempts, start=1)]
        return tuple(
            DatasetRun(
                tuple((number, outcomes[plan.source]) for number, outcomes in attempts if plan.source in outcomes),
                self.request.is_dry_run,
            )
            for plan in self.plan.datasets
        )


def _by_source(attempt: Attempt) -> dict[str, Outcome]:
    """Return the outcome of each dataset in this attempt; if it was only planned, an Outcome with nothing done."""
    planned = {} if attempt.plan is None else {plan.source: Outcome(plan) for plan in attempt.plan.datasets}
    return planned | {outcome.plan.source: outcome for outcome in attempt.outcomes}
