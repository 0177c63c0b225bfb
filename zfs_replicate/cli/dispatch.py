"""What is asked for, done: mirror runs, status, release. Imported only once it is known what that is."""

from __future__ import annotations

import contextlib
import sys
import time

from zfs_replicate.actions import release as retiring
from zfs_replicate.actions import status as monitoring
from zfs_replicate.actions.mirror import mirror
from zfs_replicate.config import THIS_MACHINE, AskStatus, Config, Release, RunJobs
from zfs_replicate.errors import UsageError
from zfs_replicate.hosts.local import LocalHost
from zfs_replicate.output import logs
from zfs_replicate.output.logs import Subject
from zfs_replicate.printable import visible
from zfs_replicate.run.connect import connected
from zfs_replicate.signals import SIGNALLED


def carry_out(asked: Config | RunJobs | AskStatus | Release, logging: contextlib.ExitStack) -> int:
    """Do what is asked for; `logging` is where the log of what is no mirror run is set up."""
    match asked:
        case Config():
            return mirror(asked)
        case RunJobs():
            return _run_jobs(asked)
        case AskStatus():
            logging.enter_context(logs.told(asked.telling, Subject(logs.new_identity(), THIS_MACHINE, asked.local)))
            return monitoring.tell_status(asked)
        case Release():
            logging.enter_context(
                logs.told(asked.telling, Subject(logs.new_identity(), asked.connection.host, asked.remote))
            )
            return release(asked)


def _run_jobs(asked: RunJobs) -> int:
    """One that fails does not stop the others, but a signal does."""
    worst = 0
    for job in asked.jobs:
        worst = max(worst, mirror(job.config, f"job {job.name}: "))
        if worst >= SIGNALLED:
            break
    return worst


def release(asked: Release) -> int:
    """Retire a mirror: list the holds of its tag, ask, release them."""
    with connected(asked.connection) as source:
        target = None if asked.local is None else (LocalHost(), asked.local)
        found = retiring.find(source, asked.remote, asked.tag, target)
        for line in retiring.lines(found, asked.tag, int(time.time())):
            print(visible(line))
        if asked.is_dry_run or not (found.held or found.bookmarks):
            return 0
        if not asked.is_confirmed:
            if not sys.stdin.isatty():
                raise UsageError("release: there is no terminal to ask on; say --yes, or -n to only list")
            if input(f"Release all {len(found.held)} holds of {asked.tag} on {source.name}? [y/N] ").lower() != "y":
                return 0
        retiring.release(source, asked.tag, found)
    return 0
