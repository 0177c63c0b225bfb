"""Mirror: lock the target, make passes with retries, and report the result. MirrorRequest → exit status."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import time

from zfs_replicate.actions.one_pass import one_pass
from zfs_replicate.config import JobsRequest, MirrorRequest, Reporting
from zfs_replicate.errors import AlreadyRunning, DatasetMissing, OutOfSpace, ReplicateError, TagTaken
from zfs_replicate.log_context import about, new_identity
from zfs_replicate.output.display import announce
from zfs_replicate.output.failure import describe_failure
from zfs_replicate.output.logs import Subject, log_problem, logging_as
from zfs_replicate.output.publish import publish
from zfs_replicate.plans import Attempt, Plan
from zfs_replicate.printable import visible
from zfs_replicate.report.record import Run
from zfs_replicate.report.text import plan_lines, summary_line, totals_line
from zfs_replicate.run.lock import locked
from zfs_replicate.signals import SIGNALLED, Interrupted

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 5
PAUSE_GROWTH = 3
"""5 s, 15 s, 45 s: a short glitch costs little, and a few --retries outlast a reboot."""


def run_jobs(request: JobsRequest) -> int:
    """Mirror job after job; return the worst exit status. A failed job does not stop the others, but a signal does."""
    worst = 0
    for job in request.jobs:
        worst = max(worst, mirror(job.request, f"job {job.name}: "))
        if worst >= SIGNALLED:
            break
    return worst


def mirror(request: MirrorRequest, title: str = "") -> int:
    """Mirror, retrying after temporary errors; publish the result; return the exit status.

    `title` is printed before an error that ends the whole run.
    """
    identity, began = new_identity(), time.time()
    subject = Subject(identity, request.connection.host, request.remote)
    with logging_as(request.reporting, subject):
        attempts: list[Attempt] = []
        status, problem, is_skipped = 0, None, False
        try:
            _check_packages(request.reporting)
            status = _make_attempts(request, attempts)
        except AlreadyRunning as error:
            log.info("%s%s", title, error)
            is_skipped = True
        except BrokenPipeError:
            raise
        except (Exception, Interrupted) as error:
            problem, status = describe_failure(error)
            log_problem(f"{title}{problem.message}")
        return publish(Run(identity, request, began, time.time(), status, tuple(attempts), problem, is_skipped))


def _check_packages(reporting: Reporting) -> None:
    """Fail now, not after hours, if a package that only the end of the run needs is missing."""
    if reporting.metrics is not None and importlib.util.find_spec("prometheus_client") is None:
        raise ModuleNotFoundError(name="prometheus_client")


def _make_attempts(request: MirrorRequest, attempts: list[Attempt]) -> int:
    """Make passes until one is final, and append each to `attempts`; return the exit status. Raises: the last error."""
    with contextlib.ExitStack() as stack:
        if not request.is_dry_run:
            stack.enter_context(locked(request.local))
        pause = FIRST_PAUSE_SECONDS
        for left in range(request.retries, -1, -1):
            attempt = one_pass(request)
            attempts.append(attempt)
            if change := _welcome_change(attempt):
                log.info("%s; trying again", change)
                attempt = one_pass(request)
                attempts.append(attempt)
            problem = _temporary_error(attempt)
            if problem is None or left == 0:
                break
            log.info("%s; trying again in %d seconds (%d more)", problem, pause, left)
            time.sleep(pause)
            pause *= PAUSE_GROWTH
    if attempt.error is not None:
        raise attempt.error
    if request.is_dry_run and attempt.plan is not None:
        return _show_plan(request, attempt.plan)
    return _show_result(request.reporting, attempt)


def _welcome_change(attempt: Attempt) -> str:
    """Return what has changed so that another pass, at once, will do better than this one; empty if nothing has.

    A stream found the target full, and snapshots have expired since then or shortly before; a dataset or snapshot has
    vanished, and what is left is planned anew; or another mirror has begun with the same tag.
    """
    errors = [] if attempt.error is not None else [outcome.error for outcome in attempt.outcomes]
    if any(isinstance(error, OutOfSpace) for error in errors) and any(outcome.expired for outcome in attempt.outcomes):
        return "the target was full, and overdue snapshots have expired"
    change = next((error for error in errors if isinstance(error, DatasetMissing | TagTaken)), None)
    return "" if change is None else str(change)


def _temporary_error(attempt: Attempt) -> ReplicateError | None:
    """Return an error of the attempt that a retry may cure, or None."""
    errors = [outcome.error for outcome in attempt.outcomes] if attempt.error is None else [attempt.error]
    return next((error for error in errors if isinstance(error, ReplicateError) and error.is_transient), None)


def _show_plan(request: MirrorRequest, plan: Plan) -> int:
    if not request.reporting.is_json:
        for line in plan_lines(plan):
            print(visible(line))
        print(visible(totals_line(plan)))
    return 1 if any(dataset.conflict for dataset in plan.datasets) else 0


def _show_result(reporting: Reporting, attempt: Attempt) -> int:
    """Report each failure, then a summary; return the exit status."""
    status = 0
    for outcome in attempt.outcomes:
        if outcome.error is not None:
            with about(outcome.plan.source):
                log_problem(str(outcome.error))
            status = max(status, outcome.error.exit_code if isinstance(outcome.error, ReplicateError) else 0)
    announce(reporting, summary_line(attempt))
    return status
