"""Check one value from the user. Each check: text → value. Raises: ValueProblem."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from zfs_replicate.model import TARGET_SUFFIX
from zfs_replicate.zfs import marks, mbuffer, names, properties

_HOST_AND_PORT = re.compile(r"[^\s/:\x00-\x1f]+:[0-9]{1,5}|\[[0-9A-Fa-f:.%]+\]:[0-9]{1,5}")
_SIZE = re.compile(r"([1-9][0-9]*)([kMGT]?)")
_FACTORS = {"": 1, "k": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_AGE = re.compile(r"([1-9][0-9]{0,5})([smhdw])")
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


class ValueProblem(ValueError):
    """A value that an option cannot take. Its text, the reason, is printed after the option and the value."""


def host(value: str) -> str:
    _user, _, host = value.rpartition("@")
    is_word = not any(character.isspace() or ord(character) < 32 for character in value)
    if not host or not is_word or host.startswith("-") or value.startswith(("-", "@")):
        raise ValueProblem("is not a host name; write HOST or USER@HOST")
    return value


def dataset(value: str) -> str:
    problem = names.dataset_problem(value)
    if problem is not None:
        raise ValueProblem(problem)
    return value


def tag(value: str) -> str:
    problem = names.tag_problem(value, max(TARGET_SUFFIX, marks.LONGEST_SUFFIX, key=len))
    if problem is not None:
        raise ValueProblem(f"a hold tag {problem}")
    return value


def whole(least: int, most: int, none: int | None = None) -> Callable[[str], int | None]:
    """Return a check for a whole number within these bounds; the number `none` means None."""

    def check(value: str) -> int | None:
        if not (re.fullmatch("[0-9]{1,9}", value) and least <= int(value) <= most):
            raise ValueProblem(f"must be a whole number from {least} to {most}")
        return None if int(value) == none else int(value)

    return check


def unless(nothing: str) -> Callable[[str], str | None]:
    """Return a check that accepts any text; the text `nothing` means None."""
    return lambda value: None if value == nothing else value


def identity(value: str) -> str:
    try:
        path = Path(value).expanduser()
        if path.is_file():
            return str(path)
    except (OSError, RuntimeError, ValueError) as error:  # a name too long, no such user, a null byte
        raise ValueProblem("there is no such file") from error
    raise ValueProblem("there is no such file")


def output_file(value: str) -> str:
    """Check now that the file can be written later, not after hours."""
    directory = Path(value).absolute().parent
    try:
        if not value or "\0" in value or Path(value).is_dir():
            raise ValueProblem("must be a file")
        has_directory = directory.is_dir()
    except OSError as error:  # a name too long
        raise ValueProblem("must be a file") from error
    if not has_directory:
        raise ValueProblem(f"there is no directory {directory}")
    return value


def shell_line(value: str) -> str:
    if not value.strip() or "\0" in value:
        raise ValueProblem("must be a command")
    return value


def syslog(value: str) -> str:
    if not value.startswith("/") and not _HOST_AND_PORT.fullmatch(value):
        raise ValueProblem("must be a socket such as /dev/log, or HOST:PORT")
    return value


def settings(value: str) -> tuple[str, ...]:
    """Given `setuid=off,exec=off`, return ("setuid=off", "exec=off")."""
    assignments = tuple(value.split(","))
    for setting in assignments:
        problem = properties.setting_problem(setting)
        if problem is not None:
            raise ValueProblem(f"{setting!r} {problem}")
    return assignments


def mbuffer_size(value: str) -> str:
    if not mbuffer.is_size(value):
        raise ValueProblem("must be a size of 640k or more, such as 64M or 1G, or of the memory, such as 5%")
    return value


def bytes_per_second(value: str) -> int:
    """Given `10M`, return 10485760."""
    match = _SIZE.fullmatch(value)
    rate = 0 if match is None else int(match[1]) * _FACTORS[match[2]]
    if rate < mbuffer.MIN_BYTES_PER_SECOND:
        raise ValueProblem("must be bytes per second, at least 1k, such as 500k or 10M")
    return rate


def age_seconds(value: str) -> int:
    """Given `36h`, return 129600."""
    match = _AGE.fullmatch(value)
    if match is None:
        raise ValueProblem("must be an age such as 90m, 36h, 2d or 1w")
    return int(match[1]) * _UNIT_SECONDS[match[2]]
