"""Log a run to standard error and, if asked, to syslog; each record has the run's id, a host and a dataset.

`logging_as` sets the log up for one run and removes it again. Control characters in a record are made visible (human,
logfmt) or escaped (JSON).
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from zfs_replicate.config import Reporting
from zfs_replicate.log_context import current_dataset
from zfs_replicate.printable import visible

PROGRAM = "zfs_replicate"

log = logging.getLogger(PROGRAM)


_PLAIN = re.compile(r"[^\s\"=\\]+")
"""A value that logfmt needs no quotes for."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Defaults for the fields of a record: the run's id, the source's host, and the root of the tree there."""

    run: str
    host: str
    dataset: str


@contextlib.contextmanager
def logging_as(reporting: Reporting, subject: Subject) -> Iterator[None]:
    """Log as requested inside the `with`. An unreachable syslog is reported once, and does not stop the run."""
    to_stderr = _StderrHandler(_stderr_level(reporting))
    to_stderr.setFormatter(_formatter(reporting.log_format))
    handlers: list[logging.Handler] = [to_stderr]
    for handler in () if reporting.syslog is None else _syslog(reporting.syslog):
        handler.setLevel(_level(reporting.log_level or "info"))
        handler.setFormatter(_JsonFormatter() if reporting.log_format == "json" else _LogfmtFormatter(has_time=False))
        handlers.append(handler)
    for handler in handlers:
        handler.addFilter(_filter(subject))
        log.addHandler(handler)
    before = log.level, log.propagate
    log.setLevel(min(handler.level for handler in handlers))
    log.propagate = False
    # paramiko logs every failed handshake with a traceback; our errors say the same in one sentence
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for handler in handlers:
            log.removeHandler(handler)
            handler.close()
        log.setLevel(before[0])
        log.propagate = before[1]


def log_problem(text: str) -> None:
    """Report a problem in one paragraph, which cron mails: as a log record if the log is set up, else on stderr."""
    if log.handlers:
        log.error("%s", text)
    else:
        print_plainly(text)


def print_plainly(text: str) -> None:
    """Print on stderr what cannot be a log record."""
    print(f"{PROGRAM}:", visible(text, keep="\n"), file=sys.stderr)


def _stderr_level(reporting: Reporting) -> int:
    if reporting.log_level is not None:
        return _level(reporting.log_level)
    return logging.INFO if reporting.is_verbose or sys.stderr.isatty() else logging.WARNING


def _level(name: str) -> int:
    return logging.getLevelNamesMapping()[name.upper()]


class _StderrHandler(logging.Handler):
    """Writes to the current sys.stderr, which a live display replaces for a while."""

    def emit(self, record: logging.LogRecord) -> None:
        # the reader has closed the pipe: no reason to stop a running mirror
        with contextlib.suppress(BrokenPipeError):
            print(self.format(record), file=sys.stderr, flush=True)


def _syslog(address: str) -> Iterator[logging.Handler]:
    from zfs_replicate.output.syslog import SyslogHandler

    try:
        yield SyslogHandler(address, PROGRAM, print_plainly)
    except OSError as error:
        print_plainly(f"cannot log to syslog at {address}: {error}; continuing without it")


def _filter(subject: Subject) -> logging.Filter:
    class SubjectFilter(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            record.run = subject.run
            record.host = getattr(record, "host", subject.host)
            record.dataset = current_dataset.get() or subject.dataset
            return True

    return SubjectFilter()


# --- formats ---


def _formatter(log_format: str) -> logging.Formatter:
    if log_format == "json":
        return _JsonFormatter()
    return _LogfmtFormatter() if log_format == "logfmt" else _HumanFormatter()


class _HumanFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return f"{PROGRAM}: {visible(record.getMessage())}"


class _LogfmtFormatter(logging.Formatter):
    """`time=… level=info run=… host=nas1 dataset=tank/a message="…"`; syslog adds its own time and level."""

    def __init__(self, has_time: bool = True) -> None:
        super().__init__()
        self._has_time = has_time

    def format(self, record: logging.LogRecord) -> str:
        fields = _fields(record)
        if not self._has_time:
            del fields["time"], fields["level"]
        return " ".join(f"{key}={_logfmt_value(value)}" for key, value in fields.items())


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(_fields(record))


def _fields(record: logging.LogRecord) -> dict[str, str]:
    return {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "run": str(getattr(record, "run", "")),
        "host": str(getattr(record, "host", "")),
        "dataset": str(getattr(record, "dataset", "")),
        "message": record.getMessage(),
    }


def _logfmt_value(value: str) -> str:
    shown = visible(value)
    if _PLAIN.fullmatch(shown):
        return shown
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{visible(escaped)}"'
