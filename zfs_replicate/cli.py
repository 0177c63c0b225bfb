"""The program: arguments, terminal, clock and signals in; one pass; messages and the exit status out."""

from __future__ import annotations

import contextlib
import getpass
import logging
import os
import signal
import sys
import time
from collections.abc import Iterator
from types import FrameType

from zfs_replicate import arguments, report, retiring
from zfs_replicate.arguments import Config, Print, Release
from zfs_replicate.errors import AlreadyRunning, ReplicateError, UsageError
from zfs_replicate.executor import failed
from zfs_replicate.hosts.base import Host
from zfs_replicate.hosts.local import LocalHost
from zfs_replicate.locking import locked
from zfs_replicate.mirror import Pass
from zfs_replicate.steps import Outcome, Plan, RunResult
from zfs_replicate.transfer import Cancellation

log = logging.getLogger("zfs_replicate")

FIRST_PAUSE_SECONDS = 5
PAUSE_GROWTH = 3
"""5 s, 15 s, 45 s: a short glitch costs little, a reboot is waited for with a few --retries."""

ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Ended(BaseException):
    """A signal asks us to end. No error: nothing on the way may catch it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def main(argv: list[str] | None = None) -> int:
    """Run the program; return its exit status. Whatever goes wrong becomes one paragraph on stderr."""
    is_verbose = False
    try:
        with ended_by_signals():
            asked = arguments.parse(sys.argv[1:] if argv is None else argv)
            if isinstance(asked, Print):
                sys.stdout.write(asked.text)
                return 0
            is_verbose = asked.is_verbose
            _set_up_logging(is_verbose)
            return release(asked) if isinstance(asked, Release) else mirror(asked)
    except Ended as ended:
        _say(
            f"ended by {signal.Signals(ended.number).name}; what has arrived stays, and the next run goes on from there"
        )
        return 128 + ended.number
    except UsageError as error:
        _say(f"{error}\n{arguments.usage()}\nMore: zfs_replicate --help")
        return error.exit_code
    except AlreadyRunning as error:
        log.info("%s", error)
        return error.exit_code
    except ReplicateError as error:
        _say(str(error))
        return error.exit_code
    except BrokenPipeError:
        # whoever read our output has left, as `| head` does; Python would complain once more at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except ModuleNotFoundError as error:
        _say(f"the Python package {error.name} is missing; install it with the program: pip install .")
        return 1
    except Exception as error:
        # a mistake of ours: no user should have to read a traceback, unless they ask
        if is_verbose:
            log.exception("internal error")
        _say(f"internal error: {type(error).__name__}: {error}; run with -v for details, and report it")
        return 1


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
        with connected(config.host, config.port, config.identity) as source:
            one = Pass(config, source, LocalHost(), int(time.time()))
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


def release(asked: Release) -> int:
    """Retire a mirror: list the holds of its tag, ask, release them."""
    with connected(asked.host, asked.port, asked.identity) as source:
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
def connected(host: str, port: int | None, identity: str | None) -> Iterator[Host]:
    """The source: this machine, or a connection that is closed at the end. A local run never imports paramiko."""
    if host == arguments.THIS_MACHINE:
        yield LocalHost()
        return
    from zfs_replicate.hosts.ssh import SSHHost

    ask = getpass.getpass if sys.stdin.isatty() and sys.stderr.isatty() else None
    with SSHHost(host, port, identity, ask) as source:
        yield source


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


def _tell_moved(outcome: Outcome) -> None:
    if sys.stdout.isatty():
        print(report.moved_line(outcome), flush=True)
    else:
        log.info("%s", report.moved_line(outcome))


def _tell_result(result: RunResult) -> int:
    failures = failed(result.outcomes)
    for outcome in failures:
        _say(str(outcome.error))
    if sys.stdout.isatty():
        print(report.summary_line(result))
    else:
        log.info("%s", report.summary_line(result))
    return max(
        (outcome.error.exit_code for outcome in failures if isinstance(outcome.error, ReplicateError)), default=0
    )


def _say(text: str) -> None:
    print(f"zfs_replicate: {text}", file=sys.stderr)


def _set_up_logging(is_verbose: bool) -> None:
    is_watched = is_verbose or sys.stderr.isatty()
    logging.basicConfig(format="zfs_replicate: %(message)s", level=logging.WARNING)
    log.setLevel(logging.INFO if is_watched else logging.WARNING)
    # paramiko logs every failed handshake with a traceback; our own errors say the same in one sentence
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)
