"""Check every moment of a run of the search. (picture before, Command, Ran, Strike) → violations as sentences."""

from __future__ import annotations

from collections.abc import Iterator

from tests.support.exhaust.acts import MIRROR, SECOND
from tests.support.exhaust.runs import Command, Failure, Ran, Strike
from tests.support.exhaust.state import NOW
from tests.support.simulator import invariants, promises
from tests.support.simulator.faults import Signal
from tests.support.simulator.invariants import FinishedRun
from tests.support.simulator.mirrors import settled
from tests.support.simulator.pictures import Picture, guids_below, is_in
from zfs_replicate.errors import OutOfSpace, ReplicateError


def violations(before: Picture, command: Command, ran: Ran, strike: Strike | None = None) -> Iterator[tuple[str, str]]:
    """Return each violation with the moment at which it is seen."""
    excluded = f"{command.mirror.source}/{command.exclude}"

    pictures = [before, *(moment.picture for moment in ran.moments)]
    there = frozenset[int]().union(*(guids_below(now, command.mirror.target) for now in pictures))

    def finished(after: Picture) -> FinishedRun:
        return FinishedRun(
            command.mirror,
            NOW,
            command.keep_days,
            settled(before, command.mirror),
            settled(after, command.mirror),
            lost_by_hand=ran.destroyed,
            released_by_hand=ran.released,
            is_meddled=strike is not None and strike.is_person,
            may_roll_back=command.may_roll_back,
            excluded=frozenset(name for name in before if command.exclude and is_in(name, excluded)),
            once_there=there,
        )

    for moment in ran.moments:
        yield from ((sentence, moment.after) for sentence in _at_any_moment(finished(moment.picture)))
    run = finished(ran.moments[-1].picture)
    if strike is None:
        yield from ((sentence, "the end") for sentence in _at_the_end(run, ran))
    elif isinstance(strike.action, Signal):
        yield from ((sentence, "the end") for sentence in invariants.after_orderly_run(run))
    for failure in ran.failures:
        sentence = _wrong_error(failure) or ("" if strike else _needless(failure, before, command))
        if sentence:
            yield sentence, "the end"


def _at_any_moment(run: FinishedRun) -> Iterator[str]:
    yield from invariants.after_any_run(run)
    yield from promises.at_any_moment(run)
    if not run.released_by_hand:
        yield from promises.other_let_down(run, SECOND if run.mirror == MIRROR else MIRROR)


def _at_the_end(run: FinishedRun, ran: Ran) -> Iterator[str]:
    yield from invariants.after_whole_run(run)
    if not ran.failures:
        yield from invariants.after_good_run(run)
        yield from promises.marked_copies(run)
        if run.mirror == MIRROR and not any(is_in(name, SECOND.target) for name in run.after):
            yield from promises.after_good_run_alone(run)


def _wrong_error(failure: Failure) -> str:
    """Why an error is none that a user should see; empty if it is one."""
    error = failure.error
    if isinstance(error, ReplicateError) or not isinstance(error, Exception):
        return ""
    return f"the program fell over: {error!r}"


def _needless(failure: Failure, before: Picture, command: Command) -> str:
    """Why a failure of a run that nothing disturbed should not be there; empty if a person is needed."""
    excluded = f"{command.mirror.source}/{command.exclude}"
    names = [name for name in before if is_in(name, command.mirror.source)]
    sources = [before[name] for name in names if not (command.exclude and is_in(name, excluded))]
    if not failure.source:
        is_empty = not any(dataset.snapshots for dataset in sources)
        return "" if is_empty else f"the whole run failed: {failure.error}"
    is_limited = any(dataset.quota for dataset in before.values())
    is_full = is_limited and (isinstance(failure.error, OutOfSpace) or "not started" in str(failure.error))
    if is_full or promises.needs_a_person(before, command.mirror, failure.source):
        return ""
    return f"{failure.source} failed without need: {failure.error}"
