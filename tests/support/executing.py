"""Carry out a plan between two fake hosts that answer from tables."""

from __future__ import annotations

from dataclasses import dataclass

from tests.support.fakes import Answer, FakeHost
from tests.support.notation import SIGN, plan_of, target_tree, tree
from zfs_replicate.model import Inventory
from zfs_replicate.observer import Observer
from zfs_replicate.plans import Outcome, Plan
from zfs_replicate.run import executor
from zfs_replicate.run.context import RunContext
from zfs_replicate.run.transfer import Pipe
from zfs_replicate.steps import Verify

DENIED = "permission denied"
ARRIVED = "zfs list -Hp -d 1"
"""The question what has arrived of streams that failed. Unless a test answers it, nothing has."""


@dataclass
class Run:
    """A plan that was carried out. The hosts remember their commands; `arrived` lists the completed targets."""

    source: FakeHost
    target: FakeHost
    outcomes: tuple[Outcome, ...]
    arrived: list[str]

    def errors(self) -> dict[str, type[Exception] | None]:
        return {outcome.plan.target: type(outcome.error) if outcome.error else None for outcome in self.outcomes}


class Arrivals(Observer):
    """Records the targets of the datasets that have arrived."""

    def __init__(self) -> None:
        self.targets: list[str] = []

    def dataset_arrived(self, outcome: Outcome) -> None:
        self.targets.append(outcome.plan.target)


def outcomes_of(plan: Plan, context: RunContext) -> tuple[Outcome, ...]:
    """Carry out a plan; return its outcomes. Raises: the error that ended it as a whole."""
    attempt = executor.execute(plan, context, Observer())
    if attempt.error is not None:
        raise attempt.error
    return attempt.outcomes


def guid_answer(plan: Plan) -> Answer:
    """Return what `zfs list -o name,guid` prints once everything has arrived."""
    verifies = [step for dataset in plan.datasets for step in dataset.steps if isinstance(step, Verify)]
    return Answer("".join(f"{step.snapshot}\t{step.guid}\n" for step in verifies).encode())


def run_plan(
    source: Inventory,
    target: Inventory,
    at_source: dict[str, Answer] | None = None,
    at_target: dict[str, Answer] | None = None,
) -> Run:
    """Plan both trees and carry out the plan; the hosts give these answers, and succeed at everything else."""
    plan = plan_of(source, target)
    source_host = FakeHost("nas1", {"zfs send": Answer(b"stream")} | (at_source or {}))
    target_host = FakeHost("here", {"zfs list": guid_answer(plan), ARRIVED: Answer()} | (at_target or {}))
    observer = Arrivals()
    attempt = executor.execute(plan, RunContext(source_host, target_host, 2, Pipe()), observer)
    if attempt.error is not None:
        raise attempt.error
    return Run(source_host, target_host, attempt.outcomes, observer.targets)


NEW = (tree("t", ":a"), target_tree("o"))


NEXT = (tree("t", f":a! {SIGN} b"), target_tree("o", ":a^"))


TWO = (
    tree("t", f":a! {SIGN}", f"p:a! {SIGN} b", f"q:a! {SIGN} b"),
    target_tree("o", ":a^", "p:a^", "q:a^"),
)
