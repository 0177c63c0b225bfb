"""Publish a finished run: report, metrics, and the user's hook. (Run) → exit status.

If a report or metrics file cannot be written, a good run ends with 1, so that nobody takes the old file for new. A hook
that fails is reported and changes nothing: the exit status is about the copies.
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
"""Modes. A report names datasets and hosts; metrics must be readable by node_exporter, which is another user."""


def publish(run: Run) -> int:
    """Write the requested files and run the hook; return the exit status.

    A dry run writes no metrics and runs no hook. A run that found another one running writes no files and runs no hook.
    """
    reporting = run.request.reporting
    is_real = not run.request.is_dry_run and not run.is_skipped
    if reporting.report is not None and not run.is_skipped:
        run = _write(run, reporting.report, document.text(run).encode(), PRIVATE)
    if reporting.metrics is not None and is_real:
        run = _write(run, reporting.metrics, metrics.render(run, _previous(reporting.metrics)), PUBLIC)
    if is_real:
        _run_hook(run)
    if reporting.is_json:
        sys.stdout.write(document.text(run))
        sys.stdout.flush()
    return run.exit_status


def _write(run: Run, path: str, data: bytes, mode: int) -> Run:
    """Write a file; return the run, as a failed one if the file cannot be written."""
    try:
        write_atomically(path, data, mode)
    except OutputFileError as error:
        log_problem(str(error))
        problem = run.problem or Problem(type(error).__name__, str(error))
        return replace(run, exit_status=run.exit_status or error.exit_code, problem=problem)
    return run


def _previous(path: str) -> metrics.PreviousMetrics:
    """Read the metrics of the previous run. A file in another format is reported and will be replaced."""
    try:
        return metrics.PreviousMetrics.read(Path(path).read_text())
    except FileNotFoundError:
        return metrics.PreviousMetrics()
    except (OSError, ValueError) as error:
        log.warning("%s: cannot read the metrics of the previous run, so they start over: %s", path, error)
        return metrics.PreviousMetrics()


def _run_hook(run: Run) -> None:
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
