"""Print the status of a mirror on stdout: a first line and a table, or JSON. StatusRequest → exit status.

Reads only. Errors are printed as UNKNOWN in the same form, since a monitoring system reads nothing else.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from dataclasses import replace

from zfs_replicate.actions.elsewhere import with_elsewhere
from zfs_replicate.config import THIS_MACHINE, StatusRequest
from zfs_replicate.hosts.local import LocalHost
from zfs_replicate.log_context import new_identity
from zfs_replicate.output.failure import describe_failure
from zfs_replicate.output.logs import Subject, logging_as
from zfs_replicate.plan.clocks import HERE, clock_doubt, newest_in_future
from zfs_replicate.plan.identity import mirror_of
from zfs_replicate.plan.leftovers import find_leftovers
from zfs_replicate.plan.pair import not_excluded
from zfs_replicate.plan.sharing import sharing_problem
from zfs_replicate.plan.status import Level, Status, evaluate
from zfs_replicate.plan.unplaced import left_out_problem
from zfs_replicate.report.status import as_data, first_line, table, unknown_data, unknown_line
from zfs_replicate.run.connect import connected
from zfs_replicate.run.inventory import read_target
from zfs_replicate.run.survey import Place, read_both


def show_status(request: StatusRequest, open_logs: contextlib.ExitStack) -> int:
    """Read, evaluate and print; return 0, 1, 2 or 3. The log stays set up until `open_logs` ends."""
    now = int(time.time())
    try:
        subject = Subject(new_identity(), THIS_MACHINE, request.local)
        open_logs.enter_context(logging_as(request.reporting, subject))
        status = _read(request, now)
    except BrokenPipeError:
        raise
    except Exception as error:
        problem, _exit_status = describe_failure(error)
        if request.reporting.is_json:
            _print_json(unknown_data(problem.message, request.local, now))
            return int(Level.UNKNOWN)
        return show_unknown(problem.message)
    if request.reporting.is_json:
        _print_json(as_data(status, request.options, request.remote, now))
    else:
        print(first_line(status, request.options))
        is_coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        for line in table(status, is_coloured):
            print(line)
    return int(status.level)


def show_unknown(problem: str) -> int:
    """Print a problem in the form that monitoring expects; return 3."""
    print(unknown_line(problem))
    return int(Level.UNKNOWN)


def _read(request: StatusRequest, now: int) -> Status:
    target, options = Place(LocalHost(), request.local), request.options
    if request.connection is None or request.remote is None:
        tree = read_target(target.host, target.root, is_exact=False)
        copies = not_excluded(tree, options.excludes)
        return replace(evaluate(tree, None, options, now), clock=newest_in_future(HERE, copies, now))
    with connected(request.connection) as source:
        place = Place(source, request.remote)
        survey = read_both(place, target, is_exact=False)
        if options.tag is not None:
            survey = with_elsewhere(survey, place, target, options.excludes, options.tag)
    status = evaluate(survey.target, survey.source, options, now, mirror_of(survey))
    left_out = left_out_problem(survey.source, survey.source_host, options.excludes)
    unplaced = (*([left_out] if left_out else []), *status.unplaced)
    status = replace(status, clock=clock_doubt(survey, options.excludes, now), unplaced=unplaced)
    if options.tag is None:
        return status
    mirror = survey, options.excludes, options.tag, request.connection
    return replace(status, leftovers=find_leftovers(*mirror), sharing=sharing_problem(*mirror))


def _print_json(data: dict[str, object]) -> None:
    print(json.dumps(data, indent=2, ensure_ascii=False))
