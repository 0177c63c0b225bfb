"""One value that a user gave, checked: the name of its option and the text in, the value out. Raises: BadValue."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from zfs_replicate.errors import BadValue
from zfs_replicate.model import TARGET_SUFFIX
from zfs_replicate.zfs import names, properties

_HOST_AND_PORT = re.compile(r"[^\s/:\x00-\x1f]+:[0-9]{1,5}|\[[0-9A-Fa-f:.%]+\]:[0-9]{1,5}")
_SIZE = re.compile(r"([1-9][0-9]*)([kMGT]?)")
_FACTORS = {"": 1, "k": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_AGE = re.compile(r"([1-9][0-9]{0,5})([smhdw])")
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def fail(option: str, value: str, problem: str) -> NoReturn:
    raise BadValue(option, value, problem)


def host(value: str) -> str:
    _user, _, host = value.rpartition("@")
    if (
        not host
        or host.startswith("-")
        or value.startswith(("-", "@"))
        or any(c.isspace() or ord(c) < 32 for c in value)
    ):
        fail("-h", value, "is no host; write HOST or USER@HOST")
    return value


def dataset(option: str, value: str) -> str:
    problem = names.dataset_problem(value)
    if problem is not None:
        fail(option, value, problem)
    return value


def tag(value: str) -> str:
    problem = names.tag_problem(value, TARGET_SUFFIX)
    if problem is not None:
        fail("-t", value, f"a hold tag {problem}")
    return value


def whole(option: str, value: str, least: int, most: int) -> int:
    if not (value.isascii() and value.isdigit() and least <= int(value) <= most):
        fail(option, value, f"must be a whole number from {least} to {most}")
    return int(value)


def port(value: str | None) -> int | None:
    return None if value is None else whole("-p", value, 1, 65535)


def keep_days(value: str | None) -> int | None:
    return None if value is None else whole("-k", value, 0, 36500)


def identity(value: str | None) -> str | None:
    if value is not None and not Path(value).expanduser().is_file():
        fail("-i", value, "there is no such file")
    return None if value is None else str(Path(value).expanduser())


def choice(option: str, value: str, choices: Sequence[str]) -> str:
    if value not in choices:
        fail(option, value, f"must be {', '.join(choices[:-1])} or {choices[-1]}")
    return value


def output_file(option: str, value: str | None) -> str | None:
    """A file that can be written later: told now, not after hours."""
    if value is None:
        return None
    if not value or Path(value).is_dir():
        fail(option, value, "must be a file")
    if not Path(value).absolute().parent.is_dir():
        fail(option, value, f"there is no directory {Path(value).absolute().parent}")
    return value


def shell_line(option: str, value: str | None) -> str | None:
    if value is not None and (not value.strip() or "\0" in value):
        fail(option, value, "must be a command")
    return value


def syslog(value: str | None) -> str | None:
    if value is not None and not value.startswith("/") and not _HOST_AND_PORT.fullmatch(value):
        fail("--syslog", value, "must be a socket such as /dev/log, or HOST:PORT")
    return value


def settings(value: str | None) -> tuple[str, ...]:
    found = () if value is None else tuple(value.split(","))
    for each in found:
        problem = properties.setting_problem(each)
        if problem is not None:
            fail("-o", value or "", f"{each!r} {problem}")
    return found


def mbuffer_size(value: str) -> str:
    if not _SIZE.fullmatch(value):
        fail("-b", value, "must be a size such as 64M or 1G")
    return value


def rate(value: str | None) -> int | None:
    """`10M` is 10485760 bytes per second; None stays None."""
    if value is None:
        return None
    match = _SIZE.fullmatch(value)
    if match is None:
        fail("--bwlimit", value, "must be bytes per second, such as 500k or 10M")
    return int(match[1]) * _FACTORS[match[2]]


def age_seconds(option: str, value: str | None) -> int | None:
    """`36h` is 129600; None stays None."""
    if value is None:
        return None
    match = _AGE.fullmatch(value)
    if match is None:
        fail(option, value, "must be an age such as 90m, 36h, 2d or 1w")
    return int(match[1]) * _UNIT_SECONDS[match[2]]
