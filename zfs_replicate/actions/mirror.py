"""A run: lock, passes with retries, and what is told of it. Config in, exit status out."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import sys
import time
from functools import partial

from zfs_replicate.actions.one_pass import Pass
from zfs_replicate.config import Config, Telling
from zfs_replicate.errors import AlreadyRunning, ReplicateError
from zfs_replicate.log_context import about, new_identity
from zfs_replicate.output import logs
from zfs_replicate.output.display import shown
from zfs_replicate.output.failure import ending
from zfs_replicate.output.logs import say
from zfs_replicate.output.publish import leave_behind
from zfs_replicate.printable import visible
from zfs_replicate.report import text as report
from zfs_replicate.report.record import Attempt, Run
from zfs_replicate.run.connect import carrier, connected, here
from zfs_replicate.run.ledger import failed
from zfs_replicate.run.lock import locked
from zfs_replicate.run.transfer import Cancellation
from zfs_replicate.signals import Ended
from zfs_replicate.steps import Outcome, Plan, RunResult

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 5
PAUSE_GROWTH = 3
"""5 s, 15 s, 45 s: a short glitch costs little, a reboot is waited for with a few --retries."""


def mirror(config: Config, title: str = "") -> int:
    """Mirror once, and again after what may pass; tell of it as was asked; return the exit status.

    `title` goes before what is said of an error that ended the run as a whole.
    """
    identity, began = new_identity(), time.time()
    subject = logs.Subject(identity, config.connection.host, config.remote)
    with logs.told(config.telling, subject):
        attempts: list[Attempt] = []
        status, problem, is_skipped = 0, None, False
        try:
            _check_packages(config.telling)
            status = _attempts(config, attempts)
        except AlreadyRunning as error:
            log.info("%s%s", title, error)
            is_skipped = True
        except BrokenPipeError:
            raise
        except (Exception, Ended) as error:
            problem, status = ending(error)
            say(f"{title}{problem.message}")
        return leave_behind(Run(identity, config, began, time.time(), status, tuple(attempts), problem, is_skipped))


def _check_packages(telling: Telling) -> None:
    """A package that only the end of the run needs is missed before, not after hours."""
    if telling.metrics is not None and importlib.util.find_spec("prometheus_client") is None:
        raise ModuleNotFoundError(name="prometheus_client")


def _attempts(config: Config, noted: list[Attempt]) -> int:
    """Make passes until one ends for good; return the exit status. Raises: what ends a whole pass."""
    with contextlib.ExitStack() as stack:
        if not config.is_dry_run:
            stack.enter_context(locked(config.local))
        pause = FIRST_PAUSE_SECONDS
        for left in range(config.retries, -1, -1):
            ended = _one_pass(config, noted, is_last=left == 0)
            if isinstance(ended, int):
                return ended
            log.info("%s; trying again in %d seconds (%d more)", ended, pause, left)
            time.sleep(pause)
            pause *= PAUSE_GROWTH
        raise AssertionError("the last pass ends with a status or raises")


def _one_pass(config: Config, noted: list[Attempt], is_last: bool) -> int | ReplicateError:
    """Carry out one pass and note it; return the exit status, or an error that is worth another pass."""
    one = None
    try:
        with connected(config.connection) as source:
            one = Pass(config, source, here(config.connection), int(time.time()), carrier(config, source))
            plan = one.plan()
            if config.is_dry_run:
                return _show_plan(config, plan)
            for line in report.detail_lines(plan):
                log.info("%s", line)
            with shown(config.telling, plan) as meter:
                result = one.execute(plan, Cancellation(), partial(_tell_moved, config.telling), meter)
    except ReplicateError as error:
        if is_last or not error.is_transient:
            raise
        return error
    finally:
        noted.append(Attempt() if one is None else one.attempt)
    errors = [outcome.error for outcome in result.outcomes if isinstance(outcome.error, ReplicateError)]
    transient = [error for error in errors if error.is_transient]
    return transient[0] if transient and not is_last else _tell_result(config.telling, result)


def _show_plan(config: Config, plan: Plan) -> int:
    if not config.telling.is_json:
        for line in report.plan_lines(plan):
            print(visible(line))
        print(visible(report.totals_line(plan)))
    return 1 if any(dataset.conflict for dataset in plan.datasets) else 0


def _tell_moved(telling: Telling, outcome: Outcome) -> None:
    _tell(telling, report.moved_line(outcome))


def _tell_result(telling: Telling, result: RunResult) -> int:
    failures = failed(result.outcomes)
    for outcome in failures:
        with about(outcome.plan.source):
            say(str(outcome.error))
    _tell(telling, report.summary_line(result))
    return max(
        (outcome.error.exit_code for outcome in failures if isinstance(outcome.error, ReplicateError)), default=0
    )


def _tell(telling: Telling, line: str) -> None:
    """One line of good news: to who sits at a terminal, otherwise to the log."""
    if sys.stdout.isatty() and not telling.is_json and telling.log_format == "human":
        # in one piece: datasets end at the same time
        sys.stdout.write(f"{visible(line)}\n")
        sys.stdout.flush()
    else:
        log.info("%s", line)
