"""Record what was done to each dataset of a plan and what failed. Plan → Outcomes; safe to call from any thread."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from zfs_replicate.errors import CommandFailed
from zfs_replicate.model import Snapshot
from zfs_replicate.plans import DatasetPlan, Done, Outcome, Plan
from zfs_replicate.steps import Hold, Side, Step, Verify

StepType = TypeVar("StepType", bound=Step)


class ConflictFound(CommandFailed):
    """A dataset cannot be mirrored until a person decides. Its holds are placed all the same."""

    def __init__(self, message: str, is_transient: bool = False) -> None:
        super().__init__(message)
        self.is_transient = is_transient

    @classmethod
    def of(cls, plan: DatasetPlan, source_host: str) -> ConflictFound:
        if plan.conflict is None:
            raise AssertionError("the plan has no conflict")
        conflict = plan.conflict
        source = "" if conflict.is_transient else f" conflict with {plan.source} on {source_host}:"
        return cls(f"{plan.target}:{source} {conflict.what}; {conflict.next_step}", conflict.is_transient)

    def with_failure(self, error: Exception) -> ConflictFound:
        """Return the same conflict, of which a hold could not be placed either; a retry may place that one."""
        return ConflictFound(f"{self}. Besides: {error}", self.is_transient or getattr(error, "is_transient", False))


class Ledger:
    """One outcome per dataset plan, in the plan's order. A conflict is a failure from the start."""

    def __init__(self, plan: Plan, source_host: str = "the source") -> None:
        self._lock = threading.Lock()
        self._outcomes = {
            dataset.source: Outcome(
                dataset, None if dataset.conflict is None else ConflictFound.of(dataset, source_host)
            )
            for dataset in plan.datasets
        }

    def outcomes(self) -> tuple[Outcome, ...]:
        with self._lock:
            return tuple(self._outcomes.values())

    def outcome(self, plan: DatasetPlan) -> Outcome:
        with self._lock:
            return self._outcomes[plan.source]

    def active(self) -> list[DatasetPlan]:
        """Return the plans with steps still to do: none of those that failed, but conflicts, whose steps are holds."""
        return [
            outcome.plan
            for outcome in self.outcomes()
            if outcome.error is None or isinstance(outcome.error, ConflictFound)
        ]

    def pending(self, kind: type[StepType]) -> list[tuple[DatasetPlan, StepType]]:
        """Return the steps of one kind that are still to be done, of all active plans."""
        return [
            (plan, step)
            for plan in self.active()
            for step in plan.steps
            if isinstance(step, kind) and not self.is_done(plan, step)
        ]

    def fail(self, plan: DatasetPlan, error: Exception, step: Step | None = None) -> None:
        """Record the error of a dataset, and the step that failed; it is no longer active, unless it is a conflict.

        A conflict stays one, and tells of the error, too.
        """
        with self._lock:
            before = self._outcomes[plan.source]
            if isinstance(before.error, ConflictFound):
                error = before.error.with_failure(error)
            self._outcomes[plan.source] = replace(before, error=error, failed=step)

    def is_done(self, plan: DatasetPlan, step: Step) -> bool:
        return any(done.step == step for done in self.outcome(plan).done)

    def is_tip_held(self, plan: DatasetPlan) -> bool:
        """Whether what has arrived was verified, and then held on the target, or was refused that hold."""
        outcome = self.outcome(plan)
        is_verified = any(isinstance(done.step, Verify) for done in outcome.done)
        holds = (step for step in plan.steps if isinstance(step, Hold) and step.side is Side.TARGET)
        return is_verified and (outcome.error is not None or all(self.is_done(plan, step) for step in holds))

    def record_done(self, plan: DatasetPlan, step: Step, byte_count: int = 0, seconds: float = 0.0) -> None:
        """Record a finished step. The outcome lists them in the plan's order; those that it lacks come last."""
        with self._lock:
            before = self._outcomes[plan.source]
            done = (*before.done, Done(step, byte_count, seconds))
            done = tuple(sorted(done, key=lambda entry: _place_in(before.plan, entry.step)))
            total = before.byte_count + byte_count
            self._outcomes[plan.source] = replace(before, done=done, byte_count=total)

    def record_arrival(self, plan: DatasetPlan, snapshot: Snapshot) -> None:
        """Record the newest snapshot that has arrived of streams that did not all succeed."""
        with self._lock:
            self._outcomes[plan.source] = replace(self._outcomes[plan.source], arrived=snapshot)

    def record_seconds(self, plan: DatasetPlan, seconds: float) -> Outcome:
        """Record how long all streams of a dataset took; return its outcome so far."""
        with self._lock:
            outcome = replace(self._outcomes[plan.source], seconds=seconds)
            self._outcomes[plan.source] = outcome
            return outcome

    def record_expired(self, plan: DatasetPlan, snapshots: Sequence[str]) -> None:
        """Record snapshots (names after the @) that were destroyed on the target."""
        with self._lock:
            before = self._outcomes[plan.source]
            self._outcomes[plan.source] = replace(before, expired=(*before.expired, *snapshots))


def _place_in(plan: DatasetPlan, step: Step) -> int:
    return plan.steps.index(step) if step in plan.steps else len(plan.steps)
