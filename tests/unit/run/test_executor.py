"""execute carries out a plan phase by phase; a failure affects only its own dataset."""

from __future__ import annotations

import re
import threading

import pytest

from tests.support.executing import DENIED, NEXT, TWO, guid_answer, outcomes_of, run_plan
from tests.support.fakes import Answer, FakeHost
from tests.support.notation import CLAIM, SIGN, context, plan_of, planned, target_tree, tree
from zfs_replicate.errors import PermissionDenied, TargetChanged
from zfs_replicate.plans import Plan
from zfs_replicate.run.context import RunContext
from zfs_replicate.run.ledger import ConflictFound
from zfs_replicate.run.transfer import Pipe
from zfs_replicate.steps import Hold

# --- order ---


def test_phases_run_in_their_order() -> None:
    order: list[str] = []
    plan = plan_of(*NEXT)
    source, target = _noting("source", order), _noting("target", order)
    target.answers = {
        **target.answers,
        "zfs list": Answer(guid_answer(plan).stdout, at_start=lambda: order.append("verify")),
    }
    outcomes_of(plan, RunContext(source, target, 1, Pipe()))
    assert order == ["source hold", "source send", "verify", "target hold", "source release", "target release"]


def _noting(side: str, order: list[str]) -> FakeHost:
    def note(verb: str) -> Answer:
        return Answer(at_start=lambda: order.append(f"{side} {verb}"))

    return FakeHost(side, {f"zfs {verb}": note(verb) for verb in ("hold", "send", "release", "destroy")})


def test_each_command_is_asked_of_the_right_side() -> None:
    run = run_plan(*NEXT)
    assert run.source.asked == ["zfs hold offsite t@b", "zfs send -L -c -i t@a t@b", "zfs release offsite t@a"]
    assert run.target.asked == [
        "zfs receive -s -u o",
        "zfs list -Hp -t snapshot -o name,guid o@b",
        "zfs hold offsite:target o@b",
        "zfs release offsite:target o@a",
    ]


def test_holds_of_all_datasets_are_one_command() -> None:
    run = run_plan(*TWO)
    assert run.source.asked_for("zfs hold") == ["zfs hold offsite t/p@b t/q@b"]
    assert run.target.asked_for("zfs hold") == ["zfs hold offsite:target o/p@b o/q@b"]
    assert run.source.asked_for("zfs release") == ["zfs release offsite t/p@a t/q@a"]


def test_verification_of_all_datasets_is_one_command() -> None:
    assert len(run_plan(*TWO).target.asked_for("zfs list")) == 1


def test_with_nothing_to_do_no_command_runs() -> None:
    run = run_plan(tree("t", f":a! {SIGN}", f"p:a! {SIGN}"), target_tree("o", ":a^", "p:a^"))
    assert run.source.asked + run.target.asked == []


def test_missing_ancestors_are_created_before_the_streams() -> None:
    run = run_plan(tree("t", ":a"), target_tree("o/p/q", missing=("o", "o/p")))
    assert run.target.asked[:3] == [
        "zfs create -o canmount=off -o zfs_replicate:placeholder=on o",
        "zfs create -o canmount=off -o zfs_replicate:placeholder=on o/p",
        "zfs receive -s -u -o readonly=on -o canmount=noauto o/p/q",
    ]


def test_placeholders_are_created_filled_and_cleared() -> None:
    run = run_plan(tree("t", ":empty", "p:a", "q:a"), target_tree("o", "q:placeholder"))
    assert "zfs create -o canmount=off -o zfs_replicate:placeholder=on o" in run.target.asked
    assert "zfs receive -s -u -F -o readonly=on -o canmount=noauto o/q" in run.target.asked
    assert "zfs inherit zfs_replicate:placeholder o/q" in run.target.asked


def test_a_rollback_is_tried_before_a_snapshot_goes() -> None:
    plan = planned("a! b", "a^ x^ #x=mark changed", plan_context=context(may_roll_back=True))
    target = FakeHost("here", {"zfs list": Answer(b"off/copy@b\t7098\n")})
    run_context = RunContext(FakeHost("nas1"), target, 1, Pipe())
    (outcome,) = outcomes_of(Plan(datasets=(plan,)), run_context)
    assert outcome.error is None
    assert [command for command in target.asked if not command.startswith("sh -c")][:5] == [
        "zfs rollback off/copy@x",
        "zfs release offsite:target off/copy@x",
        "zfs destroy off/copy@x",
        "zfs rollback off/copy@a",
        "zfs receive -s -u off/copy",
    ]
    assert target.asked[0].startswith("sh -c")
    assert target.asked[0].endswith("-- off/copy#mark")


