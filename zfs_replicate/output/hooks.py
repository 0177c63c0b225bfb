"""The command that a user wants run once at the end: given to sh, with the report on its standard input.

It gets a fixed time and a session of its own, which is killed as a whole when that is over. What it prints is kept for
the message about its failure.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Mapping

from zfs_replicate.errors import HookFailed

log = logging.getLogger(__name__)

HOOK_SECONDS = 60
"""Enough for a mail or a ping over a slow line; a run must come to its end."""

TOLD_BYTES = 500


def run_hook(option: str, line: str, report: str, variables: Mapping[str, str], seconds: float = HOOK_SECONDS) -> None:
    """Run the line. Raises: HookFailed, with the end of what it printed."""
    log.debug("%s", shlex.join(("sh", "-c", line)))
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as said:
        given.write(report.encode())
        given.seek(0)
        process = subprocess.Popen(
            ("sh", "-c", line),
            stdin=given,
            stdout=said,
            stderr=said,
            env={**os.environ, **variables},
            start_new_session=True,
        )
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise HookFailed(
                f"{option}: the command has not ended within {seconds:g} seconds and was killed: {line}; let it hand"
                " over what takes long, and end"
            ) from error
        finally:
            if process.poll() is None:
                _kill(process)
        said.seek(0)
        printed = " ".join(said.read().decode(errors="replace").split())[-TOLD_BYTES:]
    if status != 0:
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        raise HookFailed(f"{option}: the command {how}{f' ({printed})' if printed else ''}: {line}; try it by hand")
    if printed:
        log.info("%s: %s", option, printed)


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
