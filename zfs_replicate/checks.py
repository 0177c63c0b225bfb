"""One value that a user gave, checked: the name of its option and the text in, the value out. Raises: UsageError."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NoReturn

from zfs_replicate.errors import UsageError
from zfs_replicate.zfs import names

_SIZE = re.compile(r"[1-9][0-9]*[kMGT]?")


def fail(option: str, value: str, problem: str) -> NoReturn:
    raise UsageError(f"{option} {value!r}: {problem}")


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
    problem = names.tag_problem(value, ":target")
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


def mbuffer_size(value: str) -> str:
    if not _SIZE.fullmatch(value):
        fail("-b", value, "must be a size such as 64M or 1G")
    return value
