"""What the executor writes down of each dataset: the steps done, the step that failed, bytes and what expired."""

from __future__ import annotations

from tests.support.executing import DENIED, NEXT, TWO, execute
from tests.support.fakes import Answer
from tests.support.notation import plan_of, target_tree, tree
from zfs_replicate.run.ledger import ConflictFound, Ledger
from zfs_replicate.steps import DatasetPlan, Hold, Outcome, Plan, Release, Send, Side, Verify


def done(outcome: Outcome) -> list[str]:
    return [type(each.step).__name__ for each in outcome.done]


def test_a_run_that_goes_well_has_done_all_its_steps_in_order() -> None:
    (outcome,) = execute(*NEXT).outcomes
    assert [each.step for each in outcome.done] == list(outcome.plan.steps)
    assert outcome.failed is None


def test_steps_that_ended_in_another_order_are_told_in_the_plans() -> None:
    (outcome,) = execute(*NEXT).outcomes
    ledger = Ledger(Plan(datasets=(outcome.plan,)))
    for step in reversed(outcome.plan.steps):
        ledger.did(outcome.plan, step)
    assert [each.step for each in ledger.outcome(outcome.plan).done] == list(outcome.plan.steps)


def test_bytes_belong_to_the_stream_that_moved_them() -> None:
    (outcome,) = execute(*NEXT).outcomes
    assert {type(each.step): each.byte_count for each in outcome.done if each.byte_count} == {Send: len(b"stream")}
    assert outcome.byte_count == len(b"stream")


def test_a_failed_stream_is_the_step_that_failed_and_later_steps_are_not_done() -> None:
    broken = Answer(status=1, stderr=DENIED)
    first, second, third = execute(*TWO, at_target={"zfs receive -s -u o/p": broken}).outcomes
    assert done(second) == ["Hold"]
    assert isinstance(second.failed, Send)
    assert first.failed is None
    assert done(third)[-1] == "Release"


def test_a_failed_hold_takes_out_the_whole_step() -> None:
    said = Answer(status=1, stderr=f"cannot hold snapshot 't/p@b': {DENIED}")
    _first, second, third = execute(*TWO, at_source={"zfs hold": said}).outcomes
    assert (done(second), type(second.failed)) == ([], Hold)
    assert third.error is None


def test_what_did_not_arrive_fails_at_its_verification() -> None:
    (outcome,) = execute(*NEXT, at_target={"zfs list": Answer()}).outcomes
    assert isinstance(outcome.failed, Verify)
    assert not any(
        isinstance(each.step, Release) or getattr(each.step, "side", None) is Side.TARGET for each in outcome.done
    )


def test_a_conflict_is_a_failure_without_a_step() -> None:
    (outcome,) = Ledger(plan_of(tree("t", ":a"), target_tree("o", ":empty"))).outcomes()
    assert isinstance(outcome.error, ConflictFound)
    assert outcome.failed is None


def test_what_expired_adds_up() -> None:
    plan = DatasetPlan("t", "o")
    ledger = Ledger(Plan(datasets=(plan,)))
    ledger.expired(plan, ("a", "b"))
    ledger.expired(plan, ("c",))
    assert ledger.outcome(plan).expired == ("a", "b", "c")
