"""What has arrived of streams that did not all succeed is held, whatever ended them."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.support.executing import ARRIVED, DENIED, Run, run_plan
from tests.support.fakes import HANG_SECONDS, Answer, FakeHost
from tests.support.notation import SIGN, guid_of, plan_of, target_tree, tree
from zfs_replicate import errors
from zfs_replicate.observer import Observer
from zfs_replicate.plans import Attempt
from zfs_replicate.run import arrivals
from zfs_replicate.run.context import RunContext
from zfs_replicate.run.executor import execute
from zfs_replicate.run.transfer import Pipe
from zfs_replicate.signals import Interrupted, interrupted_by_signals

MANY = (tree("t", ":a! b c d"), target_tree("o", ":a^"))
FULL = Answer(status=1, stderr="cannot receive: out of space")
LOST = Answer(error=errors.ConnectionFailed("lost"))


def listing(*names: str) -> Answer:
    """Return what the target lists of off: `b` is the snapshot b, `b=c` is one that is called b and has c's guid."""
    pairs = ((name[0], guid_of(name[-1])) for name in names)
    return Answer("".join(f"o@{name}\t{guid}\n" for name, guid in pairs).encode())


def broken(*names: str, at_source: dict[str, Answer] | None = None) -> Run:
    """Send b, c and d in one stream, which ends with an error when these snapshots have arrived."""
    return run_plan(*MANY, at_source=at_source, at_target={"zfs receive": FULL, ARRIVED: listing("a", *names)})


def test_the_newest_arrival_is_held_on_both_sides() -> None:
    run = broken("b", "c")
    assert run.errors() == {"o": errors.OutOfSpace}
    assert run.source.asked_for("zfs hold")[1:] == ["zfs hold offsite t@c"]
    assert run.target.asked_for("zfs hold") == ["zfs hold offsite:target o@c"]


def test_after_a_broken_stream_nothing_is_let_go() -> None:
    run = broken("b", "c")
    assert run.source.asked_for("zfs release") + run.target.asked_for("zfs release") == []
    assert run.target.asked_for("zfs destroy") == []


def test_without_an_arrival_nothing_more_is_held() -> None:
    run = broken()
    assert run.source.asked_for("zfs hold") == ["zfs hold offsite t@d"]
    assert run.target.asked_for("zfs hold") == []


@pytest.mark.parametrize(("listed", "name"), [("b=x", None), ("x=b", "x")])
def test_an_arrival_is_known_by_its_guid(listed: str, name: str | None) -> None:
    run = broken(listed)
    assert run.target.asked_for("zfs hold") == ([] if name is None else [f"zfs hold offsite:target o@{name}"])


def test_a_target_that_does_not_exist_has_no_arrivals() -> None:
    absent = Answer(status=1, stderr="cannot open 'o': dataset does not exist")
    run = run_plan(tree("t", ":a b"), target_tree("o"), at_target={"zfs receive": FULL, ARRIVED: absent})
    assert run.errors() == {"o": errors.OutOfSpace}


def test_the_end_of_an_earlier_stream_is_held_already() -> None:
    """Of `a` in full and then `-I a c`, only the first has arrived."""
    later = {"zfs receive -s -u o": FULL, "zfs receive -s -u -o": Answer(), ARRIVED: listing("a")}
    run = run_plan(tree("t", ":a b c"), target_tree("o"), at_target=later)
    assert run.source.asked_for("zfs hold offsite ") == ["zfs hold offsite t@a t@c"]
    assert run.target.asked_for("zfs hold") == ["zfs hold offsite:target o@a"]


def test_arrivals_of_all_datasets_are_asked_for_once() -> None:
    source = tree("t", f":a! {SIGN}", *(f"{name}:a! {SIGN} b c" for name in "pqr"))
    target = target_tree("o", ":a^", "p:a^", "q:a^", "r:a^")
    arrived = Answer(b"".join(b"o/%c@b\t%d\n" % (name, guid_of("b")) for name in b"pq"))
    full = {f"zfs receive -s -u o/{name}": FULL for name in "pq"}
    run = run_plan(source, target, at_target={**full, ARRIVED: arrived})
    assert run.target.asked_for(ARRIVED) == [f"{ARRIVED} -t snapshot -o name,guid o/p o/q"]
    assert run.source.asked_for("zfs hold")[1:] == ["zfs hold offsite t/p@b t/q@b"]


