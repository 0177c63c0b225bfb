"""Run the shell scripts of zfs_replicate.zfs in Python, recognised by the commands in them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tests.support.simulator import listing
from tests.support.simulator.destruction import zfs_destroy
from tests.support.simulator.machine import Machine, NotModelled, Refused, Reply
from tests.support.simulator.protection import zfs_bookmark


def bundled_sends(command: Sequence[str]) -> tuple[str, list[tuple[str, ...]]] | None:
    """Return mark and sends of a command for several streams; None for any other command."""
    if tuple(command[:2]) != ("sh", "-c") or "zfs send $1" not in command[2]:
        return None
    mark, *words = command[4:]
    sends = zip(words[::3], words[1::3], words[2::3], strict=True)
    return mark, [("zfs", "send", *flags.split(" "), base, snapshot) for flags, base, snapshot in sends]


def run_script(machine: Machine, script: str, arguments: Sequence[str]) -> Reply:
    if "zpool get -Hp -o property,value all" in script:
        return _probe(machine, script, *arguments)
    if "zfs bookmark" in script and "zfs destroy" in script:
        return _bookmark(machine, arguments)
    raise NotModelled(f"shell script {script!r}")


def _probe(machine: Machine, script: str, pool: str) -> Reply:
    """Print greeting, programs, zfs version and the pool's properties; zpool's status is the script's."""
    greeting = re.search(r"""echo (["'])(.+?)\1""", script)
    if greeting is None:
        raise NotModelled("a probe without a greeting")
    programs = machine.world.programs
    lines = [greeting[2], *(f"program\t{name}" for name in sorted(programs) if re.search(rf"\b{name}\b", script))]
    if "date +%s" in script:
        lines.append(f"clock\t{machine.clock}")
    if "zfs" not in programs:
        return Reply(listing.text(lines))
    lines.append(f"zfs-version\t{machine.world.version}")
    properties = listing.zpool_get(machine, ("all", pool))
    return Reply(listing.text(lines) + properties.stdout, properties.stderr, properties.status)


def _bookmark(machine: Machine, arguments: Sequence[str]) -> Reply:
    """Arguments: pairs of snapshot and bookmark, `--`, bookmarks to destroy. Errors go to stderr; the status is 0."""
    place = arguments.index("--")
    pairs, obsolete = arguments[:place], arguments[place + 1 :]
    errors: list[str] = []
    for pair in zip(pairs[::2], pairs[1::2], strict=True):
        try:
            zfs_bookmark(machine, pair)
        except Refused as refused:
            errors.append(refused.message)
    for name in obsolete:
        try:
            zfs_destroy(machine, (name,))
        except Refused as refused:
            errors.append(refused.message)
    return Reply(stderr=listing.text(errors))
