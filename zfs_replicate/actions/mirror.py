"""A run: lock, passes with retries, and what is told of it. MirrorRequest in, exit status out."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import sys
import time
from functools import partial

from zfs_replicate.actions.one_pass import Pass
from zfs_replicate.config import JobsRequest, MirrorRequest, Reporting
from zfs_replicate.errors import AlreadyRunning, ReplicateError
from zfs_replicate.log_context import about, new_identity
from zfs_replicate.output import logs
from zfs_replicate.output.display import shown
from zfs_replicate.output.failure import describe_failure
from zfs_replicate.output.logs import log_problem
from zfs_replicate.output.publish import publish
from zfs_replicate.printable import visible
from zfs_replicate.report.record import Attempt, Run
from zfs_replicate.report.text import detail_lines, moved_line, plan_lines, summary_line, totals_line
from zfs_replicate.run.connect import carrier, connected, here
from zfs_replicate.run.ledger import failed
from zfs_replicate.run.lock import locked
from zfs_replicate.run.transfer import Cancellation
from zfs_replicate.signals import SIGNALLED, Interrupted
from zfs_replicate.steps import Outcome, Plan, RunResult

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 5
PAUSE_GROWTH = 3
"""5 s, 15 s, 45 s: a short glitch costs little, a reboot is waited for with a few --retries."""


def mirror(request: MirrorRequest, title: str = "") -> int:
    """Mirror once, and again after what may pass; tell of it as was asked; return the exit status.

    `title` goes before what is said of an error that ended the run as a whole.
    """
    identity, began = new_identity(), time.time()
    subject = logs.Subject(identity, request.connection.host, request.remote)
    with logs.logging_as(request.reporting, subject):
        attempts: list[Attempt] = []
        status, problem, is_skipped = 0, None, False
        try:
            _check_packages(request.reporting)
            status = _attempts(request, attempts)
        except AlreadyRunning as error:
            log.info("%s%s", title, error)
            is_skipped = True
        except BrokenPipeError:
            raise
        except (Exception, Interrupted) as error:
            problem, status = describe_failure(error)
            log_problem(f"{title}{problem.message}")
        return publish(Run(identity, request, began, time.time(), status, tuple(attempts), problem, is_skipped))


def run_jobs(request: JobsRequest) -> int:
    """Mirror job after job; return the worst exit status. A failed job does not stop the others, but a signal does."""
    worst = 0
    for job in request.jobs:
        worst = max(worst, mirror(job.request, f"job {job.name}: "))
        if worst >= SIGNALLED:
            break
    return worst


def _check_packages(reporting: Reporting) -> None:
    """A package that only the end of the run needs is missed before, not after hours."""
    if reporting.metrics is not None and importlib.util.find_spec("prometheus_client") is None:
        raise ModuleNotFoundError(name="prometheus_client")


def _attempts(request: MirrorRequest, noted: list[Attempt]) -> int:
    """Make passes until one ends for good; return the exit status. Raises: what ends a whole pass."""
    with contextlib.ExitStack() as stack:
        if not request.is_dry_run:
            stack.enter_context(locked(request.local))
        pause = FIRST_PAUSE_SECONDS
        for left in range(request.retries, -1, -1):
            ended = _one_pass(request, noted, is_last=left == 0)
            if isinstance(ended, int):
                return ended
            log.info("%s; trying again in %d seconds (%d more)", ended, pause, left)
            time.sleep(pause)
            pause *= PAUSE_GROWTH
        raise AssertionError("the last pass ends with a status or raises")


def _one_pass(request: MirrorRequest, noted: list[Attempt], is_last: bool) -> int | ReplicateError:
    """Carry out one pass and note it; return the exit status, or an error that is worth another pass."""
    one = None
    try:
        with connected(request.connection) as source:
            one = Pass(request, source, here(request.connection), int(time.time()), carrier(request, source))
            plan = one.plan()
            if request.is_dry_run:
                return _show_plan(request, plan)
            for line in detail_lines(plan):
                log.info("%s", line)
            with shown(request.reporting, plan) as meter:
                result = one.execute(plan, Cancellation(), partial(_tell_moved, request.reporting), meter)
    except ReplicateError as error:
        if is_last or not error.is_transient:
            raise
        return error
    finally:
        noted.append(Attempt() if one is None else one.attempt)
    errors = [outcome.error for outcome in result.outcomes if isinstance(outcome.error, ReplicateError)]
    transient = [error for error in errors if error.is_transient]
    return transient[0] if transient and not is_last else _tell_result(request.reporting, result)


def _show_plan(request: MirrorRequest, plan: Plan) -> int:
    if not request.reporting.is_json:
        for line in plan_lines(plan):
            print(visible(line))
        print(visible(totals_line(plan)))
    return 1 if any(dataset.conflict for dataset in plan.datasets) else 0


def _tell_moved(reporting: Reporting, outcome: Outcome) -> None:
    _tell(reporting, moved_line(outcome))


def _tell_result(reporting: Reporting, result: RunResult) -> int:
    failures = failed(result.outcomes)
    for outcome in failures:
        with about(outcome.plan.source):
            log_problem(str(outcome.error))
    _tell(reporting, summary_line(result))
    return max(
        (outcome.error.exit_code for outcome in failures if isinstance(outcome.error, ReplicateError)), default=0
    )


def _tell(reporting: Reporting, line: str) -> None:
    """One line of good news: to who sits at a terminal, otherwise to the log."""
    if sys.stdout.isatty() and not reporting.is_json and reporting.log_format == "human":
        # in one piece: datasets end at the same time
        sys.stdout.write(f"{visible(line)}\n")
        sys.stdout.flush()
    else:
        log.info("%s", line)
