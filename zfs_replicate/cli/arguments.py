"""Parse and check the command line. (words) → Request. docopt reads the manual."""

from __future__ import annotations

import re
from typing import Any

from docopt import DocoptExit, docopt

from zfs_replicate import __version__
from zfs_replicate.cli import requests
from zfs_replicate.cli.manual import MANUAL
from zfs_replicate.config import LOCAL_SYSLOG, JobsRequest, MirrorRequest, Print, ReleaseRequest, StatusRequest
from zfs_replicate.errors import UsageError

Request = MirrorRequest | JobsRequest | ReleaseRequest | StatusRequest | Print

_READABLE = MANUAL.replace("--syslog[=ADDRESS]", "--syslog=ADDRESS  ")
"""The manual in a form that docopt understands."""
_WITHOUT_DEFAULTS = re.sub(r"\[default: [^\]]*\]", "", _READABLE)
"""The manual for finding out which options were given, as opposed to defaults."""

_EXPECTED = {
    "": "-h, -r, -l and -t are required, each once; besides them only options are allowed",
    "run": "run: takes job names, --config, and options for all jobs; what to mirror, -k and -x belong in the file",
    "check": "check: takes only --config",
    "status": "status: -l is required, once; -h, -r, -t, -x, --warn and --crit are optional",
    "release": "release: -h, -r and -t, or --target, -l and -t are required, each once; besides them only options are"
    " allowed",
}
"""The message for a line that matches no usage pattern, by its first word."""


def parse(argv: list[str]) -> Request:
    """Given the words after the program's name, return the request. Raises: UsageError, with its subcommand."""
    given = _given(_READABLE, argv)
    try:
        return _request(given, argv)
    except UsageError as error:
        error.command = next((command for command in _EXPECTED if given.get(command)), "")
        raise


def _request(given: requests.Given, argv: list[str]) -> Request:
    if given["--help"]:
        return Print(MANUAL)
    if given["--version"]:
        return Print(f"zfs_replicate {__version__}\n")
    if given["run"] or given["check"]:
        return _jobs(given, argv)
    if given["status"]:
        return requests.status_request(given)
    return requests.release_request(given) if given["release"] else requests.mirror_request(given)


def _jobs(given: requests.Given, argv: list[str]) -> Request:
    from zfs_replicate.cli import job_file  # it imports tomllib, which few runs need

    options = _given(_WITHOUT_DEFAULTS, argv)
    overrides = {name: value for name, value in options.items() if value and name[0] == "-"}
    path = given["--config"]
    jobs = job_file.load(path, given, overrides)
    if given["check"]:
        return Print("".join(f"{line}\n" for line in job_file.job_lines(jobs)))
    return JobsRequest(job_file.chosen(path, jobs, tuple(given["JOB"])))


def _given(manual: str, argv: list[str]) -> dict[str, Any]:
    try:
        return docopt(manual, _with_syslog_address(argv), False)
    except DocoptExit as error:
        command = argv[0] if argv and argv[0] in _EXPECTED else ""
        raise UsageError(_usage_problem(argv, command, error), command) from error


def _with_syslog_address(argv: list[str]) -> list[str]:
    """Add the default address to a `--syslog` without one: docopt has no options with an optional value."""
    words: list[str] = []
    for word, following in zip(argv, [*argv, ""][1:], strict=True):
        is_alone = word == "--syslog" and not ("/" in following[:1] or re.search(r":[0-9]+$", following))
        words.append(f"--syslog={LOCAL_SYSLOG}" if is_alone else word)
    return words


def _usage_problem(argv: list[str], command: str, error: DocoptExit) -> str:
    unknown = [word for word in argv if word.startswith("--") and word.partition("=")[0] not in MANUAL]
    if unknown:
        return f"unknown option {unknown[0]}"
    problem = str(error).splitlines()[0]
    if problem.startswith(("Usage:", "Warning:")):  # docopt's text for a mismatch names its own classes
        return _EXPECTED[command]
    return problem
