"""Run a command of the product or a test. (argument tuple) → reply. `zfs receive` of a stream is in receiving.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.support.simulator import administration, destruction, listing, protection
from tests.support.simulator.machine import Machine, NotModelled, Refused, Reply
from tests.support.simulator.receiving import abort_receive
from tests.support.simulator.scripts import run_script
from tests.support.simulator.sending import zfs_send

Arguments = Sequence[str]

_ZFS: dict[str, Callable[[Machine, Arguments], Reply]] = {
    "list": listing.zfs_list,
    "get": listing.zfs_get,
    "holds": listing.zfs_holds,
    "version": lambda machine, _arguments: listing.zfs_version(machine),
    "hold": protection.zfs_hold,
    "release": protection.zfs_release,
    "bookmark": protection.zfs_bookmark,
    "destroy": destruction.zfs_destroy,
    "rollback": destruction.zfs_rollback,
    "create": administration.zfs_create,
    "snapshot": administration.zfs_snapshot,
    "clone": administration.zfs_clone,
    "rename": administration.zfs_rename,
    "set": administration.zfs_set,
    "inherit": administration.zfs_inherit,
    "allow": administration.zfs_allow,
    "mount": administration.zfs_mount,
    "unmount": administration.zfs_unmount,
    "load-key": lambda machine, arguments: administration.zfs_load_key(machine, arguments, True),
    "unload-key": lambda machine, arguments: administration.zfs_load_key(machine, arguments, False),
}


def run(machine: Machine, command: Sequence[str]) -> tuple[bytes, str, int]:
    """Run a command; return its stdout, stderr and status. Raises: NotModelled."""
    machine, command = as_user(machine, command)
    try:
        return _run(machine, command)
    except Refused as refused:
        return b"", f"{refused.message}\n", refused.status


def as_user(machine: Machine, command: Sequence[str]) -> tuple[Machine, Sequence[str]]:
    """`setpriv --reuid NAME --clear-groups -- COMMAND…` gives that user's machine, and the command."""
    if command[0] != "setpriv":
        return machine, command
    _setpriv, _reuid, user, _clear, _dashes, *rest = command
    return machine.as_user(user), rest


def is_receive(command: Sequence[str]) -> bool:
    """Whether it receives a stream: `zfs receive`, but not `receive -A`."""
    return tuple(command[:2]) == ("zfs", "receive") and "-A" not in command


def _run(machine: Machine, command: Sequence[str]) -> tuple[bytes, str, int]:
    match tuple(command):
        case ("sh", "-c", script, _name, *arguments):
            reply = run_script(machine, script, arguments)
        case ("zpool", "get", "-Hp", "-o", "name,value", "ashift", pool, "all-vdevs"):
            reply = listing.vdev_sectors(machine, pool)
        case ("zpool", "get", *arguments):
            reply = listing.zpool_get(machine, arguments)
        case ("zpool", "sync", pool):
            if pool not in machine.world.pools:
                reply = Reply(stderr=f"cannot open '{pool}': no such pool\n", status=1)
            else:
                reply = Reply()
        case ("zfs", "receive", "-A", name):
            reply = abort_receive(machine, name)
        case ("zfs", "send", *arguments):
            sent = zfs_send(machine, arguments)
            return sent.stream, sent.stderr, sent.status
        case ("zfs", verb, *arguments) if verb in _ZFS:
            reply = _ZFS[verb](machine, arguments)
        case _:
            raise NotModelled(" ".join(command))
    return reply.stdout.encode(), reply.stderr, reply.status
