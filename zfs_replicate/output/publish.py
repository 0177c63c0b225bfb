"""What a run leaves behind at its end: report, metrics, the user's command. A Run in, the exit status out.

A report or metrics file that cannot be written makes a good run end with 1: who asked for it must not take the old one
for new. A hook that fails is said, and changes nothing: the exit status speaks of the copies, not of the messenger.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from zfs_replicate.errors import HookFailed, OutputFileError
from zfs_replicate.output import hooks
from zfs_replicate.output.files import write_atomically
from zfs_replicate.output.logs import log, log_problem
from zfs_replicate.report import document, metrics
from zfs_replicate.report.record import Problem, Run

PRIVATE, PUBLIC = 0o600, 0o644
"""A report names datasets and hosts; metrics are for node_exporter, which is another user."""


def publish(run: Run) -> int:
    """Write and run all that was asked for; return the exit status.

    A dry run changes no metrics and calls nobody; a run that gave way to another one leaves the files to that.
    """
    reporting = run.request.reporting
    is_real = not run.request.is_dry_run and not run.is_skipped
    if reporting.report is not None and not run.is_skipped:
        run = _written(run, reporting.report, document.text(run).encode(), PRIVATE)
    if reporting.metrics is not None and is_real:
        run = _written(run, reporting.metrics, metrics.render(run, _known(reporting.metrics)), PUBLIC)
    if is_real:
        _call(run)
    if reporting.is_json:
        sys.stdout.write(document.text(run))
        sys.stdout.flush()
    return run.exit_status


def _written(run: Run, path: str, data: bytes, mode: int) -> Run:
    """Write a file; return the run, which is a failed one if that failed."""
    try:
        write_atomically(path, data, mode)
    except OutputFileError as error:
        log_problem(str(error))
        problem = run.problem or Problem(type(error).__name__, str(error))
        return replace(run, exit_status=run.exit_status or error.exit_code, problem=problem)
    return run


def _known(path: str) -> metrics.PreviousMetrics:
    """What the metrics of the run before say. A file that is none of ours is told, and replaced."""
    try:
        return metrics.PreviousMetrics.read(Path(path).read_text())
    except FileNotFoundError:
        return metrics.PreviousMetrics()
    except (OSError, ValueError) as error:
        log.warning("%s: cannot read the metrics of the run before, so they start anew: %s", path, error)
        return metrics.PreviousMetrics()


def _call(run: Run) -> None:
    reporting = run.request.reporting
    option = "--on-success" if run.exit_status == 0 else "--on-failure"
    line = reporting.on_success if run.exit_status == 0 else reporting.on_failure
    if line is None:
        return
    variables = {
        "ZFS_REPLICATE_RUN_ID": run.identity,
        "ZFS_REPLICATE_RESULT": run.result,
        "ZFS_REPLICATE_EXIT_STATUS": str(run.exit_status),
    }
    try:
        hooks.run_hook(option, line, document.text(run), variables)
    except HookFailed as error:
        log_problem(str(error))
