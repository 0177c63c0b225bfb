"""Options in, checked values out: `--name` to text, True or a list, as docopt gives them. Raises: UsageError."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zfs_replicate.cli import values as checks
from zfs_replicate.config import (
    LOG_FORMATS,
    LOG_LEVELS,
    PROGRESS,
    TRANSPORTS,
    AskStatus,
    Config,
    Connection,
    Release,
    Telling,
    Wishes,
)
from zfs_replicate.errors import UsageError
from zfs_replicate.model import COMPRESSORS, Policy
from zfs_replicate.zfs import names

Given = Mapping[str, Any]

MIRROR_ONLY = ("--report", "--metrics", "--on-success", "--on-failure")


def mirror(given: Given) -> Config:
    policy = Policy(
        tag=checks.tag(given["--tag"]),
        keep_days=checks.keep_days(given["--keep-days"]),
        excludes=_excludes(given),
        may_roll_back=given["--rollback"],
    )
    config = Config(
        connection=_connection(given),
        remote=checks.dataset("-r", given["--remote"]),
        local=checks.dataset("-l", given["--local"]),
        policy=policy,
        mbuffer_size=checks.mbuffer_size(given["--mbuffer"]),
        bytes_per_second=checks.rate(given["--bwlimit"]),
        compressor=_compressor(given["--compress"]),
        transport=checks.choice("--transport", given["--transport"], TRANSPORTS),
        stall_seconds=checks.whole("--stall-timeout", given["--stall-timeout"], 0, 10**6) or None,
        retries=checks.whole("--retries", given["--retries"], 0, 100),
        jobs=checks.whole("-j", given["--jobs"], 1, 64),
        is_dry_run=given["--dry-run"],
        telling=telling(given),
        properties=checks.settings(given["--properties"]),
    )
    return _check_overlap(config)


def _compressor(value: str) -> str | None:
    chosen = checks.choice("-z", value, ("none", *COMPRESSORS))
    return None if chosen == "none" else chosen


def release(given: Given) -> Release:
    _refuse(given, MIRROR_ONLY, "is for a mirror run, not for release")
    if given["--json"]:
        raise UsageError("release: --json is for a mirror run, or for status")
    return Release(
        connection=_connection(given),
        remote=checks.dataset("-r", given["--remote"]),
        local=None if given["--local"] is None else checks.dataset("-l", given["--local"]),
        tag=checks.tag(given["--tag"]),
        is_dry_run=given["--dry-run"],
        is_confirmed=given["--yes"],
        telling=telling(given),
    )


def status(given: Given) -> AskStatus:
    _refuse(given, MIRROR_ONLY, "is for a mirror run, not for status")
    if (given["--host"] is None) != (given["--remote"] is None):
        raise UsageError("status: the source is asked when both -h and -r are given; give both, or none")
    wishes = Wishes(
        tag=None if given["--tag"] is None else checks.tag(given["--tag"]),
        excludes=_excludes(given),
        warn_seconds=checks.age_seconds("--warn", given["--warn"]),
        crit_seconds=checks.age_seconds("--crit", given["--crit"]),
    )
    if wishes.warn_seconds and wishes.crit_seconds and wishes.warn_seconds > wishes.crit_seconds:
        checks.fail("--warn", given["--warn"], f"is older than --crit {given['--crit']}")
    return AskStatus(
        local=checks.dataset("-l", given["--local"]),
        connection=None if given["--host"] is None else _connection(given),
        remote=None if given["--remote"] is None else checks.dataset("-r", given["--remote"]),
        wishes=wishes,
        telling=telling(given),
    )


def telling(given: Given) -> Telling:
    level = given["--log-level"]
    return Telling(
        is_verbose=given["--verbose"],
        is_json=given["--json"],
        progress=checks.choice("--progress", given["--progress"], PROGRESS),
        report=checks.output_file("--report", given["--report"]),
        metrics=checks.output_file("--metrics", given["--metrics"]),
        on_success=checks.shell_line("--on-success", given["--on-success"]),
        on_failure=checks.shell_line("--on-failure", given["--on-failure"]),
        log_format=checks.choice("--log-format", given["--log-format"], LOG_FORMATS),
        log_level=None if level is None else checks.choice("--log-level", level, LOG_LEVELS),
        syslog=checks.syslog(given["--syslog"]),
    )


def _connection(given: Given) -> Connection:
    return Connection(
        host=checks.host(given["--host"]),
        port=checks.port(given["--port"]),
        identity=checks.identity(given["--identity"]),
        is_elevated=given["--sudo"],
    )


def _excludes(given: Given) -> tuple[str, ...]:
    """Each once: docopt repeats a value that it met in a usage line which did not fit in the end."""
    return tuple(dict.fromkeys(given["--exclude"]))


def _refuse(given: Given, options: tuple[str, ...], problem: str) -> None:
    for option in options:
        if given[option] is not None:
            checks.fail(option, given[option], problem)


def _check_overlap(config: Config) -> Config:
    if config.connection.is_local and names.overlaps(config.remote, config.local):
        checks.fail("-l", config.local, f"overlaps with the source {config.remote}; a mirror cannot lie within itself")
    return config
