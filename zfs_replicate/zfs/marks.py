"""Name what a mirror leaves on its source, and tell whose it is: tags of holds, names of bookmarks. Pure.

    offsite                         a hold of the first mirror with this tag, whatever its version
    offsite.3f2a9c1e-ab12           a hold of a mirror beside that one
    offsite.3f2a9c1e-ab12.new       a claim: it shows whose `offsite` is from here on; placed before the first one, and
                                    it stays where no bookmark can be made
    #zfs_replicate_offsite_3f2a9c1e-ab12_SNAPSHOT      a bookmark
    #zfs_replicate_offsite_SNAPSHOT                    a bookmark of an older version, which does not say whose it is

`3f2a9c1e-ab12` is the identity of a mirror (plan/identity.py). `20240101-1200` is none: it is a date, and an older
version may have bookmarked a snapshot called 20240101-1200_daily.
"""

from __future__ import annotations

import re

from zfs_replicate.zfs import names

LONGEST_SUFFIX = ".3f2a9c1e-ab12.new"
"""What is added to a tag at most."""

_DATE = "(?:19|20)[0-9]{6}-[0-9]{4}"
_MIRROR = f"(?!{_DATE})[0-9a-f]{{8}}-[0-9a-f]{{4}}"
_BESIDE = re.compile(rf"\.({_MIRROR})")
_CLAIM = re.compile(rf"\.({_MIRROR})\.new")
_BOOKMARK = re.compile(rf"({_MIRROR})_")


def is_date(text: str) -> bool:
    """Whether a text looks like a date with a time, so that it cannot be an identity."""
    return re.fullmatch(_DATE, text) is not None


def tag_beside(tag: str, mirror: str) -> str:
    """Return the tag of a mirror that shares `tag` with another one."""
    return f"{tag}.{mirror}"


def claim_tag(tag: str, mirror: str) -> str:
    """Return the tag that a mirror places before its first `tag`."""
    return f"{tag}.{mirror}.new"


def mirror_beside(tag: str, hold: str) -> str | None:
    """Given a tag and the tag of a hold, return the mirror that holds beside `tag`; None if it is another hold."""
    return _mirror_in(_BESIDE, tag, hold)


def claiming_mirror(tag: str, hold: str) -> str | None:
    """Given a tag and the tag of a hold, return the mirror whose claim it is; None if it is another hold."""
    return _mirror_in(_CLAIM, tag, hold)


def plain_tag(tag: str) -> tuple[str, str | None]:
    """Given the tag of a hold, return the plain tag and the mirror beside it, if any: `a.3f2a9c1e-ab12` is both."""
    match = re.fullmatch(rf"(.+)\.({_MIRROR})", tag)
    return (match[1], match[2]) if match else (tag, None)


def bookmark_name(tag: str, mirror: str, snapshot: str) -> str:
    """Return the name of a mirror's bookmark of a snapshot: the parts after the # and the @."""
    return f"{names.bookmark_prefix(tag)}{mirror}_{snapshot}"


def bookmarking_mirror(tag: str, bookmark: str) -> str | None:
    """Given a tag and a bookmark's name, return the mirror that made it; None if that is not known, or another tag."""
    prefix = names.bookmark_prefix(tag)
    match = _BOOKMARK.match(bookmark, len(prefix)) if bookmark.startswith(prefix) else None
    return match[1] if match else None


def is_unmarked(tag: str, bookmark: str) -> bool:
    """Whether an older version made a bookmark for a mirror with this tag, so that it does not say for which."""
    return names.is_bookmark_of(tag, bookmark) and bookmarking_mirror(tag, bookmark) is None


def _mirror_in(pattern: re.Pattern[str], tag: str, hold: str) -> str | None:
    match = pattern.fullmatch(hold, len(tag)) if hold.startswith(tag) else None
    return match[1] if match else None
