"""A run: lock, passes with retries, and what is told of it. Config in, exit status out."""

from __future__ import annotations

import contextlib
import logging
import sys
import time

from zfs_replicate import report
from zfs_replicate.config import Config
from zfs_replicate.connecting import carrier, connected, here
from zfs_replicate.errors import ReplicateError
from zfs_replicate.ledger import failed
from zfs_replicate.locking import locked
from zfs_replicate.mirror import Pass
from zfs_replicate.steps import Outcome, Plan, RunResult
from zfs_replicate.transfer import Cancellation

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 5
PAUSE_GROWTH = 3
"""5 s, 15 s, 45 s: a short glitch costs little, a reboot is waited for with a few --retries."""


def mirror(config: Config) -> int:
    """Mirror once, and again after what may pass; return the exit status. Raises: what ends a whole pass for good."""
    with contextlib.ExitStack() as stack:
        if not config.is_dry_run:
            stack.enter_context(locked(config.local))
        pause = FIRST_PAUSE_SECONDS
        for left in range(config.retries, -1, -1):
            ended = _one_pass(config, is_last=left == 0)
            if isinstance(ended, int):
                return ended
            log.info("%s; trying again in %d seconds (%d more)", ended, pause, left)
            time.sleep(pause)
            pause *= PAUSE_GROWTH
        raise AssertionError("the last pass ends with a status or raises")


def _one_pass(config: Config, is_last: bool) -> int | ReplicateError:
    """Carry out one pass; return the exit status, or an error that is worth another pass unless it is the last."""
    try:
        with connected(config.connection) as source:
            one = Pass(config, source, here(config.connection), int(time.time()), carrier(config, source))
            plan = one.plan()
            if config.is_dry_run:
                return _show_plan(plan, config.policy.tag)
            for line in report.detail_lines(plan):
                log.info("%s", line)
            result = one.execute(plan, Cancellation(), _tell_moved)
    except ReplicateError as error:
        if is_last or not error.is_transient:
            raise
        return error
    errors = [outcome.error for outcome in result.outcomes if isinstance(outcome.error, ReplicateError)]
    transient = [error for error in errors if error.is_transient]
    return transient[0] if transient and not is_last else _tell_result(result)


def _show_plan(plan: Plan, tag: str) -> int:
    for line in report.plan_lines(plan, tag):
        print(line)
    return 1 if any(dataset.conflict for dataset in plan.datasets) else 0


def _tell_moved(outcome: Outcome) -> None:
    if sys.stdout.isatty():
        print(report.moved_line(outcome), flush=True)
    else:
        log.info("%s", report.moved_line(outcome))


def _tell_result(result: RunResult) -> int:
    failures = failed(result.outcomes)
    for outcome in failures:
        say(str(outcome.error))
    if sys.stdout.isatty():
        print(report.summary_line(result))
    else:
        log.info("%s", report.summary_line(result))
    return max(
        (outcome.error.exit_code for outcome in failures if isinstance(outcome.error, ReplicateError)), default=0
    )


def say(text: str) -> None:
    """One paragraph on stderr: what cron mails."""
    print(f"zfs_replicate: {text}", file=sys.stderr)
