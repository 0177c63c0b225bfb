"""What was done to each dataset of a plan, and what went wrong: written by the executor's threads, read as Outcomes."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

from zfs_replicate.errors import CommandFailed
from zfs_replicate.steps import DatasetPlan, Done, Outcome, Plan, Step


class ConflictFound(CommandFailed):
    """A dataset that cannot be mirrored without a decision by a person."""

    def __init__(self, plan: DatasetPlan, source_host: str) -> None:
        if plan.conflict is None:
            raise AssertionError("only a plan with a conflict has one")
        source = f"{plan.source} on {source_host}"
        super().__init__(f"{plan.target}: conflict with {source}: {plan.conflict.what}; {plan.conflict.next_step}")


class Ledger:
    """One outcome for each dataset plan, in the plan's order; a conflict is a failure from the beginning."""

    def __init__(self, plan: Plan, source_host: str = "the source") -> None:
        self._lock = threading.Lock()
        self._outcomes = {
            each.source: Outcome(each, None if each.conflict is None else ConflictFound(each, source_host))
            for each in plan.datasets
        }

    def outcomes(self) -> tuple[Outcome, ...]:
        with self._lock:
            return tuple(self._outcomes.values())

    def outcome(self, plan: DatasetPlan) -> Outcome:
        with self._lock:
            return self._outcomes[plan.source]

    def going(self) -> list[DatasetPlan]:
        """The datasets that have not failed."""
        return [outcome.plan for outcome in self.outcomes() if outcome.error is None]

    def fail(self, plan: DatasetPlan, error: Exception, step: Step | None = None) -> None:
        """The dataset takes no part in what follows."""
        with self._lock:
            self._outcomes[plan.source] = replace(self._outcomes[plan.source], error=error, failed=step)

    def did(self, plan: DatasetPlan, step: Step, byte_count: int = 0, seconds: float = 0.0) -> None:
        """A step is done. They are told in the plan's order, whichever of two at the same time ends first."""
        with self._lock:
            before = self._outcomes[plan.source]
            done = (*before.done, Done(step, byte_count, seconds))
            done = tuple(sorted(done, key=lambda each: before.plan.steps.index(each.step)))
            total = before.byte_count + byte_count
            self._outcomes[plan.source] = replace(before, done=done, byte_count=total)

    def streamed(self, plan: DatasetPlan, seconds: float) -> Outcome:
        """All streams of a dataset have ended, after so long; return how it stands."""
        with self._lock:
            outcome = replace(self._outcomes[plan.source], seconds=seconds)
            self._outcomes[plan.source] = outcome
            return outcome

    def expired(self, plan: DatasetPlan, snapshots: Sequence[str]) -> None:
        """These (names after the @) are gone from the target."""
        with self._lock:
            before = self._outcomes[plan.source]
            self._outcomes[plan.source] = replace(before, expired=(*before.expired, *snapshots))
