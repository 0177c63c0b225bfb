"""Parse command lines that must be accepted or refused."""

from __future__ import annotations

import pytest

from zfs_replicate.cli.arguments import parse
from zfs_replicate.config import MirrorRequest
from zfs_replicate.errors import UsageError

LEAST = ("-h", "nas1", "-r", "tank/a", "-l", "off/a", "-t", "offsite")


def parsed(*more: str) -> MirrorRequest:
    request = parse([*LEAST, *more])
    assert isinstance(request, MirrorRequest)
    return request


def refused(argv: list[str]) -> str:
    with pytest.raises(UsageError) as caught:
        parse(argv)
    return str(caught.value)
