"""Several mirrors of tank/data with the tag `mirror`, in two pools or in one."""

from __future__ import annotations

import json
import os
import re
import sys

from tests.support.lab.world import POOL_SIZE, PROGRAM, World, mirror_identity, run, zfs
from zfs_replicate.zfs import marks

FIRST = "offsite/data"
PLACES = {"another pool": "vault/data", "the same pool": "offsite/second/data"}
SHARED = "seems to use the tag mirror, too"


def make_vault(world: World) -> None:
    make_pool(world, "vault", "vault.img")
    run("zfs", "create", "-o", "canmount=off", "offsite/second")


def make_pool(world: World, pool: str, image: str) -> None:
    path = world.directory / image
    with path.open("wb") as file:
        file.truncate(POOL_SIZE)
    run("zpool", "create", "-O", "mountpoint=none", pool, str(path))


def pool_guid(pool: str) -> str:
    return run("zpool", "get", "-Hpo", "value", "guid", pool).stdout.strip()


def mirror(world: World, target: str, *options: str, host: str = "127.0.0.1") -> str:
    """Run a mirror of tank/data that ends well; return what it prints on stderr."""
    done = world.replicate_from("tank/data", target, *options, host=host)
    if "-n" not in options:
        assert world.guids(target)[-1] == world.guids("tank/data")[-1]
    return done.stderr + done.stdout


def destroy_unheld(world: World) -> None:
    """Destroy all snapshots of the source that are not held, as its retention may at any time."""
    for dataset in world.datasets("tank/data"):
        held = world.holds(dataset)
        for name in world.snapshots(dataset)[:-1]:
            if name not in held:
                zfs("destroy", f"{dataset}@{name}")


def beside(target: str) -> str:
    return marks.tag_beside("mirror", mirror_identity(target=target))


def status(world: World, target: str) -> tuple[str, list[str]]:
    """Return the level and the warnings."""
    where = ("-h", "127.0.0.1", "-r", "tank/data", "-l", target, "-t", "mirror", "--json")
    data = json.loads(world.program("status", *where).stdout)
    return data["level"], data["warnings"]


def let_go(text: str) -> str:
    """Run the release command of a message as an administrator would, and return it."""
    match = re.search(r"let it go: (zfs_replicate release [^;\n]*)", text)
    assert match is not None, text
    release(match[1])
    return match[1]


def release(command: str) -> str:
    """Run a printed release command, and say yes; return what it prints."""
    return run("sh", "-c", f"{sys.executable} {os.path.dirname(PROGRAM)}/{command} --yes").stdout
