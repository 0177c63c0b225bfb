"""What is asked for, done: mirror runs, status, release. Imported only once it is known what that is."""

from __future__ import annotations

import contextlib

from zfs_replicate.actions import release, status
from zfs_replicate.actions.mirror import mirror
from zfs_replicate.config import THIS_MACHINE, AskStatus, Config, Release, RunJobs
from zfs_replicate.log_context import new_identity
from zfs_replicate.output import logs
from zfs_replicate.output.logs import Subject
from zfs_replicate.signals import SIGNALLED


def carry_out(asked: Config | RunJobs | AskStatus | Release, logging: contextlib.ExitStack) -> int:
    """Do what is asked for; `logging` is where the log of what is no mirror run is set up."""
    match asked:
        case Config():
            return mirror(asked)
        case RunJobs():
            return _run_jobs(asked)
        case AskStatus():
            logging.enter_context(logs.told(asked.telling, Subject(new_identity(), THIS_MACHINE, asked.local)))
            return status.tell_status(asked)
        case Release():
            logging.enter_context(
                logs.told(asked.telling, Subject(new_identity(), asked.connection.host, asked.remote))
            )
            return release.carry_out(asked)


def _run_jobs(asked: RunJobs) -> int:
    """One that fails does not stop the others, but a signal does."""
    worst = 0
    for job in asked.jobs:
        worst = max(worst, mirror(job.config, f"job {job.name}: "))
        if worst >= SIGNALLED:
            break
    return worst
