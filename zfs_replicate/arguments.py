"""The command line in, what is asked for out, checked. docopt reads the manual."""

from __future__ import annotations

import re
from typing import Any

from docopt import DocoptExit, docopt

from zfs_replicate import __version__, wanted
from zfs_replicate.config import LOCAL_SYSLOG, AskStatus, Config, Print, Release
from zfs_replicate.errors import UsageError
from zfs_replicate.manual import MANUAL

Asked = Config | Release | AskStatus | Print

_READABLE = MANUAL.replace("--syslog[=ADDRESS]", "--syslog=ADDRESS  ")
"""The manual as docopt can read it."""

_NEEDED = {
    "": "-h, -r, -l and -t are needed, each once, and nothing but options beside them",
    "status": "status: -l is needed, once; -h, -r, -t, -x, --warn and --crit may stand beside it",
    "release": "release: -h, -r and -t are needed, each once, and nothing but options beside them",
}
"""What to say of a line that fits none of the usage patterns, by its first word."""


def parse(argv: list[str]) -> Asked:
    """Given the arguments after the program's name, return what is asked for. Raises: UsageError."""
    try:
        given: dict[str, Any] = docopt(_READABLE, _with_syslog_address(argv), default_help=False)
    except DocoptExit as error:
        raise UsageError(_usage_problem(argv, error)) from error
    if given["--help"]:
        return Print(MANUAL)
    if given["--version"]:
        return Print(f"zfs_replicate {__version__}\n")
    if given["status"]:
        return wanted.status(given)
    return wanted.release(given) if given["release"] else wanted.mirror(given)


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