@pytest.mark.parametrize("refused", ["sh -c", "zfs rollback off/copy@x"])
def test_a_rollback_that_cannot_succeed_destroys_nothing(refused: str) -> None:
    plan = planned("a! b", "a^ x^ #x=mark changed", plan_context=context(may_roll_back=True))
    line = "cannot destroy 'off/copy#mark': permission denied"
    target = FakeHost("here", {refused: Answer(status=1, stderr=line)})
    run_context = RunContext(FakeHost("nas1"), target, 1, Pipe())
    (outcome,) = outcomes_of(Plan(datasets=(plan,)), run_context)
    assert isinstance(outcome.error, PermissionDenied)
    assert target.asked_for("zfs destroy") == target.asked_for("zfs release") == []


def test_renames_follow_the_holds_and_stop_when_refused() -> None:
    plan = planned("a=z b=y!* c=x", "a=y b=x")
    for stderr, asked in (("", ["y z", "x y"]), ("cannot rename 'off/copy@y': permission denied", ["y z"])):
        host = FakeHost("here", {"zfs rename": Answer(status=1 if stderr else 0, stderr=stderr)})
        source = FakeHost("nas1")
        (outcome,) = outcomes_of(Plan(datasets=(plan,)), RunContext(source, host, 1, Pipe()))
        expected = [f"zfs rename off/copy@{old} off/copy@{new}" for old, new in map(str.split, asked)]
        assert [command for command in host.asked if command.startswith("zfs re")][: len(expected)] == expected
        assert source.asked[0] == "zfs hold offsite tank/data@x"
        assert isinstance(outcome.error, PermissionDenied) == bool(stderr)
        assert (
            "zfs allow USER receive,create,mount,readonly,canmount,hold,release,destroy,rename off"
            in str(outcome.error)
        ) == bool(stderr)
        assert bool(host.asked_for("zfs receive")) == (not stderr)


def test_an_unforeseen_change_names_base_and_command() -> None:
    plan = planned("a! b", "a^ x")
    stderr = "cannot receive incremental stream: destination off/copy has been modified\nsince most recent snapshot"
    target = FakeHost("here", {"zfs receive": Answer(status=1, stderr=stderr)})
    (outcome,) = outcomes_of(Plan(datasets=(plan,)), RunContext(FakeHost("nas1"), target, 1, Pipe()))
    assert isinstance(outcome.error, TargetChanged)
    assert str(outcome.error).startswith(
        "off/copy on here: cannot receive: it was changed since the newest common snapshot @a (2023-11-14 22:13"
        " UTC); it has newer snapshots of its own: @x (2023-11-14 22:13 UTC); to discard the changes: zfs rollback -r"
        " off/copy@a (or run once with --rollback)"
    )


def test_a_copy_that_must_make_way_gets_a_free_name() -> None:
    stderr = "cannot receive incremental stream: incremental send stream requires -L (--large-block)"
    target = FakeHost("here", {"zfs receive": Answer(status=1, stderr=stderr)})
    (outcome,) = outcomes_of(Plan(datasets=(planned("a! b", "a^"),)), RunContext(FakeHost("nas1"), target, 1, Pipe()))
    aside = re.escape("does not go on without; move it aside: zfs rename off/copy off/copy.old-")
    assert re.search(aside + r"\d{8}-\d{4}, then run again for a new full copy \(zfs: ", str(outcome.error))


def test_a_stale_state_is_cleared_before_the_stream() -> None:
    run = run_plan(tree("t", ":a! b"), target_tree("o", ":a^ resume(damaged)"))
    assert run.target.asked[:2] == ["zfs receive -A o", "zfs receive -s -u o"]


def test_parents_are_received_before_their_children() -> None:
    run = run_plan(tree("t", ":a", "p:a", "p/q:a", "r:a"), target_tree("o"))
    receives = [command.split()[-1] for command in run.target.asked_for("zfs receive")]
    assert receives[0] == "o"
    assert receives.index("o/p") < receives.index("o/p/q")
    assert sorted(receives) == ["o", "o/p", "o/p/q", "o/r"]


