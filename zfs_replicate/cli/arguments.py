"""The command line in, what is asked for out, checked. docopt reads the manual."""

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
"""The manual as docopt can read it."""
_WITHOUT_DEFAULTS = re.sub(r"\[default: [^\]]*\]", "", _READABLE)
"""What docopt reads to tell what was said from what is so by default."""

_NEEDED = {
    "": "-h, -r, -l and -t are needed, each once, and nothing but options beside them",
    "run": "run: names of jobs, --config, and options for all of them; what to mirror, -k and -x are told in the file",
    "check": "check: nothing but --config",
    "status": "status: -l is needed, once; -h, -r, -t, -x, --warn and --crit may stand beside it",
    "release": "release: -h, -r and -t are needed, each once, and nothing but options beside them",
}
"""What to say of a line that fits none of the usage patterns, by its first word."""


def parse(argv: list[str]) -> Request:
    """Given the arguments after the program's name, return what is asked for. Raises: UsageError, with its command."""
    try:
        return _parse(argv)
    except UsageError as error:
        error.command = argv[0] if argv[:1] and argv[0] in _NEEDED else ""
        raise


def _parse(argv: list[str]) -> Request:
    given = _given(_READABLE, argv)
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
    from zfs_replicate.cli import job_file  # reads TOML, which few runs need

    said = {option: value for option, value in _given(_WITHOUT_DEFAULTS, argv).items() if value and option[0] == "-"}
    path = given["--config"]
    found = job_file.load(path, given, said)
    if given["check"]:
        return Print("".join(f"{line}\n" for line in job_file.lines(found)))
    return JobsRequest(job_file.chosen(path, found, tuple(given["JOB"])))


def _given(manual: str, argv: list[str]) -> dict[str, Any]:
    try:
        return docopt(manual, _with_syslog_address(argv), False)
    except DocoptExit as error:
        raise UsageError(_usage_problem(argv, error)) from error


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
        return _NEEDED.get(argv[0] if argv else "", _NEEDED[""])
    return said
