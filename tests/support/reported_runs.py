"""Build finished runs to report: a MirrorRequest, attempts and outcomes. Nothing is executed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.support.notation import SIGN, plan_of, target_tree, tree
from zfs_replicate.cli.arguments import parse
from zfs_replicate.config import MirrorRequest
from zfs_replicate.plans import Attempt, Outcome, Plan
from zfs_replicate.report.record import Problem, Run
from zfs_replicate.run.ledger import Ledger
from zfs_replicate.steps import Resume, Send, Step

BEGAN, ENDED = 1_700_000_000.0, 1_700_000_090.5
LINE = ("-h", "nas1", "-r", "tank/a", "-l", "off/a", "-t", "offsite")


def request(*more: str) -> MirrorRequest:
    parsed = parse([*LINE, *more])
    assert isinstance(parsed, MirrorRequest)
    return parsed


def plan(source: tuple[str, ...] = (f":a! {SIGN} b+1024",), target: tuple[str, ...] = (":a^",)) -> Plan:
    """Given lines of the notation for both trees, return the plan for tank/a → off/a."""
    return plan_of(tree("tank/a", *source), target_tree("off/a", *target))


def carried_out(plan: Plan, fails: type[Step] | None = None, error: Exception | None = None) -> tuple[Outcome, ...]:
    """Return the outcomes of a plan; with `fails`, the first step of that kind fails. Each stream has 100 bytes."""
    ledger = Ledger(plan)
    for dataset in ledger.active():
        for step in dataset.steps:
            if fails is not None and isinstance(step, fails):
                assert error is not None
                ledger.fail(dataset, error, step)
                break
            ledger.record_done(dataset, step, *((100, 0.5) if isinstance(step, Send | Resume) else ()))
    return ledger.outcomes()


def run(plan: Plan | None = None, outcomes: tuple[Outcome, ...] = (), *more: str, **changes: Any) -> Run:
    """Return a run of one attempt. `more`: options of its command line; `changes`: fields of Run."""
    attempt = Attempt(plan, outcomes)
    return replace(Run("0123456789abcdef", request(*more), BEGAN, ENDED, 0, (attempt,)), **changes)


def good_run(*more: str) -> Run:
    planned = plan()
    return run(planned, carried_out(planned), *more)


def lost_run(*more: str) -> Run:
    """Return a run that never reached its source."""
    problem = Problem("ConnectionFailed", "nas1: no such host; check -h")
    return run(None, (), *more, exit_status=3, problem=problem)


def sends(plan: Plan) -> list[Send]:
    return [step for dataset in plan.datasets for step in dataset.steps if isinstance(step, Send)]
