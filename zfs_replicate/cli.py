"""The program: arguments and signals in; a run; one paragraph for what went wrong, and the exit status out."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import FrameType

from zfs_replicate import arguments, monitoring, retiring
from zfs_replicate.config import AskStatus, Config, Job, Print, Release, RunJobs
from zfs_replicate.connecting import connected
from zfs_replicate.errors import AlreadyRunning, ReplicateError, UsageError
from zfs_replicate.hosts.local import LocalHost
from zfs_replicate.manual import usage
from zfs_replicate.running import mirror, say

log = logging.getLogger("zfs_replicate")

ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Ended(BaseException):
    """A signal asks us to end. No error: nothing on the way may catch it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def main(argv: list[str] | None = None) -> int:
    """Run the program; return its exit status. Whatever goes wrong becomes one paragraph on stderr."""
    words = sys.argv[1:] if argv is None else argv
    try:
        with ended_by_signals():
            return _guarded(lambda: _carry_out(arguments.parse(words)), words)
    except Ended as ended:
        say(
            f"ended by {signal.Signals(ended.number).name}; what has arrived stays, and the next run goes on from there"
        )
        return 128 + ended.number
    except BrokenPipeError:
        # whoever read our output has left, as `| head` does; Python would complain once more at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE


def _guarded(run: Callable[[], int], words: Sequence[str], prefix: str = "") -> int:
    """Run something to its exit status; an error becomes one paragraph, which begins with `prefix`."""
    try:
        return run()
    except UsageError as error:
        return _tell_problem(f"{prefix}{error}{_usage(words)}", error.exit_code, words)
    except AlreadyRunning as error:
        log.info("%s%s", prefix, error)
        return error.exit_code
    except ReplicateError as error:
        return _tell_problem(f"{prefix}{error}", error.exit_code, words)
    except BrokenPipeError:
        raise
    except ModuleNotFoundError as error:
        return _tell_problem(
            f"the Python package {error.name} is missing; install it with the program: pip install .", 1, words
        )
    except Exception as error:
        # a mistake of ours: no user should have to read a traceback, unless they ask
        if {"-v", "--verbose"} & {*words}:
            log.exception("internal error")
        return _tell_problem(
            f"{prefix}internal error: {type(error).__name__}: {error}; run with -v for details, and report it", 1, words
        )


def _tell_problem(problem: str, exit_status: int, words: Sequence[str]) -> int:
    if words[:1] == ["status"]:
        return monitoring.tell_unknown(problem)
    say(problem)
    return exit_status


def _carry_out(asked: arguments.Asked) -> int:
    if isinstance(asked, Print):
        sys.stdout.write(asked.text)
        return 0
    _set_up_logging(asked.telling.is_verbose)
    match asked:
        case AskStatus():
            return monitoring.tell_status(asked)
        case Release():
            return release(asked)
        case RunJobs():
            # one that fails does not stop the others
            return max(_guarded(partial(_run_job, job), (), f"job {job.name}: ") for job in asked.jobs)
        case Config():
            return mirror(asked)


def _run_job(job: Job) -> int:
    _set_up_logging(job.config.telling.is_verbose)
    return mirror(job.config)


def _usage(words: Sequence[str]) -> str:
    return "" if words[:1] == ["status"] else f"\n{usage()}\nMore: zfs_replicate --help"


def release(asked: Release) -> int:
    """Retire a mirror: list the holds of its tag, ask, release them."""
    with connected(asked.connection) as source:
        target = None if asked.local is None else (LocalHost(), asked.local)
        found = retiring.find(source, asked.remote, asked.tag, target)
        for line in retiring.lines(found, asked.tag, int(time.time())):
            print(line)
        if asked.is_dry_run or not (found.held or found.bookmarks):
            return 0
        if not asked.is_confirmed:
            if not sys.stdin.isatty():
                raise UsageError("release: there is no terminal to ask on; say --yes, or -n to only list")
            if input(f"Release all {len(found.held)} holds of {asked.tag} on {source.name}? [y/N] ").lower() != "y":
                return 0
        retiring.release(source, asked.tag, found)
    return 0


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """Turn the first ending signal into Ended, raised in the main thread; further ones are ignored meanwhile."""

    def end(number: int, _frame: FrameType | None) -> None:
        for each in ENDING_SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        raise Ended(number)

    before = {number: signal.signal(number, end) for number in ENDING_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _set_up_logging(is_verbose: bool) -> None:
    is_watched = is_verbose or sys.stderr.isatty()
    logging.basicConfig(format="zfs_replicate: %(message)s", level=logging.WARNING)
    log.setLevel(logging.INFO if is_watched else logging.WARNING)
    # paramiko logs every failed handshake with a traceback; our own errors say the same in one sentence
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)
