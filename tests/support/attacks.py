"""What a thief of a mirror's key would try: title, the text for the remote side, why the gate refuses it.

The key's gate has --dataset tank/data --tag mirror. docs/least-privilege.md shows the same list.
"""

from __future__ import annotations

from typing import NamedTuple

from zfs_replicate.hosts.quoting import remote_command
from zfs_replicate.zfs import commands

STRANGE = "not a command of zfs_replicate"
UNQUOTED = "not quoted as zfs_replicate does"
OUTSIDE = "outside of tank/data"


class Attack(NamedTuple):
    title: str
    text: str
    reason: str


def _ours(text: str) -> str:
    """The words as our client would send them."""
    return remote_command(text.split())


_INCREMENT = ("zfs", "send", "-L", "-c", "-i", "tank/data@zero", "tank/data@one")

HOLD = _ours("zfs hold mirror tank/data@one")

ATTACKS = (
    Attack("a shell", "/bin/sh", STRANGE),
    Attack("an interactive login", "", UNQUOTED),
    Attack("a copy by scp", "scp -f /etc/shadow", STRANGE),
    Attack("zfs without the client's frame", "zfs list", STRANGE),
    Attack("another program in the frame", _ours("cat /etc/shadow"), STRANGE),
    Attack("a second command after ;", f"{HOLD}; id", UNQUOTED),
    Attack("a second command on a line of its own", f"{HOLD}\nid", UNQUOTED),
    Attack("a substitution", f"{HOLD} $(id)", UNQUOTED),
    Attack("a quoted substitution", f"{HOLD} '$(id)'", "not the name of a snapshot"),
    Attack("another text in the frame", HOLD.replace('exec "$@"', "id"), STRANGE),
    Attack("another environment", HOLD.replace("LC_ALL=C", "LD_PRELOAD=/tmp/x"), STRANGE),
    Attack("another script", remote_command(("sh", "-c", "id")), STRANGE),
    Attack("another dataset", _ours("zfs send -L -c tank/secret@s"), OUTSIDE),
    Attack("a dataset whose name begins the same", _ours("zfs send -L -c tank/data2@s"), OUTSIDE),
    Attack("a way up and down again", _ours("zfs send tank/data/../secret@s"), "not the name of a dataset"),
    Attack("another dataset among ours", _ours("zfs holds -H tank/data@one tank/secret@s"), OUTSIDE),
    Attack("the whole pool", remote_command(commands.list_tree("tank")), OUTSIDE),
    Attack("another pool", remote_command(commands.probe("offsite")), "another pool"),
    Attack("a base of another dataset", _ours("zfs send -i tank/data/child@s tank/data@one"), "the base is of another"),
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
        "the base is of another",
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
    Attack("all descendants with properties", _ours("zfs send -R tank/data@one"), STRANGE),
    Attack("an option in place of a name", _ours("zfs send -R"), "not the name of a snapshot"),
    Attack("another tag", _ours("zfs release legal tank/data@one"), "another tag than mirror"),
    Attack("an option in place of the tag", _ours("zfs hold -r tank/data@one"), "another tag than mirror"),
    Attack("destruction", _ours("zfs destroy -r tank/data"), STRANGE),
    Attack("a rollback", _ours("zfs rollback tank/data@one"), STRANGE),
    Attack("a property", _ours("zfs set mountpoint=/etc tank/data"), STRANGE),
    Attack("more rights", _ours("zfs allow everyone destroy tank"), STRANGE),
    Attack("sudo for something else", _ours("sudo -n id"), STRANGE),
    Attack(
        "a dataset destroyed as a bookmark", remote_command(commands.bookmark((), ["tank/data"])), "not the name of a"
    ),
    Attack(
        "somebody's bookmark",
        remote_command(commands.bookmark((), ["tank/data#mine"])),
        "not a bookmark of mirror",
    ),
    Attack("escapes for the log's reader", "\x1b]0;owned\x07\x1b[2J", UNQUOTED),
)
