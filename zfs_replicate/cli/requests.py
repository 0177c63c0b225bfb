"""Turn docopt's options into a checked request. (`--name` → text, bool or list) → Request. Raises: UsageError."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

from zfs_replicate.cli.option import Option
from zfs_replicate.cli.options import OPTIONS
from zfs_replicate.cli.values import ValueProblem
from zfs_replicate.config import (
    THIS_MACHINE,
    Connection,
    MirrorRequest,
    ReleaseRequest,
    Reporting,
    StatusOptions,
    StatusRequest,
)
from zfs_replicate.errors import BadValue, UsageError
from zfs_replicate.model import Policy
from zfs_replicate.zfs import marks, names

Given = Mapping[str, Any]
"""Options by long name, as docopt gives them."""

RequestPart = TypeVar("RequestPart")


def mirror_request(given: Given) -> MirrorRequest:
    request = _fill(
        MirrorRequest,
        given,
        policy=_fill(Policy, given),
        connection=_fill(Connection, given),
        reporting=_fill(Reporting, given),
    )
    if request.connection.is_local and names.overlaps(request.remote, request.local):
        raise BadValue("-l", request.local, f"overlaps with the source {request.remote}; neither may contain the other")
    return request


def release_request(given: Given) -> ReleaseRequest:
    _refuse_what_does_not_apply("release", given)
    if given["--target"] and (given["--host"] is not None or given["--local"] is None):
        raise UsageError("release: --target is about the copies here: it needs -l and -t, without -h and -r")
    if given["--unknown"] and (given["--target"] or marks.plain_tag(given["--tag"])[1] is not None):
        raise UsageError("release: --unknown is about the holds on the source that no mirror shows to be its own")
    connection = _fill(Connection, {**given, "--host": THIS_MACHINE} if given["--target"] else given)
    return _fill(ReleaseRequest, given, connection=connection, reporting=_fill(Reporting, given))


def status_request(given: Given) -> StatusRequest:
    _refuse_what_does_not_apply("status", given)
    if (given["--host"] is None) != (given["--remote"] is None):
        raise UsageError("status: -h and -r belong together; give both or neither")
    options = _fill(StatusOptions, given)
    if options.warn_seconds and options.crit_seconds and options.warn_seconds > options.crit_seconds:
        raise BadValue("--warn", given["--warn"], f"must be at most --crit {given['--crit']}")
    return _fill(
        StatusRequest,
        given,
        connection=None if given["--host"] is None else _fill(Connection, given),
        options=options,
        reporting=_fill(Reporting, given),
    )


def _fill(kind: type[RequestPart], given: Given, **parts: object) -> RequestPart:
    """Make a request, or a part of one, from the checked values of the options of its fields, and ready-made parts."""
    fields = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]  # all kinds are dataclasses
    values = {
        option.field_name: _checked(option, given[option.long]) for option in OPTIONS if option.field_name in fields
    }
    return kind(**values, **parts)


def _checked(option: Option, value: Any) -> object:
    """Given docopt's value of an option, return its checked value. Raises: BadValue."""
    if option.is_repeated:
        # docopt repeats a value that it also saw in a usage line that did not match in the end
        return tuple(dict.fromkeys(value))
    if option.value is None:
        return value
    if value is None:
        return option.absent
    if option.choices and value not in option.choices:
        *most, last = option.choices
        raise BadValue(option.name, value, f"must be {', '.join(most)} or {last}")
    try:
        return value if option.check is None else option.check(value)
    except ValueProblem as error:
        raise BadValue(option.name, value, str(error)) from error


def _refuse_what_does_not_apply(command: str, given: Given) -> None:
    for option in OPTIONS:
        if command in option.not_for and given[option.long] not in (None, False):
            raise UsageError(f"{command}: {option.long} does not apply here; leave it out")
