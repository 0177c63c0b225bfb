"""The program: arguments and signals in; a run; one paragraph for what went wrong, and the exit status out."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import time
from collections.abc import Sequence

from zfs_replicate import arguments, logs, monitoring, retiring
from zfs_replicate.config import THIS_MACHINE, AskStatus, Config, Print, Release, RunJobs
from zfs_replicate.connecting import connected
from zfs_replicate.endings import ending
from zfs_replicate.errors import UsageError
from zfs_replicate.hosts.local import LocalHost
from zfs_replicate.logs import Subject, say
from zfs_replicate.manual import usage
from zfs_replicate.running import mirror
from zfs_replicate.signals import Ended, ended_by_signals
from zfs_replicate.visible import visible

SIGNALLED = 128
"""Exit statuses from here on: ended by a signal."""


def main(argv: list[str] | None = None) -> int:
    """Run the program; return its exit status. Whatever goes wrong becomes one paragraph on stderr."""
    words = sys.argv[1:] if argv is None else argv
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    with contextlib.ExitStack() as logging:
        try:
            with ended_by_signals():
                return _carry_out(arguments.parse(words), logging)
        except BrokenPipeError:
            # whoever read our output has left, as `| head` does; Python would complain once more at its end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return SIGNALLED + signal.SIGPIPE
        except (Exception, Ended) as error:
            problem, status = ending(error)
            if words[:1] == ["status"] and not isinstance(error, Ended):
                return monitoring.tell_unknown(problem.message)
            say(f"{problem.message}{_usage(words) if isinstance(error, UsageError) else ''}")
            return status


def _carry_out(asked: arguments.Asked, logging: contextlib.ExitStack) -> int:
    """Do what is asked for; `logging` is where the log of what is no mirror run is set up."""
    if isinstance(asked, Print):
        sys.stdout.write(asked.text)
        return 0
    match asked:
        case Config():
            return mirror(asked)
        case RunJobs():
            return _run_jobs(asked)
        case AskStatus():
            logging.enter_context(logs.told(asked.telling, Subject("", THIS_MACHINE, asked.local)))
            return monitoring.tell_status(asked)
        case Release():
            logging.enter_context(logs.told(asked.telling, Subject("", asked.connection.host, asked.remote)))
            return release(asked)


def _run_jobs(asked: RunJobs) -> int:
    """One that fails does not stop the others, but a signal does."""
    worst = 0
    for job in asked.jobs:
        worst = max(worst, mirror(job.config, f"job {job.name}: "))
        if worst >= SIGNALLED:
            break
    return worst


def _usage(words: Sequence[str]) -> str:
    return "" if words[:1] == ["status"] else f"\n{usage()}\nMore: zfs_replicate --help"


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
