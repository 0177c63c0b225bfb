"""A failure stops its own dataset at the right step, and the other datasets go on."""

from __future__ import annotations

import threading

import pytest

from tests.support.executing import DENIED, NEXT, TWO, outcomes_of, run_plan
from tests.support.fakes import Answer, FakeHost
from tests.support.notation import SIGN, SOURCE, context, plan_of, planned, target_tree, tree
from zfs_replicate import errors
from zfs_replicate.plans import Plan
from zfs_replicate.run.context import RunContext
from zfs_replicate.run.transfer import Pipe


def refusing(*lines: str) -> Answer:
    return Answer(status=1, stderr="\n".join(lines))


def carried_out(
    plan: Plan, at_source: dict[str, Answer], at_target: dict[str, Answer]
) -> tuple[FakeHost, FakeHost, Exception | None]:
    source, target = FakeHost("nas1", at_source), FakeHost("here", at_target)
    run_context = RunContext(source, target, 1, Pipe())
    (outcome,) = outcomes_of(plan, run_context)
    return source, target, outcome.error


# --- holds ---


def test_without_its_hold_a_dataset_is_not_sent() -> None:
    run = run_plan(*TWO, at_source={"zfs hold": refusing("cannot hold snapshot 't/p@b': dataset does not exist")})
    assert run.errors() == {"o": None, "o/p": errors.SnapshotVanished, "o/q": None}
    assert run.source.asked_for("zfs send") == ["zfs send -L -c -i t/q@a t/q@b"]


def test_a_hold_that_is_there_already_is_success() -> None:
    line = "cannot hold snapshot 't/p@b': tag already exists on this dataset"
    assert run_plan(*TWO, at_source={"zfs hold": refusing(line)}).errors() == {"o": None, "o/p": None, "o/q": None}


def test_without_any_hold_nothing_is_sent() -> None:
    run = run_plan(*TWO, at_source={"zfs hold": refusing("cannot hold: permission denied")})
    assert run.errors() == {"o": None, "o/p": errors.PermissionDenied, "o/q": errors.PermissionDenied}
    assert run.source.asked_for("zfs send") == []


def test_a_connection_lost_while_holding_fails_those_datasets() -> None:
    run = run_plan(*TWO, at_source={"zfs hold": Answer(error=errors.ConnectionFailed("lost"))})
    assert run.errors() == {"o": None, "o/p": errors.ConnectionFailed, "o/q": errors.ConnectionFailed}
    assert run.source.asked_for("zfs send") == []


# --- streams ---


def test_a_failed_stream_stops_only_its_dataset() -> None:
    run = run_plan(*TWO, at_target={"zfs receive -s -u o/p": refusing("cannot receive: out of space")})
    assert run.errors() == {"o": None, "o/p": errors.OutOfSpace, "o/q": None}
    assert run.target.asked_for("zfs hold") == ["zfs hold offsite:target o/q@b"]
    assert run.source.asked_for("zfs release") == ["zfs release offsite t/q@a"]


def test_after_a_failed_stream_its_dataset_sends_no_more() -> None:
    target = target_tree("o", ":a^ resume(a..b)")
    run = run_plan(tree(SOURCE, ":a! b c"), target, at_target={"zfs receive": refusing("cannot receive: out of space")})
    assert run.source.asked_for("zfs send") == ["zfs send -t 1-token"]


def test_children_of_a_failed_first_stream_are_not_started() -> None:
    source = tree("t", ":a!", "p:a", "p/q:a", "p/q/r:a", "s:a")
    run = run_plan(
        source,
        target_tree("o", ":a^"),
        at_target={"zfs receive -s -u -o readonly=on -o canmount=noauto o/p": refusing(DENIED)},
    )
    assert run.errors() == {
        "o": None,
        "o/p": errors.PermissionDenied,
        "o/p/q": errors.CommandFailed,
        "o/p/q/r": errors.CommandFailed,
        "o/s": None,
    }
    assert not any("t/p/q" in command for command in run.source.asked_for("zfs send"))


def test_a_child_that_is_not_started_names_its_parent() -> None:
    source = tree("t", ":a", "p:a")
    run = run_plan(source, target_tree("o"), at_target={"zfs receive": refusing(DENIED)})
    assert "not started, because its parent o failed" in str(run.outcomes[1].error)


def test_children_of_a_failed_placeholder_are_not_started() -> None:
    run = run_plan(tree("t", ":empty", "p:a"), target_tree("o"), at_target={"zfs create": refusing(DENIED)})
    assert run.errors() == {"o": errors.PermissionDenied, "o/p": errors.CommandFailed}
    assert run.source.asked_for("zfs send") == []


