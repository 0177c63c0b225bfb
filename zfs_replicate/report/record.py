"""One run as it is told afterwards: its attempts put together, dataset by dataset. Frozen values, pure.

A run is one or more attempts, each with a plan of its own: what an earlier one has carried out counts as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from zfs_replicate.config import MirrorRequest
from zfs_replicate.model import Bookmark, Snapshot
from zfs_replicate.steps import (
    Attempt,
    BookmarkSource,
    DatasetPlan,
    Hold,
    Outcome,
    Plan,
    Release,
    Resume,
    Send,
    Side,
    Step,
    Verify,
)


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong: the name of the error, and the paragraph that the user reads."""

    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class StepRun:
    """A step, in which attempt, and what became of it: `planned`, `done`, `failed` or `not_done`."""

    step: Step
    attempt: int
    state: str
    byte_count: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class DatasetRun:
    """One dataset over all attempts that planned it: (number, outcome), in order, at least one."""

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
        streams = (each.step for each in self.steps if each.state == "done")
        return sum(step.snapshot_count for step in streams if isinstance(step, Send | Resume))

    @property
    def steps(self) -> tuple[StepRun, ...]:
        """What earlier attempts have done, then all steps of the last one."""
        return tuple(self._steps())

    def _steps(self) -> Iterator[StepRun]:
        for number, outcome in self.outcomes[:-1]:
            yield from (StepRun(each.step, number, "done", each.byte_count, each.seconds) for each in outcome.done)
        number, last = self.outcomes[-1]
        done = {id(each.step): each for each in last.done}
        for step in last.plan.steps:
            if id(step) in done:
                each = done[id(step)]
                yield StepRun(step, number, "done", each.byte_count, each.seconds)
            elif self.is_dry_run:
                yield StepRun(step, number, "planned")
            else:
                yield StepRun(step, number, "failed" if step is last.failed else "not_done")

    @property
    def word(self) -> str:
        """How it ended, in a word: the one that the report and the metrics use."""
        last = self.last
        if last.plan.conflict is not None:
            return "conflict"
        if self.is_dry_run:
            return "planned" if last.plan.steps else "up_to_date"
        if last.error is not None:
            return "failed"
        if any(each.state != "done" and not isinstance(each.step, BookmarkSource) for each in self.steps):
            return "not_done"
        return "received" if self.snapshots_received else "up_to_date"

    @property
    def newest_common(self) -> Snapshot | Bookmark | None:
        """The newest snapshot that both sides are known to have now."""
        awaited = [each for each in self.steps if isinstance(each.step, Verify)]
        if awaited and awaited[-1].state != "done":
            return self.plan.base
        return self.plan.tip if self.plan.conflict is None else self.plan.base

    @property
    def lag_seconds(self) -> int | None:
        """From the newest common snapshot to the newest of the source; None where there is no common one."""
        common, tip = self.newest_common, self.plan.tip
        return None if common is None or tip is None else max(0, tip.creation - common.creation)

    @property
    def held(self) -> tuple[Snapshot, ...]:
        """Snapshots of the source that our tag holds now, oldest first, as far as is known."""
        absent: set[str] = set()
        for each in self.steps:
            match each.step:
                case Hold(Side.SOURCE) if each.state != "done":
                    absent.update(each.step.snapshots)
                case Release(Side.SOURCE) if each.state == "done":
                    absent.update(each.step.snapshots)
        return tuple(snapshot for snapshot in self.plan.held if f"{self.plan.source}@{snapshot.name}" not in absent)


@dataclass(frozen=True, slots=True)
class Run:
    """A whole run. `began` and `ended` are Unix seconds; `problem`: what ended it as a whole, if anything did."""

    identity: str
    request: MirrorRequest
    began: float
    ended: float
    exit_status: int
    attempts: tuple[Attempt, ...] = ()
    problem: Problem | None = None
    is_skipped: bool = False
    """Another run is at work on the same target."""

    @property
    def result(self) -> str:
        if self.is_skipped:
            return "skipped"
        return "success" if self.exit_status == 0 else "failure"

    @property
    def plan(self) -> Plan | None:
        """The newest plan."""
        return next((each.plan for each in reversed(self.attempts) if each.plan is not None), None)

    @property
    def datasets(self) -> tuple[DatasetRun, ...]:
        """Every dataset of the newest plan, parents first."""
        if self.plan is None:
            return ()
        attempts = [(number, _by_source(attempt)) for number, attempt in enumerate(self.attempts, start=1)]
        return tuple(
            DatasetRun(
                tuple((number, found[plan.source]) for number, found in attempts if plan.source in found),
                self.request.is_dry_run,
            )
            for plan in self.plan.datasets
        )


def _by_source(attempt: Attempt) -> dict[str, Outcome]:
    """How each dataset ended in this attempt; an Outcome with nothing done where it was planned only."""
    planned = {} if attempt.plan is None else {plan.source: Outcome(plan) for plan in attempt.plan.datasets}
    return planned | {outcome.plan.source: outcome for outcome in attempt.outcomes}
