"""Carry a plan out between two hosts that answer from tables."""

from __future__ import annotations

from dataclasses import dataclass

from tests.support.fakes import Answer, FakeHost
from tests.support.notation import plan_of, target_tree, tree
from zfs_replicate.model import Inventory
from zfs_replicate.observer import Observer
from zfs_replicate.run import executor
from zfs_replicate.run.context import RunContext
from zfs_replicate.run.transfer import Pipe
from zfs_replicate.steps import Outcome, Plan, Verify

DENIED = "permission denied"


@dataclass
class Run:
    """A plan that was carried out: the hosts remember what they were asked."""

    source: FakeHost
    target: FakeHost
    outcomes: tuple[Outcome, ...]
    moved: list[str]

    def errors(self) -> dict[str, type[Exception] | None]:
        return {each.plan.target: type(each.error) if each.error else None for each in self.outcomes}


class Arrivals(Observer):
    """Notes the targets of datasets that have arrived."""

    def __init__(self) -> None:
        self.targets: list[str] = []

    def dataset_arrived(self, outcome: Outcome) -> None:
        self.targets.append(outcome.plan.target)


def outcomes_of(plan: Plan, context: RunContext) -> tuple[Outcome, ...]:
    """Carry a plan out; return its outcomes. Raises: what ended it as a whole."""
    attempt = executor.execute(plan, context, Observer())
    if attempt.error is not None:
        raise attempt.error
    return attempt.outcomes


def guid_answer(plan: Plan) -> Answer:
    """What `zfs list -o name,guid` prints when all has arrived."""
    wanted = [step for each in plan.datasets for step in each.steps if isinstance(step, Verify)]
    return Answer("".join(f"{step.snapshot}\t{step.guid}\n" for step in wanted).encode())


def execute(
    theirs: Inventory,
    ours: Inventory,
    at_source: dict[str, Answer] | None = None,
    at_target: dict[str, Answer] | None = None,
) -> Run:
    """Plan both trees and carry the plan out; the hosts answer as told, and well where nothing is told."""
    plan = plan_of(theirs, ours)
    source = FakeHost("nas1", {"zfs send": Answer(b"stream")} | (at_source or {}))
    target = FakeHost("here", {"zfs list": guid_answer(plan)} | (at_target or {}))
    observer = Arrivals()
    attempt = executor.execute(plan, RunContext(source, target, 2, Pipe()), observer)
    if attempt.error is not None:
        raise attempt.error
    return Run(source, target, attempt.outcomes, observer.targets)


NEW = (tree("t", ":a"), target_tree("o"))


NEXT = (tree("t", ":a! b"), target_tree("o", ":a^"))


TWO = (tree("t", ":a!", "p:a! b", "q:a! b"), target_tree("o", ":a^", "p:a^", "q:a^"))
