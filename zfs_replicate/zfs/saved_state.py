"""Read what zfs prints about the saved state of an interrupted receive. (stdout of `zfs send -nvt`) → values. Pure."""

from __future__ import annotations

import re

from zfs_replicate.model import TokenContents


def has_token_contents(stdout: bytes) -> bool:
    """Given the stdout of `zfs send -nvt TOKEN`, return whether zfs printed the contents, readable or not."""
    return re.search(rb"^\s*toname = ", stdout, re.MULTILINE) is not None


def token_contents(stdout: bytes) -> TokenContents | None:
    """Given the stdout of `zfs send -nvt TOKEN`, return what the token contains; None if that cannot be read.

    Its numbers are hexadecimal; those of zfs list are decimal. zfs prints it before it looks anything up, so any host
    can decode a token.
    """
    try:
        values = dict(re.findall(r"^\s*(\w+) = (.+?)\s*$", stdout.decode(), re.MULTILINE))
    except UnicodeDecodeError:
        return None
    numbers = {key: values.get(key, "0x0") for key in ("toguid", "fromguid")}
    if "toname" not in values or not all(re.fullmatch(r"0x[0-9a-f]+", number) for number in numbers.values()):
        return None
    to_guid, from_guid = (int(number, 16) for number in numbers.values())
    if not to_guid:
        return None
    return TokenContents(
        to_name=values["toname"],
        to_guid=to_guid,
        from_guid=from_guid or None,
        is_raw="rawok" in values,
    )