def test_a_failed_incremental_stream_does_not_stop_the_children() -> None:
    source, target = tree("t", ":a! b", "p:a! b", "new:a"), target_tree("o", ":a^", "p:a^")
    run = run_plan(source, target, at_source={"zfs send -L -c -i t@a": refusing(DENIED)})
    assert run.errors() == {"o": errors.PermissionDenied, "o/p": None, "o/new": None}


def test_an_ancestor_that_cannot_be_created_ends_the_run() -> None:
    plan = plan_of(tree("t", ":a"), target_tree("o/p", missing=("o",)))
    source, target = FakeHost("nas1"), FakeHost("here", {"zfs create": refusing(DENIED)})
    with pytest.raises(errors.PermissionDenied, match="o on here: cannot create it"):
        outcomes_of(plan, RunContext(source, target, 1, Pipe()))
    assert source.asked_for("zfs send") == []


def test_an_unexpected_error_ends_the_run() -> None:
    """A bug is not the failure of a dataset."""
    with pytest.raises(ZeroDivisionError):
        run_plan(*NEXT, at_source={"zfs send": Answer(error=ZeroDivisionError())})


def test_an_unexpected_error_ends_the_streams_that_still_run() -> None:
    is_streaming = threading.Event()

    def fail() -> None:
        assert is_streaming.wait(30)
        raise ZeroDivisionError

    endless = Answer(stalls=True, at_read=is_streaming.set)
    source = FakeHost("nas1", {"zfs send -L -c -i t/p": Answer(at_read=fail), "zfs send -L -c -i t/q": endless})
    target = FakeHost("here")
    with pytest.raises(ZeroDivisionError):
        outcomes_of(plan_of(*TWO), RunContext(source, target, 2, Pipe()))
    sender = next(process for process in source.processes if process.answer is endless)
    sink = next(sink for sink in target.sinks if sink.pipeline[-1][-1] == "o/q")
    assert (sender.is_killed, sink.is_killed) == (True, True)


def test_bytes_that_moved_before_a_failure_are_counted() -> None:
    source, target = tree(SOURCE, ":a! b c"), target_tree("o", ":a^ resume(a..b)")
    run = run_plan(source, target, at_source={"zfs send -L -c": refusing(DENIED)})
    assert [outcome.byte_count for outcome in run.outcomes] == [6]


# --- verification ---


@pytest.mark.parametrize("listed", [b"", b"o@b\t999\n", b"o@a\t7097\n"])
def test_without_the_guid_on_the_target_no_hold_moves(listed: bytes) -> None:
    run = run_plan(*NEXT, at_target={"zfs list": Answer(listed)})
    assert run.errors() == {"o": errors.VerificationFailed}
    assert run.target.asked_for("zfs hold") + run.target.asked_for("zfs release") == []
    assert run.source.asked_for("zfs release") == []


def test_a_missing_snapshot_fails_only_its_dataset() -> None:
    absent = Answer(b"o/q@b\t7098\n", status=1, stderr="cannot open 'o/p@b': dataset does not exist\n")
    run = run_plan(*TWO, at_target={"zfs list": absent})
    assert run.errors() == {"o": None, "o/p": errors.VerificationFailed, "o/q": None}


def test_a_verification_that_could_not_ask_ends_the_run() -> None:
    with pytest.raises(errors.PermissionDenied):
        run_plan(*NEXT, at_target={"zfs list": refusing(DENIED)})


# --- what comes after ---


def test_without_the_hold_on_the_target_nothing_is_released() -> None:
    run = run_plan(*NEXT, at_target={"zfs hold": refusing("cannot hold: permission denied")})
    assert run.errors() == {"o": errors.PermissionDenied}
    assert run.target.asked_for("zfs release") == []
    assert run.source.asked_for("zfs release") == []


EXPIRING = Plan(datasets=(planned(f"a! {SIGN} c!", "a^:40 b:40 c^", keep_days=30),))


def test_a_release_comes_before_expiry() -> None:
    source, target, error = carried_out(EXPIRING, {}, {})
    assert (source.asked, target.asked, error) == (
        ["zfs release offsite tank/data@a"],
        ["zfs release offsite:target off/copy@a", "zfs destroy off/copy@a,b"],
        None,
    )


def test_without_the_release_on_the_source_nothing_expires() -> None:
    _source, target, error = carried_out(EXPIRING, {"zfs release": refusing("cannot release: permission denied")}, {})
    assert isinstance(error, errors.PermissionDenied)
    assert target.asked == []


def test_a_tag_that_is_gone_already_is_released() -> None:
    line = "cannot release hold from snapshot 'tank/data@a': no such tag on this dataset"
    _source, target, error = carried_out(EXPIRING, {"zfs release": refusing(line)}, {})
    assert error is None
    assert target.asked_for("zfs destroy") == ["zfs destroy off/copy@a,b"]


