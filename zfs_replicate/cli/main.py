"""The program: arguments and signals in; one paragraph for what went wrong, and the exit status out.

Asking for help, or in the wrong way, is answered at once: what does the work is imported only for that.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
from collections.abc import Sequence

from zfs_replicate.cli import arguments
from zfs_replicate.cli.manual import usage
from zfs_replicate.config import Print
from zfs_replicate.errors import UsageError
from zfs_replicate.printable import visible
from zfs_replicate.signals import SIGNALLED, Ended, ended_by_signals


def main(argv: list[str] | None = None) -> int:
    """Run the program; return its exit status. Whatever goes wrong becomes one paragraph on stderr."""
    words = sys.argv[1:] if argv is None else argv
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    with contextlib.ExitStack() as logging:
        try:
            with ended_by_signals():
                return _answer(words, logging)
        except BrokenPipeError:
            # whoever read our output has left, as `| head` does; Python would complain once more at its end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return SIGNALLED + signal.SIGPIPE
        except (Exception, Ended) as error:
            return _tell(error, words)


def _answer(words: Sequence[str], logging: contextlib.ExitStack) -> int:
    """`logging` is where the log of what is no mirror run is set up."""
    asked = arguments.parse(list(words))
    if isinstance(asked, Print):
        sys.stdout.write(asked.text)
        return 0
    from zfs_replicate.cli.dispatch import carry_out

    return carry_out(asked, logging)


def _tell(error: Exception | Ended, words: Sequence[str]) -> int:
    if isinstance(error, UsageError) and words[:1] != ["status"]:
        said = f"zfs_replicate: {error}\n{usage()}\nMore: zfs_replicate --help"
        print(visible(said, keep="\n"), file=sys.stderr)
        return error.exit_code
    from zfs_replicate.output.failure import ending
    from zfs_replicate.output.logs import say

    problem, status = ending(error)
    if words[:1] == ["status"] and not isinstance(error, Ended):
        from zfs_replicate.actions.status import tell_unknown

        return tell_unknown(problem.message)
    say(problem.message)
    return status
