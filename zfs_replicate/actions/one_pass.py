"""Make one pass: connect, read both sides, plan and, unless it is a dry run, execute. MirrorRequest → Attempt."""

from __future__ import annotations

import logging
import time
from dataclasses import replace

from zfs_replicate.actions.elsewhere import with_elsewhere
from zfs_replicate.config import MirrorRequest
from zfs_replicate.output.display import follow_live
from zfs_replicate.plan.planner import make_plan
from zfs_replicate.plans import Attempt
from zfs_replicate.report.text import detail_lines
from zfs_replicate.run.changes import settle
from zfs_replicate.run.connect import carrier, connected, here
from zfs_replicate.run.context import RunContext, choose_pipe
from zfs_replicate.run.executor import execute
from zfs_replicate.run.survey import Place, read_both

log = logging.getLogger(__name__)


def one_pass(request: MirrorRequest) -> Attempt:
    """Make one pass; return how far it got. An exception that ends it, also a signal, becomes the attempt's `error`."""
    began = time.monotonic()
    attempt = Attempt()
    try:
        with connected(request.connection) as source:
            began = time.monotonic()  # a password may have been typed until now
            target, carry = here(request.connection), carrier(request, source)
            if request.policy.may_roll_back:
                settle(target, request.local)
            places = Place(source, request.remote), Place(target, request.local)
            survey = read_both(*places, at_once=request.jobs > 1)
            if request.is_dry_run or request.reporting.is_verbose:
                survey = with_elsewhere(survey, *places, request.policy.excludes, request.policy.tag)
            plan = make_plan(survey, request, int(time.time()))
            attempt = Attempt(plan)
            if not request.is_dry_run:
                for warning in plan.warnings:
                    log.warning("%s", warning)
                for line in detail_lines(plan):
                    log.info("%s", line)
                pipe = choose_pipe(request, survey, plan, target.is_root)
                is_far = not request.connection.is_local
                context = RunContext(source, target, request.jobs, pipe, carry, is_far)
                with follow_live(request.reporting, plan) as observer:
                    attempt = execute(plan, context, observer)
    except BaseException as error:  # the caller decides what it means
        attempt = replace(attempt, error=attempt.error or error)
    return replace(attempt, seconds=time.monotonic() - began)