def test_arrivals_that_could_not_be_verified_are_held() -> None:
    lacking = Answer(f"o@b\t{guid_of('b')}\n".encode())
    run = run_plan(*MANY, at_target={"zfs list": lacking, ARRIVED: listing("a", "b")})
    assert run.errors() == {"o": errors.VerificationFailed}
    assert run.source.asked_for("zfs hold")[1:] == ["zfs hold offsite t@b"]


def test_a_dataset_that_was_not_sent_is_not_asked_for() -> None:
    run = run_plan(*MANY, at_source={"zfs hold": Answer(status=1, stderr=f"cannot hold: {DENIED}")})
    assert run.target.asked_for(ARRIVED) == []


def test_a_report_counts_what_has_arrived() -> None:
    (outcome,) = broken("b", "c").outcomes
    assert outcome.arrived is not None
    assert outcome.arrived.name == "c"


# --- what cannot be held ---


def test_an_unreachable_source_leaves_the_error_of_the_stream(caplog: pytest.LogCaptureFixture) -> None:
    run = broken("b", at_source={"zfs hold offsite t@b": LOST})
    assert run.errors() == {"o": errors.OutOfSpace}
    assert "t@b has arrived, but is not held yet: lost; the next run does it first" in caplog.text


def test_a_silent_target_leaves_the_error_of_the_stream(caplog: pytest.LogCaptureFixture) -> None:
    silent = Answer(status=1, stderr="out of memory")
    run = run_plan(*MANY, at_target={"zfs receive": FULL, ARRIVED: silent})
    assert run.errors() == {"o": errors.OutOfSpace}
    assert "what has arrived is not held yet" in caplog.text


def test_a_lost_hold_is_placed_before_the_streams() -> None:
    run = run_plan(tree("t", ":a! b"), target_tree("o", ":a"), at_target={"zfs receive": FULL})
    assert run.errors() == {"o": errors.OutOfSpace}
    assert run.target.asked[:2] == ["zfs hold offsite:target o@a", "zfs receive -s -u o"]


def test_a_lost_hold_that_cannot_be_placed_stops_no_stream(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    refused = Answer(status=1, stderr=f"cannot hold: {DENIED}")
    run = run_plan(tree("t", ":a! b"), target_tree("o", ":a"), at_target={"zfs hold": refused})
    assert len(run.target.asked_for("zfs receive")) == 1
    assert "it is tried again after the streams" in caplog.text
    assert run.errors() == {"o": errors.PermissionDenied}


# --- signals, and bugs ---


def ended_by(error: Callable[[], object], at_source: dict[str, Answer]) -> tuple[Attempt, FakeHost, FakeHost]:
    """Carry out the plan; `error` is called amid its stream, when b and c have arrived."""
    source = FakeHost("nas1", {"zfs send": Answer(at_read=error), **at_source})
    target = FakeHost("here", {ARRIVED: listing("a", "b", "c")})
    return execute(plan_of(*MANY), RunContext(source, target, 1, Pipe()), Observer()), source, target


def terminate() -> None:
    raise Interrupted(signal.SIGTERM)


def test_a_signal_ends_the_run_when_the_arrivals_are_held() -> None:
    attempt, source, target = ended_by(terminate, {})
    assert isinstance(attempt.error, Interrupted)
    assert source.asked[-1] == "zfs hold offsite t@c"
    assert target.asked[-1] == "zfs hold offsite:target o@c"


def test_a_bug_ends_the_run_when_the_arrivals_are_held() -> None:
    attempt, source, _target = ended_by(lambda: 1 // 0, {})
    assert isinstance(attempt.error, ZeroDivisionError)
    assert source.asked[-1] == "zfs hold offsite t@c"


@pytest.fixture
def may_go_on() -> Iterator[threading.Event]:
    """Yield what a command on the source waits for; it goes on at the end of the test."""
    event = threading.Event()
    yield event
    event.set()


def test_after_a_signal_a_source_that_hangs_is_left(
    may_go_on: threading.Event, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(arrivals, "LAST_SECONDS", 0.01)
    hang = Answer(at_start=lambda: may_go_on.wait(HANG_SECONDS))
    attempt, _source, _target = ended_by(terminate, {"zfs hold offsite t@c": hang})
    assert isinstance(attempt.error, Interrupted)
    assert "what has arrived could not be held" in caplog.text


def test_a_second_signal_ends_a_run_whose_source_hangs(may_go_on: threading.Event) -> None:
    def hang() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        may_go_on.wait(HANG_SECONDS)

    with interrupted_by_signals():
        attempt, _source, _target = ended_by(terminate, {"zfs hold offsite t@c": Answer(at_start=hang)})
    assert isinstance(attempt.error, Interrupted)
    assert attempt.error.number == signal.SIGINT
