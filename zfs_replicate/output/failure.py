"""Describe the error that ended a whole run. (exception) → (Problem, exit status)."""

from __future__ import annotations

import signal
import traceback

from zfs_replicate.errors import ReplicateError
from zfs_replicate.output.logs import log
from zfs_replicate.report.record import Problem
from zfs_replicate.signals import Interrupted

SIGNALLED_KIND = "Ended"
"""The kind of error in reports for a run ended by a signal; part of the report's format."""


def describe_failure(error: BaseException) -> tuple[Problem, int]:
    """Given an exception, return the problem and the exit status. A bug of the program prints no traceback."""
    kind = type(error).__name__
    match error:
        case Interrupted():
            name = signal.Signals(error.number).name
            return (
                Problem(
                    SIGNALLED_KIND, f"ended by {name}; what has arrived is kept, and the next run continues from there"
                ),
                128 + error.number,
            )
        case ReplicateError():
            return Problem(kind, str(error)), error.exit_code
        case ModuleNotFoundError():
            return missing_package(error.name or "that it needs"), 1
        case _:
            for line in "".join(traceback.format_exception(error)).splitlines():
                log.debug("internal error: %s", line)
            advice = "run with --log-level debug for details, and report it"
            return Problem(kind, f"internal error: {kind}: {error}; {advice}"), 1


def missing_package(name: str) -> Problem:
    return Problem(
        "ModuleNotFoundError",
        f"the Python package {name} is missing; reinstall the program from its checkout: make install; or: pipx"
        " install .",
    )
