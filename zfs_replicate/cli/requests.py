"""Options in, checked values out: `--name` to text, True or a list, as docopt gives them. Raises: UsageError."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zfs_replicate.cli import values
from zfs_replicate.config import (
    LOG_FORMATS,
    LOG_LEVELS,
    PROGRESS,
    TRANSPORTS,
    Connection,
    MirrorRequest,
    ReleaseRequest,
    Reporting,
    StatusOptions,
    StatusRequest,
)
from zfs_replicate.errors import UsageError
from zfs_replicate.model import COMPRESSORS, Policy
from zfs_replicate.zfs import names

Given = Mapping[str, Any]

MIRROR_ONLY = ("--report", "--metrics", "--on-success", "--on-failure")


def mirror(given: Given) -> MirrorRequest:
    policy = Policy(
        tag=values.tag(given["--tag"]),
        keep_days=values.keep_days(given["--keep-days"]),
        excludes=_excludes(given),
        may_roll_back=given["--rollback"],
    )
    request = MirrorRequest(
        connection=_connection(given),
        remote=values.dataset("-r", given["--remote"]),
        local=values.dataset("-l", given["--local"]),
        policy=policy,
        mbuffer_size=values.mbuffer_size(given["--mbuffer"]),
        bytes_per_second=values.rate(given["--bwlimit"]),
        compressor=_compressor(given["--compress"]),
        transport=values.choice("--transport", given["--transport"], TRANSPORTS),
        stall_seconds=values.whole("--stall-timeout", given["--stall-timeout"], 0, 10**6) or None,
        retries=values.whole("--retries", given["--retries"], 0, 100),
        jobs=values.whole("-j", given["--jobs"], 1, 64),
        is_dry_run=given["--dry-run"],
        reporting=reporting(given),
        properties=values.settings(given["--properties"]),
    )
    return _check_overlap(request)


def _compressor(value: str) -> str | None:
    chosen = values.choice("-z", value, ("none", *COMPRESSORS))
    return None if chosen == "none" else chosen


def release(given: Given) -> ReleaseRequest:
    _refuse(given, MIRROR_ONLY, "is for a mirror run, not for release")
    if given["--json"]:
        raise UsageError("release: --json is for a mirror run, or for status")
    return ReleaseRequest(
        connection=_connection(given),
        remote=values.dataset("-r", given["--remote"]),
        local=None if given["--local"] is None else values.dataset("-l", given["--local"]),
        tag=values.tag(given["--tag"]),
        is_dry_run=given["--dry-run"],
        is_confirmed=given["--yes"],
        reporting=reporting(given),
    )


def status(given: Given) -> StatusRequest:
    _refuse(given, MIRROR_ONLY, "is for a mirror run, not for status")
    if (given["--host"] is None) != (given["--remote"] is None):
        raise UsageError("status: the source is asked when both -h and -r are given; give both, or none")
    options = StatusOptions(
        tag=None if given["--tag"] is None else values.tag(given["--tag"]),
        excludes=_excludes(given),
        warn_seconds=values.age_seconds("--warn", given["--warn"]),
        crit_seconds=values.age_seconds("--crit", given["--crit"]),
    )
    if options.warn_seconds and options.crit_seconds and options.warn_seconds > options.crit_seconds:
        values.fail("--warn", given["--warn"], f"is older than --crit {given['--crit']}")
    return StatusRequest(
        local=values.dataset("-l", given["--local"]),
        connection=None if given["--host"] is None else _connection(given),
        remote=None if given["--remote"] is None else values.dataset("-r", given["--remote"]),
        options=options,
        reporting=reporting(given),
    )


def reporting(given: Given) -> Reporting:
    level = given["--log-level"]
    return Reporting(
        is_verbose=given["--verbose"],
        is_json=given["--json"],
        progress=values.choice("--progress", given["--progress"], PROGRESS),
        report=values.output_file("--report", given["--report"]),
        metrics=values.output_file("--metrics", given["--metrics"]),
        on_success=values.shell_line("--on-success", given["--on-success"]),
        on_failure=values.shell_line("--on-failure", given["--on-failure"]),
        log_format=values.choice("--log-format", given["--log-format"], LOG_FORMATS),
        log_level=None if level is None else values.choice("--log-level", level, LOG_LEVELS),
        syslog=values.syslog(given["--syslog"]),
    )


def _connection(given: Given) -> Connection:
    return Connection(
        host=values.host(given["--host"]),
        port=values.port(given["--port"]),
        identity=values.identity(given["--identity"]),
        is_elevated=given["--sudo"],
    )


def _excludes(given: Given) -> tuple[str, ...]:
    """Each once: docopt repeats a value that it met in a usage line which did not fit in the end."""
    return tuple(dict.fromkeys(given["--exclude"]))


def _refuse(given: Given, options: tuple[str, ...], problem: str) -> None:
    for option in options:
        if given[option] is not None:
            values.fail(option, given[option], problem)


def _check_overlap(request: MirrorRequest) -> MirrorRequest:
    if request.connection.is_local and names.overlaps(request.remote, request.local):
        values.fail(
            "-l", request.local, f"overlaps with the source {request.remote}; a mirror cannot lie within itself"
        )
    return request
