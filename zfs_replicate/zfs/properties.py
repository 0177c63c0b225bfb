"""Choose the properties of received datasets: which to set (-o) and which to exclude from the stream (-x). Pure.

We never ask a source for its properties, but a hostile one can still send them (`zfs send -p` is the sender's choice).
Sources: zfsprops(7), zfs-receive(8) -o and -x; tested on OpenZFS 2.1, 2.3 and 2.4. On 2.1, properties that cannot be
inherited (quota, refreservation) arrive with incremental streams despite -x.
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
    """`properties`: `PROPERTY=VALUE` to set at the first receive. `is_root`: zfs receive runs as root.

    Only root excludes properties. Other users cannot receive properties that zfs does not allow them, and have no
    right to exclude them either. `can_resume`: the pool can save the state of a receive that is cut.
    """

    properties: tuple[str, ...] = ()
    is_root: bool = False
    can_resume: bool = True


def setting_problem(text: str) -> str | None:
    """Given `PROPERTY=VALUE`, return what is wrong with it, or None."""
    name = text.partition("=")[0]
    if not _SETTING.fullmatch(text):
        return "is not PROPERTY=VALUE"
    if ":" not in name and name not in (*_OF_ALL, *_OF_FILESYSTEMS, *_OF_VOLUMES):
        return "is not a property that can be set on a received dataset"
    return None


def receive_options(settings: Settings, kind: Kind, is_first: bool) -> tuple[str, ...]:
    """Given the settings, return the -o and -x options of `zfs receive`.

    Properties are set only at the first receive, so that later changes by an administrator stay; -x does not change
    local values. zfs fails on a property that this kind does not have (zrepl#747).
    """
    known = (*_OF_ALL, *(_OF_FILESYSTEMS if kind is Kind.FILESYSTEM else _OF_VOLUMES))
    ours = ("readonly=on", "canmount=noauto") if is_first else ()
    requested = {text.partition("=")[0]: text for text in (*ours, *(settings.properties if is_first else ()))}
    to_set = {name: text for name, text in requested.items() if ":" in name or name in known}
    to_exclude = [name for name in known if name not in to_set] if settings.is_root else []
    return (
        *(word for text in to_set.values() for word in ("-o", text)),
        *(word for name in to_exclude for word in ("-x", name)),
    )
