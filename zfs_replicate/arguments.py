"""The command line in, checked values out. docopt reads the manual."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from docopt import DocoptExit, docopt

from zfs_replicate import __version__, checks
from zfs_replicate.config import (
    LOCAL_SYSLOG,
    LOG_FORMATS,
    LOG_LEVELS,
    PROGRESS,
    Config,
    Connection,
    Print,
    Release,
    Telling,
)
from zfs_replicate.errors import UsageError
from zfs_replicate.manual import MANUAL
from zfs_replicate.model import Policy
from zfs_replicate.zfs import names

_READABLE = MANUAL.replace("--syslog[=ADDRESS]", "--syslog=ADDRESS  ")
"""The manual as docopt can read it."""


def parse(argv: list[str]) -> Config | Release | Print:
    """Given the arguments after the program's name, return what is asked for. Raises: UsageError."""
    try:
        given: dict[str, Any] = docopt(_READABLE, _with_syslog_address(argv), default_help=False)
    except DocoptExit as error:
        raise UsageError(_usage_problem(argv, error)) from error
    if given["--help"]:
        return Print(MANUAL)
    if given["--version"]:
        return Print(f"zfs_replicate {__version__}\n")
    return _release(given) if given["release"] else _check_overlap(_mirror(given))


def _mirror(given: Mapping[str, Any]) -> Config:
    policy = Policy(
        tag=checks.tag(given["--tag"]),
        keep_days=checks.keep_days(given["--keep-days"]),
        excludes=tuple(given["--exclude"]),
        may_roll_back=given["--rollback"],
    )
    return Config(
        connection=_connection(given),
        remote=checks.dataset("-r", given["--remote"]),
        local=checks.dataset("-l", given["--local"]),
        policy=policy,
        mbuffer_size=checks.mbuffer_size(given["--mbuffer"]),
        stall_seconds=checks.whole("--stall-timeout", given["--stall-timeout"], 0, 10**6) or None,
        retries=checks.whole("--retries", given["--retries"], 0, 100),
        jobs=checks.whole("-j", given["--jobs"], 1, 64),
        is_dry_run=given["--dry-run"],
        telling=_telling(given),
    )


def _release(given: Mapping[str, Any]) -> Release:
    for option in ("--report", "--metrics", "--on-success", "--on-failure"):
        if given[option] is not None:
            checks.fail(option, given[option], "is for a mirror run, not for release")
    return Release(
        connection=_connection(given),
        remote=checks.dataset("-r", given["--remote"]),
        local=None if given["--local"] is None else checks.dataset("-l", given["--local"]),
        tag=checks.tag(given["--tag"]),
        is_dry_run=given["--dry-run"],
        is_confirmed=given["--yes"],
        telling=_telling(given),
    )


def _telling(given: Mapping[str, Any]) -> Telling:
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


def _connection(given: Mapping[str, Any]) -> Connection:
    return Connection(
        host=checks.host(given["--host"]),
        port=checks.port(given["--port"]),
        identity=checks.identity(given["--identity"]),
    )


def _with_syslog_address(argv: list[str]) -> list[str]:
    """`--syslog` may stand alone, which docopt knows no way to say: put the default where no address follows."""
    words: list[str] = []
    for word, following in zip(argv, [*argv, ""][1:], strict=True):
        is_alone = word == "--syslog" and not ("/" in following[:1] or re.search(r":[0-9]+$", following))
        words.append(f"--syslog={LOCAL_SYSLOG}" if is_alone else word)
    return words


def _usage_problem(argv: list[str], error: DocoptExit) -> str:
    unknown = [word for word in argv if word.startswith("--") and word.partition("=")[0] not in MANUAL]
    if unknown:
        return f"there is no option {unknown[0]}"
    said = str(error).splitlines()[0]
    if said.startswith(("Usage:", "Warning:")):  # docopt's own words for what did not match name its classes
        return "-h, -r, -l and -t are needed, each once, and nothing but options beside them"
    return said


def _check_overlap(config: Config) -> Config:
    if config.connection.is_local and names.overlaps(config.remote, config.local):
        checks.fail("-l", config.local, f"overlaps with the source {config.remote}; a mirror cannot lie within itself")
    return config
