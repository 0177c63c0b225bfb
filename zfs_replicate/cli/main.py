"""Run the program: words → request → action → exit status, and one paragraph on stderr for any error.

Help and usage errors are answered at once: the modules that do the work are imported only when there is work.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys

from zfs_replicate.cli import arguments
from zfs_replicate.cli.manual import usage
from zfs_replicate.config import JobsRequest, MirrorRequest, Print, ReleaseRequest, StatusRequest
from zfs_replicate.errors import UsageError
from zfs_replicate.printable import visible
from zfs_replicate.signals import SIGNALLED, Interrupted, interrupted_by_signals


def main(argv: list[str] | None = None) -> int:
    """Run the program; return its exit status. Any error becomes one paragraph on stderr."""
    words = sys.argv[1:] if argv is None else argv
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    with contextlib.ExitStack() as open_logs:
        try:
            with interrupted_by_signals():
                status = _answer(words, open_logs)
            sys.stdout.flush()
            return status
        except BrokenPipeError:
            # the reader has closed the pipe, as with `| head`; without this Python would complain again at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return SIGNALLED + signal.SIGPIPE
        except (Exception, Interrupted) as error:
            from zfs_replicate.output.failure import describe_failure
            from zfs_replicate.output.logs import log_problem

            problem, status = describe_failure(error)
            log_problem(problem.message)
            return status


def _answer(words: list[str], open_logs: contextlib.ExitStack) -> int:
    try:
        return _carry_out(arguments.parse(words), open_logs)
    except UsageError as error:
        return _refuse(error)


def _open_closed_streams() -> None:
    """Open /dev/null for standard streams that are closed, as some schedulers start programs.

    Otherwise a connection or a file would get the number of a standard stream, and what is printed.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # it gets the lowest free number, which is this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115 - open as long as the program


def _carry_out(request: arguments.Request, open_logs: contextlib.ExitStack) -> int:
    """Start the action for a request. `open_logs` keeps the log of all actions but mirror open."""
    match request:
        case Print():
            sys.stdout.write(request.text)
            return 0
        case MirrorRequest():
            from zfs_replicate.actions.mirror import mirror

            return mirror(request)
        case JobsRequest():
            from zfs_replicate.actions.mirror import run_jobs

            return run_jobs(request)
        case StatusRequest():
            from zfs_replicate.actions.status import show_status

            return show_status(request, open_logs)
        case ReleaseRequest():
            from zfs_replicate.actions.release import retire

            return retire(request, open_logs)


def _refuse(error: UsageError) -> int:
    """Report a usage error. For `status` on stdout, with 3: monitoring reads nothing else, and would page for a 2."""
    if error.command == "status":
        from zfs_replicate.actions.status import show_unknown

        return show_unknown(str(error))
    print(visible(f"zfs_replicate: {error}\n{usage()}\nMore: zfs_replicate --help", keep="\n"), file=sys.stderr)
    return error.exit_code
