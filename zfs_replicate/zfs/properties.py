"""Properties of received datasets: what we set, what we keep out of a stream, and which kind has which. Pure.

We never ask a source for its properties; a hostile one sends them all the same (`zfs send -p` is the sender's choice).
Sources: zfsprops(7), zfs-receive(8) -o and -x; tried on OpenZFS 2.1, 2.3 and 2.4. On 2.1 properties that cannot be
inherited (quota, refreservation) come with increments in spite of -x.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from zfs_replicate.model import Kind

_OF_ALL = (
    *("checksum", "compression", "copies", "dedup", "logbias", "primarycache", "readonly", "redundant_metadata"),
    *("refreservation", "reservation", "secondarycache", "snapdev", "snapshot_limit", "sync"),
)
_OF_FILESYSTEMS = (
    *("aclinherit", "aclmode", "acltype", "atime", "canmount", "devices", "dnodesize", "exec", "filesystem_limit"),
    *("mountpoint", "nbmand", "overlay", "quota", "recordsize", "refquota", "relatime", "setuid", "sharenfs"),
    *("sharesmb", "snapdir", "vscan", "xattr", "zoned"),
)
_OF_VOLUMES = ("volmode",)

_SETTING = re.compile(r"([a-z][a-z0-9_]*|[a-z0-9:._-]*:[a-z0-9:._-]*)=[^,\0-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class Settings:
    """How what arrives is set. `wanted`: `PROPERTY=VALUE`, for the first receive. `is_root`: zfs receive runs as root.

    Only root is told to keep properties out: another user cannot receive those that zfs does not allow him, and has no
    right to leave them out either.
    """

    wanted: tuple[str, ...] = ()
    is_root: bool = False


def setting_problem(text: str) -> str | None:
    """Given `PROPERTY=VALUE`, return what is wrong with it, or None."""
    name = text.partition("=")[0]
    if not _SETTING.fullmatch(text):
        return "is not PROPERTY=VALUE"
    if ":" not in name and name not in (*_OF_ALL, *_OF_FILESYSTEMS, *_OF_VOLUMES):
        return "names no property that can be set on what is received"
    return None


def words(settings: Settings, kind: Kind, is_first: bool) -> tuple[str, ...]:
    """Given what is wanted, return the -o and -x of `zfs receive`.

    Properties are set only when the dataset is made, so that what an administrator changes later stays; -x leaves what
    is set here as it is. A property that the kind has not is an error to zfs (zrepl#747).
    """
    known = (*_OF_ALL, *(_OF_FILESYSTEMS if kind is Kind.FILESYSTEM else _OF_VOLUMES))
    ours = ("readonly=on", "canmount=noauto") if is_first else ()
    given = {text.partition("=")[0]: text for text in (*ours, *(settings.wanted if is_first else ()))}
    made = {name: text for name, text in given.items() if ":" in name or name in known}
    kept_out = [name for name in known if name not in made] if settings.is_root else []
    return (
        *(word for text in made.values() for word in ("-o", text)),
        *(word for name in kept_out for word in ("-x", name)),
    )
