"""The ledger records for each dataset its finished steps, the failed step, bytes and expired snapshots."""

from __future__ import annotations

from tests.support.executing import DENIED, NEXT, TWO, run_plan
from tests.support.fakes import Answer
from tests.support.notation import plan_of, target_tree, tree
from zfs_replicate.plans import DatasetPlan, Outcome, Plan
from zfs_replicate.run.ledger import ConflictFound, Ledger
from zfs_replicate.steps import Hold, Release, Send, Side, Verify


def done(outcome: Outcome) -> list[str]:
    return [type(entry.step).__name__ for entry in outcome.done]


def test_a_successful_run_has_done_all_its_steps_in_order() -> None:
    (outcome,) = run_plan(*NEXT).outcomes
    assert [entry.step for entry in outcome.done] == list(outcome.plan.steps)
    assert outcome.failed is None


def test_steps_are_listed_in_the_plans_order() -> None:
    (outcome,) = run_plan(*NEXT).outcomes
    ledger = Ledger(Plan(datasets=(outcome.plan,)))
    for step in reversed(outcome.plan.steps):
        ledger.record_done(outcome.plan, step)
    assert [entry.step for entry in ledger.outcome(outcome.plan).done] == list(outcome.plan.steps)


def test_bytes_belong_to_the_stream_that_moved_them() -> None:
    (outcome,) = run_plan(*NEXT).outcomes
    assert {type(entry.step): entry.byte_count for entry in outcome.done if entry.byte_count} == {Send: len(b"stream")}
    assert outcome.byte_count == len(b"stream")


def test_after_a_failed_stream_later_steps_are_not_done() -> None:
    broken = Answer(status=1, stderr=DENIED)
    first, second, third = run_plan(*TWO, at_target={"zfs receive -s -u o/p": broken}).outcomes
    assert done(second) == ["Hold"]
    assert isinstance(second.failed, Send)
    assert first.failed is None
    assert done(third)[-1] == "Release"


def test_a_failed_hold_fails_the_whole_step() -> None:
    refusal = Answer(status=1, stderr=f"cannot hold snapshot 't/p@b': {DENIED}")
    _first, second, third = run_plan(*TWO, at_source={"zfs hold": refusal}).outcomes
    assert (done(second), type(second.failed)) == ([], Hold)
    assert third.error is None


def test_a_missing_snapshot_fails_at_its_verification() -> None:
    (outcome,) = run_plan(*NEXT, at_target={"zfs list": Answer()}).outcomes
    assert isinstance(outcome.failed, Verify)
    assert not any(
        isinstance(entry.step, Release) or getattr(entry.step, "side", None) is Side.TARGET for entry in outcome.done
    )


def test_a_conflict_is_a_failure_without_a_step() -> None:
    (outcome,) = Ledger(plan_of(tree("t", ":a"), target_tree("o", ":empty"))).outcomes()
    assert isinstance(outcome.error, ConflictFound)
    assert outcome.failed is None


def test_expired_snapshots_add_up() -> None:
    plan = DatasetPlan("t", "o")
    ledger = Ledger(Plan(datasets=(plan,)))
    ledger.record_expired(plan, ("a", "b"))
    ledger.record_expired(plan, ("c",))
    assert ledger.outcome(plan).expired == ("a", "b", "c")
