"""Carry a plan out between two hosts that answer from tables."""

from __future__ import annotations

from dataclasses import dataclass

from tests.support.fakes import Answer, FakeHost
from tests.support.notation import plan_of, target_tree, tree
from zfs_replicate.model import Inventory
from zfs_replicate.run.executor import Executor
from zfs_replicate.run.stream_steps import RunContext
from zfs_replicate.run.transfer import Cancellation, Pipe
from zfs_replicate.steps import Outcome, Plan

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


def guid_answer(plan: Plan) -> Answer:
    """What `zfs list -o name,guid` prints when all has arrived."""
    wanted = [step for each in plan.datasets for step in each.steps if hasattr(step, "guid")]
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
    moved: list[str] = []
    machinery = RunContext(source, target, 2, Pipe())
    executor = Executor(machinery, Cancellation(), lambda outcome: moved.append(outcome.plan.target))
    return Run(source, target, executor.execute(plan), moved)


NEW = (tree("t", ":a"), target_tree("o"))


NEXT = (tree("t", ":a! b"), target_tree("o", ":a^"))


TWO = (tree("t", ":a!", "p:a! b", "q:a! b"), target_tree("o", ":a^", "p:a^", "q:a^"))