def test_a_failed_expiry_is_reported() -> None:
    line = "cannot destroy snapshot off/copy@a: it's being held. Run 'zfs holds -r off/copy@a' to see holders."
    _source, _target, error = carried_out(EXPIRING, {}, {"zfs destroy": refusing(line)})
    assert isinstance(error, errors.DatasetBusy)
    assert "off/copy@a on here: cannot expire @a: it is held" in str(error)


# --- rollback, bookmarks, full targets ---


ROLLBACK = Plan(datasets=(planned("a! b", "a^ x^ changed", plan_context=context(may_roll_back=True)),))
BOOKMARK = Plan(
    datasets=(
        planned("a! b! #a=zfs_replicate_offsite_3f2a9c1e-ab12_a", "a^ b^", plan_context=context(has_bookmarks=True)),
    )
)


@pytest.mark.parametrize("refused", ["zfs release", "zfs destroy", "zfs rollback"])
def test_without_the_rollback_nothing_is_sent(refused: str) -> None:
    source, _target, error = carried_out(ROLLBACK, {}, {refused: refusing(DENIED)})
    assert isinstance(error, errors.PermissionDenied)
    assert source.asked_for("zfs send") == []


def test_a_bookmark_that_cannot_be_created_is_not_a_failure() -> None:
    """The hold still protects the base."""
    source, _target, error = carried_out(BOOKMARK, {"sh -c": refusing("cannot create bookmark: permission denied")}, {})
    assert error is None
    assert len(source.asked_for("sh -c")) == 1
    assert source.asked_for("zfs release") == ["zfs release offsite tank/data@a"]


def test_a_full_target_reports_free_space_and_what_will_expire() -> None:
    plan = Plan(datasets=(planned("b! c", "a:40 b^:35", keep_days=30),))
    limits = b"off\tavailable\t4096\noff/copy\tavailable\t1024\noff/copy\tquota\t2048\noff/copy\tused\t1024\n"
    full = {"zfs receive": refusing("cannot receive: out of space"), "zfs get": Answer(limits)}
    _source, target, error = carried_out(plan, {}, full)
    assert isinstance(error, errors.OutOfSpace)
    assert "cannot receive: the quota of off/copy is 2.0 KiB, which leaves 1.0 KiB; free space below it" in str(error)
    assert "these will expire: @a, @b" in str(error)
    assert target.asked_for("zfs destroy") == []


@pytest.mark.parametrize("answer", [Answer(b"nonsense\n"), Answer(status=1), Answer(error=errors.OutputError("no"))])
def test_a_full_target_is_reported_even_if_it_does_not_say_why(answer: Answer) -> None:
    full = {"zfs receive": refusing("cannot receive: out of space"), "zfs get": answer}
    _source, _target, error = carried_out(Plan(datasets=(planned("b! c", "b^"),)), {}, full)
    assert isinstance(error, errors.OutOfSpace)
    assert "there is no space left, or a quota is reached; free space there, or raise the quota" in str(error)


# --- silent failures, parents and children ---


@pytest.mark.parametrize("command", ["zfs hold", "zfs release"])
@pytest.mark.parametrize(("status", "error"), [(-9, errors.StreamBroken), (1, errors.CommandFailed)])
def test_a_command_that_fails_silently_is_not_a_success(command: str, status: int, error: type[Exception]) -> None:
    run = run_plan(tree("t", ":a! b"), target_tree("o", ":a^"), at_source={command: Answer(status=status)})
    assert run.errors() == {"o": error}


def test_a_snapshot_that_is_gone_at_its_release_is_planned_anew() -> None:
    """It may have been renamed, with its hold; our hold on the copy stays as long as that is possible."""
    gone = refusing("cannot release hold from snapshot 't@a': dataset does not exist")
    run = run_plan(tree("t", ":a! b"), target_tree("o", ":a^"), at_source={"zfs release": gone})
    assert run.errors() == {"o": errors.SnapshotVanished}
    assert run.target.asked_for("zfs release") == []


def test_children_of_a_parent_whose_hold_failed_are_not_started() -> None:
    refused = refusing("cannot hold snapshot 't@a': permission denied")
    run = run_plan(tree("t", ":a", "p:a!"), target_tree("o"), at_source={"zfs hold": refused})
    assert run.source.asked_for("zfs send") == []


def test_existing_children_go_on_if_their_parent_fails() -> None:
    source, target = tree("t", ":a", "p:a! b"), target_tree("o", ":placeholder", "p:a^")
    run = run_plan(source, target, at_target={"zfs receive -s -u -F": refusing(DENIED)})
    assert run.errors() == {"o": errors.PermissionDenied, "o/p": None}
