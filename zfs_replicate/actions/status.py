"""How a mirror stands, asked and told: AskStatus in; a first line and a table, or JSON, on stdout; the exit status out.

Reads only. What cannot be found out is UNKNOWN, in the same form, since a monitoring system reads nothing else.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time

from zfs_replicate.config import AskStatus
from zfs_replicate.errors import ReplicateError
from zfs_replicate.hosts.local import LocalHost
from zfs_replicate.plan.status import Level, Status, evaluate
from zfs_replicate.report import status as status_report
from zfs_replicate.run.connect import connected
from zfs_replicate.run.inventory import read_both, read_target


def tell_status(asked: AskStatus) -> int:
    """Read, judge and print; return 0, 1, 2 or 3."""
    now = int(time.time())
    try:
        found = _read(asked, now)
    except ReplicateError as error:
        if asked.telling.is_json:
            _print_json(status_report.unknown_data(str(error), asked.local, now))
            return int(Level.UNKNOWN)
        return tell_unknown(str(error))
    if asked.telling.is_json:
        _print_json(status_report.as_data(found, asked.wishes, asked.remote, now))
    else:
        print(status_report.first_line(found, asked.wishes))
        is_coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        for line in status_report.table(found, is_coloured):
            print(line)
    return int(found.level)


def tell_unknown(problem: str) -> int:
    print(status_report.unknown_line(problem))
    return int(Level.UNKNOWN)


def _read(asked: AskStatus, now: int) -> Status:
    target = LocalHost()
    if asked.connection is None or asked.remote is None:
        return evaluate(read_target(target, asked.local), None, asked.wishes, now)
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(connected(asked.connection))
        theirs, ours = read_both(source, asked.remote, target, asked.local)
        return evaluate(ours, theirs, asked.wishes, now)


def _print_json(data: dict[str, object]) -> None:
    print(json.dumps(data, indent=2, ensure_ascii=False))