def test_datasets_are_received_at_the_same_time() -> None:
    """Each stream waits until the other has started, so running them in sequence would never end."""
    both = threading.Barrier(2, timeout=30)
    run = run_plan(*TWO, at_source={"zfs send": Answer(b"stream", at_start=both.wait)})
    assert run.errors() == {"o": None, "o/p": None, "o/q": None}


# --- outcomes ---


def test_outcomes_come_in_the_order_of_the_plan_with_their_bytes() -> None:
    run = run_plan(*TWO)
    assert [(outcome.plan.target, outcome.byte_count) for outcome in run.outcomes] == [("o", 0), ("o/p", 6), ("o/q", 6)]


def test_only_datasets_that_moved_are_observed() -> None:
    assert sorted(run_plan(*TWO).arrived) == ["o/p", "o/q"]


def test_a_failed_dataset_is_not_observed_as_arrived() -> None:
    run = run_plan(*NEXT, at_target={"zfs receive": Answer(status=1, stderr=DENIED)})
    assert run.arrived == []


def test_expired_snapshots_are_counted_once_they_are_gone() -> None:
    plan = Plan(datasets=(planned("c!", "a:40 b:40 c^", keep_days=30),))
    source, target = FakeHost("nas1"), FakeHost("here")
    (outcome,) = outcomes_of(plan, RunContext(source, target, 1, Pipe()))
    assert target.asked == ["zfs destroy off/copy@a,b"]
    assert outcome.expired == ("a", "b")


def test_a_conflict_is_an_outcome_and_the_others_go_on() -> None:
    run = run_plan(tree("t", ":a!", "p:a", "q:a! b"), target_tree("o", ":a^", "p:x", "q:a^"))
    assert run.errors() == {"o": None, "o/p": ConflictFound, "o/q": None}
    (outcome,) = (outcome for outcome in run.outcomes if outcome.error)
    assert str(outcome.error).startswith("o/p: conflict with t/p on nas1: no common snapshot is left")
    assert outcome.error is not None
    assert "t/p" not in " ".join(run.source.asked)


CHANGED = (tree("t", f":a! {SIGN}", "p:a b"), target_tree("o", ":a^", "p:a changed"))


def test_the_holds_of_a_conflict_are_placed() -> None:
    run = run_plan(*CHANGED)
    assert run.errors() == {"o": None, "o/p": ConflictFound}
    assert run.source.asked == [f"zfs hold {CLAIM} t/p@a", "zfs hold offsite t/p@a"]
    assert run.target.asked == ["zfs hold offsite:target o/p@a"]
    assert [entry.step for entry in run.outcomes[1].done] == list(run.outcomes[1].plan.steps)


def test_a_conflict_whose_hold_fails_stays_a_conflict() -> None:
    """The message has both; the hold on the other side is placed all the same."""
    refusal = Answer(status=1, stderr=f"cannot hold snapshot 't/p@a': {DENIED}")
    run = run_plan(*CHANGED, at_source={"zfs hold": refusal})
    outcome = run.outcomes[1]
    assert isinstance(outcome.error, ConflictFound)
    assert not outcome.error.is_transient
    assert "it has changed since" in str(outcome.error)
    assert ". Besides: t/p@a on nas1: cannot place the hold offsite" in str(outcome.error)
    assert isinstance(outcome.failed, Hold)
    assert run.target.asked == ["zfs hold offsite:target o/p@a"]


def test_a_hold_of_a_conflict_that_may_succeed_is_retried() -> None:
    gone = Answer(status=1, stderr="cannot hold snapshot 't/p@a': dataset does not exist")
    error = run_plan(*CHANGED, at_source={"zfs hold": gone}).outcomes[1].error
    assert isinstance(error, ConflictFound)
    assert error.is_transient


def test_holds_of_many_datasets_are_placed_in_parallel() -> None:
    """Each command waits until four have started."""
    tank = tree("tank", *(f"d{number}:a" for number in range(40)))
    plan = plan_of(tank, target_tree("off"))
    together = threading.Barrier(4, timeout=30)
    source = FakeHost("nas1", {"zfs hold": Answer(at_start=together.wait)})
    target = FakeHost("here", {"zfs list": guid_answer(plan)})
    outcomes = outcomes_of(plan, RunContext(source, target, 2, Pipe()))
    assert [outcome.error for outcome in outcomes] == [None] * 40
    held = [name for command in source.asked_for("zfs hold offsite ") for name in command.split()[3:]]
    assert sorted(held) == sorted(f"tank/d{number}@a" for number in range(40))
