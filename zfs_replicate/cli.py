"""The program: arguments, terminal, clock and signals in; one pass; messages and the exit status out."""

from __future__ import annotations

import contextlib
import getpass
import logging
import signal
import sys
import time
from collections.abc import Iterator
from types import FrameType

from zfs_replicate import arguments, report
from zfs_replicate.arguments import Config, Print
from zfs_replicate.errors import AlreadyRunning, ReplicateError, UsageError
from zfs_replicate.executor import failed
from zfs_replicate.hosts.base import Host
from zfs_replicate.hosts.local import LocalHost
from zfs_replicate.locking import locked
from zfs_replicate.mirror import Pass
from zfs_replicate.model import Outcome, RunResult
from zfs_replicate.transfer import Cancellation

log = logging.getLogger("zfs_replicate")

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
            _set_up_logging(asked)
            return mirror(asked)
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
    except Exception as error:
        # a mistake of ours: no user should have to read a traceback, unless they ask
        if is_verbose:
            log.exception("internal error")
        _say(f"internal error: {type(error).__name__}: {error}; nothing was destroyed by it; run with -v for details")
        return 1


def mirror(config: Config) -> int:
    """Carry out one pass; return the exit status. Raises: ReplicateError for what ends the whole pass."""
    with contextlib.ExitStack() as stack:
        if not config.is_dry_run:
            stack.enter_context(locked(config.local))
        source = stack.enter_context(connected(config))
        one = Pass(config, source, LocalHost(), int(time.time()))
        plan = one.plan()
        if config.is_dry_run:
            for line in report.plan_lines(plan, config.policy.tag):
                print(line)
            return 1 if any(dataset.conflict for dataset in plan.datasets) else 0
        for line in report.detail_lines(plan):
            log.info("%s", line)
        result = one.execute(plan, Cancellation(), _tell_moved)
    return _tell_result(result)


@contextlib.contextmanager
def connected(config: Config) -> Iterator[Host]:
    """The source: this machine, or a connection that is closed at the end. A local run never imports paramiko."""
    if config.is_local:
        yield LocalHost()
        return
    from zfs_replicate.hosts.ssh import SSHHost

    ask = getpass.getpass if sys.stdin.isatty() and sys.stderr.isatty() else None
    with SSHHost(config.host, config.port, config.identity, ask) as source:
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


def _set_up_logging(config: Config) -> None:
    is_watched = config.is_verbose or sys.stderr.isatty()
    logging.basicConfig(format="zfs_replicate: %(message)s", level=logging.WARNING)
    log.setLevel(logging.INFO if is_watched else logging.WARNING)
    # paramiko logs every failed handshake with a traceback; our own errors say the same in one sentence
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)
