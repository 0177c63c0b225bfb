"""Runs as the rooms that tell of them get them: a MirrorRequest, attempts, outcomes, without anything run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.support.notation import plan_of, target_tree, tree
from zfs_replicate.cli.arguments import parse
from zfs_replicate.config import MirrorRequest
from zfs_replicate.report.record import Problem, Run
from zfs_replicate.run.ledger import Ledger
from zfs_replicate.steps import Attempt, Outcome, Plan, Resume, Send, Step

BEGAN, ENDED = 1_700_000_000.0, 1_700_000_090.5
LINE = ("-h", "nas1", "-r", "tank/a", "-l", "off/a", "-t", "offsite")


def request(*more: str) -> MirrorRequest:
    found = parse([*LINE, *more])
    assert isinstance(found, MirrorRequest)
    return found


def plan(theirs: tuple[str, ...] = (":a! b+1024",), ours: tuple[str, ...] = (":a^",)) -> Plan:
    return plan_of(tree("tank/a", *theirs), target_tree("off/a", *ours))


def carried_out(made: Plan, fails: type[Step] | None = None, error: Exception | None = None) -> tuple[Outcome, ...]:
    """The outcomes of a plan that went well, or of which the first step of a kind failed; 100 bytes a stream."""
    ledger = Ledger(made)
    for each in ledger.going():
        for step in each.steps:
            if fails is not None and isinstance(step, fails):
                assert error is not None
                ledger.fail(each, error, step)
                break
            ledger.did(each, step, *((100, 0.5) if isinstance(step, Send | Resume) else ()))
    return ledger.outcomes()


def run(made: Plan | None = None, outcomes: tuple[Outcome, ...] = (), *more: str, **changed: Any) -> Run:
    """A run of one attempt."""
    one = Run("0123456789abcdef", request(*more), BEGAN, ENDED, 0, (Attempt(made, outcomes),))
    return replace(one, **changed)


def good_run(*more: str) -> Run:
    made = plan()
    return run(made, carried_out(made), *more)


def lost_run(*more: str) -> Run:
    """A run that never reached its source."""
    problem = Problem("ConnectionFailed", "nas1: no such host; check -h")
    return run(None, (), *more, exit_status=3, problem=problem)
