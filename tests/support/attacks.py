"""List what a thief of a mirror's key would try: title, the command, and why the gate refuses it.

The key's gate has --dataset tank/data --tag mirror. docs/least-privilege.md shows the same list.
"""

from __future__ import annotations

from typing import NamedTuple

from zfs_replicate.hosts.quoting import remote_command
from zfs_replicate.zfs import commands, queries

UNKNOWN = "not a command of zfs_replicate"
UNQUOTED = "not quoted by zfs_replicate"
OUTSIDE = "outside of tank/data"


class Attack(NamedTuple):
    title: str
    text: str
    reason: str


def _ours(text: str) -> str:
    """Return the words as our client would send them."""
    return remote_command(text.split())


_INCREMENT = ("zfs", "send", "-L", "-c", "-i", "tank/data@zero", "tank/data@one")

HOLD = _ours("zfs hold mirror tank/data@one")

ATTACKS = (
    Attack("a shell", "/bin/sh", UNKNOWN),
    Attack("an interactive login", "", UNQUOTED),
    Attack("a copy by scp", "scp -f /etc/shadow", UNKNOWN),
    Attack("zfs without the client's wrapper", "zfs list", UNKNOWN),
    Attack("another program in the wrapper", _ours("cat /etc/shadow"), UNKNOWN),
    Attack("a second command after ;", f"{HOLD}; id", UNQUOTED),
    Attack("a second command on a line of its own", f"{HOLD}\nid", UNQUOTED),
    Attack("a substitution", f"{HOLD} $(id)", UNQUOTED),
    Attack("a quoted substitution", f"{HOLD} '$(id)'", "not a snapshot name"),
    Attack("another text in the wrapper", HOLD.replace('exec "$@"', "id"), UNKNOWN),
    Attack("another environment", HOLD.replace("LC_ALL=C", "LD_PRELOAD=/tmp/x"), UNKNOWN),
    Attack("another script", remote_command(("sh", "-c", "id")), UNKNOWN),
    Attack("another dataset", _ours("zfs send -L -c tank/secret@s"), OUTSIDE),
    Attack("a dataset with the same prefix", _ours("zfs send -L -c tank/data2@s"), OUTSIDE),
    Attack("a path with ..", _ours("zfs send tank/data/../secret@s"), "not a dataset name"),
    Attack("another dataset among ours", _ours("zfs holds -H tank/data@one tank/secret@s"), OUTSIDE),
    Attack("the whole pool", remote_command(queries.list_tree("tank")), OUTSIDE),
    Attack("another pool", remote_command(queries.probe("offsite")), "wrong pool"),
    Attack(
        "a base of another dataset",
        _ours("zfs send -i tank/data/child@s tank/data@one"),
        "the base is in another dataset",
    ),
    Attack(
        "another dataset among bundled sends",
        remote_command(
            commands.bundle("0" * 32, [_INCREMENT, ("zfs", "send", "-i", "tank/secret@r", "tank/secret@s")])
        ),
        OUTSIDE,
    ),
    Attack(
        "a base of another dataset among bundled sends",
        remote_command(commands.bundle("0" * 32, [("zfs", "send", "-i", "tank/data/child@s", "tank/data@one")])),
        "the base is in another dataset",
    ),
    Attack(
        "all descendants among bundled sends",
        remote_command(commands.bundle("0" * 32, [("zfs", "send", "-R", "-i", *_INCREMENT[-2:])])),
        "not an increment",
    ),
    Attack(
        "a substitution in the mark of bundled sends",
        remote_command(commands.bundle("$(id)", [_INCREMENT])),
        "not a mark",
    ),
    Attack("all descendants with properties", _ours("zfs send -R tank/data@one"), UNKNOWN),
    Attack("an option in place of a name", _ours("zfs send -R"), "not a snapshot name"),
    Attack("another tag", _ours("zfs release legal tank/data@one"), "a tag other than mirror"),
    Attack("an option in place of the tag", _ours("zfs hold -r tank/data@one"), "a tag other than mirror"),
    Attack("destruction", _ours("zfs destroy -r tank/data"), UNKNOWN),
    Attack("a rollback", _ours("zfs rollback tank/data@one"), UNKNOWN),
    Attack("a property", _ours("zfs set mountpoint=/etc tank/data"), UNKNOWN),
    Attack("more rights", _ours("zfs allow everyone destroy tank"), UNKNOWN),
    Attack("sudo for something else", _ours("sudo -n id"), UNKNOWN),
    Attack(
        "a dataset destroyed as a bookmark", remote_command(commands.bookmark((), ["tank/data"])), "not a snapshot name"
    ),
    Attack(
        "a foreign bookmark",
        remote_command(commands.bookmark((), ["tank/data#mine"])),
        "not a bookmark of mirror",
    ),
    Attack("terminal escapes for the reader of the log", "\x1b]0;owned\x07\x1b[2J", UNQUOTED),
)
