"""Run the user's command at the end of a run: with sh, and the report on its standard input.

It runs in its own session, which is killed as a whole after a fixed time. Its output goes to the log, or into the
message about its failure.
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
"""Enough for a mail or a ping over a slow line; a run must end."""

MAX_REPORTED_CHARACTERS = 500


def run_hook(option: str, line: str, report: str, variables: Mapping[str, str], seconds: float = HOOK_SECONDS) -> None:
    """Run the line. Raises: HookFailed, with the end of its output."""
    log.debug("%s", shlex.join(("sh", "-c", line)))
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as output:
        stdin.write(report.encode())
        stdin.seek(0)
        process = subprocess.Popen(
            ("sh", "-c", line),
            stdin=stdin,
            stdout=output,
            stderr=output,
            env={**os.environ, **variables},
            start_new_session=True,
        )
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise HookFailed(
                f"{option}: the command did not end within {seconds:g} seconds and was killed: {line}; move long"
                " work into the background"
            ) from error
        finally:
            if process.poll() is None:
                _kill(process)
        output.seek(0)
        printed = " ".join(output.read().decode(errors="replace").split())[-MAX_REPORTED_CHARACTERS:]
    if status != 0:
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        raise HookFailed(f"{option}: the command {how}{f' ({printed})' if printed else ''}: {line}; try it by hand")
    if printed:
        log.info("%s: %s", option, printed)


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
