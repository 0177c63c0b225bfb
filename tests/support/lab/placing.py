"""Kill the program between the commands that bring a copy to its place, and look at what comes of it."""

from __future__ import annotations

import os

from tests.support.lab.faults import REAL
from tests.support.lab.world import World, zfs

SOURCE = "tank/safe"

KILLER = f"""#!/bin/sh
count=$(dirname "$0")/count
case "$*" in
"PATTERN"*) echo x >>"$count"; [ "$(wc -l <"$count")" = NTH ] || exec {REAL} "$@" ;;
*) exec {REAL} "$@" ;;
esac
[ WHEN = before ] || {REAL} "$@"
kill -KILL "$PPID"
"""
"""A zfs that kills the program that runs it, before or after a certain command."""


def killer(world: World, command: str, nth: int, when: str) -> dict[str, str]:
    return shimmed(world, KILLER.replace("PATTERN", command).replace("NTH", str(nth)).replace("WHEN", when))


def shimmed(world: World, script: str) -> dict[str, str]:
    """Return the environment in which this script is what the program finds as zfs."""
    shim = world.directory / "shim" / "zfs"
    shim.parent.mkdir()
    shim.write_text(script)
    shim.chmod(0o755)
    return {"PATH": f"{shim.parent}:{os.environ['PATH']}"}


def with_safe(world: World) -> World:
    """Return it with an encrypted dataset without snapshots, with a filesystem and a volume below it that have some."""
    world.create_encrypted(SOURCE)
    zfs("create", f"{SOURCE}/my child")
    zfs("create", "-s", "-V", "8M", f"{SOURCE}/volume")
    world.write(f"{SOURCE}/my child", "file")
    world.snapshot(f"{SOURCE}/my child@one", f"{SOURCE}/volume@one")
    return world


def identities(world: World, root: str) -> dict[str, str]:
    """Return the guid of each dataset below the root: one that is received again has another."""
    return {name[len(root) :]: world.get(name, "guid") for name in world.datasets(root)[1:]}


def assert_mirrored(world: World, source: str, target: str) -> None:
    names = [name[len(source) :] for name in world.datasets(source)]
    assert [name[len(target) :] for name in world.datasets(target)] == names
    for name in names:
        assert world.guids(f"{target}{name}") == world.guids(f"{source}{name}"), name
        newest = world.snapshots(f"{source}{name}")[-1]
        assert world.holds(f"{target}{name}") == {newest: {"mirror:target"}}, name
        assert world.get(f"{target}{name}", "zfs_replicate:placeholder") == "-", name
