"""Ask how a mirror stands, and print it: a first line and a table, or JSON, on stdout.

Reads only. What cannot be found out is UNKNOWN, in the same form, since a monitoring system reads nothing else.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time

from zfs_replicate.config import THIS_MACHINE, StatusRequest
from zfs_replicate.hosts.local import LocalHost
from zfs_replicate.log_context import new_identity
from zfs_replicate.output.failure import describe_failure
from zfs_replicate.output.logs import Subject, logging_as
from zfs_replicate.plan.status import Level, Status, evaluate
from zfs_replicate.report.status import as_data, first_line, table, unknown_data, unknown_line
from zfs_replicate.run.connect import connected
from zfs_replicate.run.inventory import read_both, read_target


def tell_status(asked: StatusRequest, logging: contextlib.ExitStack) -> int:
    """Read, judge and print; return 0, 1, 2 or 3. The log stays set up until `logging` ends."""
    subject = Subject(new_identity(), THIS_MACHINE, asked.local)
    logging.enter_context(logging_as(asked.reporting, subject))
    now = int(time.time())
    try:
        found = _read(asked, now)
    except BrokenPipeError:
        raise
    except Exception as error:
        problem, _status = describe_failure(error)
        if asked.reporting.is_json:
            _print_json(unknown_data(problem.message, asked.local, now))
            return int(Level.UNKNOWN)
        return tell_unknown(problem.message)
    if asked.reporting.is_json:
        _print_json(as_data(found, asked.wishes, asked.remote, now))
    else:
        print(first_line(found, asked.wishes))
        is_coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        for line in table(found, is_coloured):
            print(line)
    return int(found.level)


def tell_unknown(problem: str) -> int:
    print(unknown_line(problem))
    return int(Level.UNKNOWN)


def _read(asked: StatusRequest, now: int) -> Status:
    target = LocalHost()
    if asked.connection is None or asked.remote is None:
        return evaluate(read_target(target, asked.local), None, asked.wishes, now)
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(connected(asked.connection))
        theirs, ours = read_both(source, asked.remote, target, asked.local)
        return evaluate(ours, theirs, asked.wishes, now)


def _print_json(data: dict[str, object]) -> None:
    print(json.dumps(data, indent=2, ensure_ascii=False))
