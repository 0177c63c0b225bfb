"""Overdue snapshots go before the streams where the plan says so, or after a stream that found no room."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.support.executing import guid_answer, outcomes_of
from tests.support.fakes import Answer, FakeHost
from tests.support.notation import context, target_tree, tree
from zfs_replicate import errors
from zfs_replicate.plan.planner import plan_trees
from zfs_replicate.plans import Outcome, Plan
from zfs_replicate.run.context import RunContext
from zfs_replicate.run.transfer import Pipe


def plan(target: str) -> Plan:
    """Return the plan for nine bytes that arrive with @c."""
    return plan_trees(tree("t", ":b! c+9"), target_tree("o", f":{target}"), context(30))


NEEDY = plan("room(0) a^+9:40 b")
"""@a must go; it has an older hold of ours, and the hold on the base is missing."""

ENOUGH = plan("room(9) a+9:40 b^")

FULL = Answer(status=1, stderr="cannot receive: out of space")
BUSY = Answer(status=1, stderr="dataset is busy")


def carried_out(planned: Plan, at_target: Mapping[str, Answer]) -> tuple[FakeHost, Outcome]:
    target = FakeHost("here", {"zfs list": guid_answer(planned), **at_target})
    (outcome,) = outcomes_of(planned, RunContext(FakeHost("nas1"), target, 1, Pipe()))
    return target, outcome


def test_room_is_made_before_the_stream_with_the_base_held() -> None:
    target, outcome = carried_out(NEEDY, {})
    assert (outcome.error, outcome.expired) == (None, ("a",))
    commands = [" ".join(command.split()[:4]) for command in target.asked if not command.startswith("zfs list")]
    assert commands == [
        "zfs hold offsite:target o@b",
        "zfs release offsite:target o@a",
        "zfs destroy o@a",
        "zfs receive -s -u",
        "zfs hold offsite:target o@c",
        "zfs release offsite:target o@b",
    ]


def test_nothing_goes_while_the_base_is_not_held() -> None:
    target, outcome = carried_out(NEEDY, {"zfs hold offsite:target o@b": BUSY})
    assert outcome.expired == ()
    assert target.asked_for("zfs destroy") == []


@pytest.mark.parametrize("command", ["zfs release offsite:target o@a", "zfs destroy"])
def test_a_stream_is_tried_where_no_room_can_be_made(command: str, caplog: pytest.LogCaptureFixture) -> None:
    target, outcome = carried_out(NEEDY, {command: BUSY})
    assert outcome.error is None
    assert "not all that is overdue could be expired to make room" in caplog.text
    assert len(target.asked_for("zfs receive")) == 1
    assert bool(target.asked_for("zfs destroy")) is (command == "zfs destroy")


def test_a_target_that_proves_full_expires_its_reserve() -> None:
    target, outcome = carried_out(ENOUGH, {"zfs receive": FULL})
    assert isinstance(outcome.error, errors.OutOfSpace)
    assert (target.asked_for("zfs destroy"), outcome.expired) == (["zfs destroy o@a"], ("a",))


def test_another_failure_expires_nothing() -> None:
    target, outcome = carried_out(ENOUGH, {"zfs receive": Answer(status=1, stderr="invalid backup stream")})
    assert outcome.error is not None
    assert target.asked_for("zfs destroy") == []
