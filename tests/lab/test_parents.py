"""Test the parents that a mirror creates above its target: needed by several mirrors at once, and mirrored later."""

from __future__ import annotations

import os

import pytest

from tests.support.lab.faults import REAL
from tests.support.lab.world import World, paste, zfs

RIVAL = f"""#!/bin/sh
case "$*" in
"create "*) for name; do :; done; {REAL} create -o canmount=off "$name" ;;
esac
exec {REAL} "$@"
"""
"""A zfs that is always preceded by another run: whatever is to be created exists already."""


def marked(root: str) -> list[str]:
    kinds = ("-t", "filesystem")
    return zfs("get", "-H", "-r", *kinds, "-s", "local", "-o", "name", "zfs_replicate:placeholder", root).splitlines()


def test_parents_that_another_run_creates_just_before(world: World) -> None:
    world.snapshot("tank/data@one")
    rival = world.directory / "rival" / "zfs"
    rival.parent.mkdir()
    rival.write_text(RIVAL)
    rival.chmod(0o755)
    path = {"PATH": f"{rival.parent}:{os.environ['PATH']}"}
    world.replicate_from("tank/data", "offsite/shared/by all/data", host="localhost", env=path)
    assert world.guids("offsite/shared/by all/data") == world.guids("tank/data")


def test_a_parent_above_the_target_becomes_a_copy_later(world: World) -> None:
    zfs("create", "tank/data/a")
    world.write("tank/data", "file")
    world.snapshot("tank/data@one", recursive=True)
    world.replicate_from("tank/data/a", "offsite/far/data/a")
    guids = world.guids("offsite/far/data/a")
    for name in ("offsite/far", "offsite/far/data"):
        assert (world.get(name, "canmount"), world.get(name, "mounted")) == ("off", "no")
    assert marked("offsite") == ["offsite/far", "offsite/far/data"]
    world.replicate_from("tank/data", "offsite/far/data", tag="later")
    assert world.guids("offsite/far/data") == world.guids("tank/data")
    assert world.guids("offsite/far/data/a") == guids
    assert marked("offsite") == ["offsite/far"]
    assert world.read("offsite/far/data", "file") == world.read("tank/data", "file")


@pytest.mark.parametrize("root", ["offsite/my copies", "offsite"])
def test_an_empty_parent_without_our_mark_is_marked_by_hand(world: World, root: str) -> None:
    """Then its size decides, and the datasets below it stay. The root of a pool is such a parent, too."""
    zfs("create", "tank/data/a")
    world.snapshot("tank/data@one", recursive=True)
    world.replicate_from("tank/data/a", f"{root}/a")
    guids = world.guids(f"{root}/a")
    zfs("inherit", "zfs_replicate:placeholder", root)
    refused = world.replicate_from("tank/data", root, tag="later", expect=1).stderr
    assert "it exists but has no snapshots" in refused
    paste(refused, "zfs set ")
    world.replicate_from("tank/data", root, tag="later")
    assert world.guids(root) == world.guids("tank/data")
    assert world.guids(f"{root}/a") == guids


def test_parents_in_a_locked_vault(world: World) -> None:
    """Raw copies need no key for their parents. Plain data needs it, and is never stored in plain there."""
    world.create_encrypted("tank/safe")
    zfs("create", "tank/safe/a")
    world.snapshot("tank/safe/a@one", "tank/data@one")
    world.create_encrypted("offsite/vault", "another phrase for the vault")
    zfs("unload-key", "offsite/vault")
    world.replicate_from("tank/safe", "offsite/vault/far/safe")
    assert world.guids("offsite/vault/far/safe/a") == world.guids("tank/safe/a")
    assert marked("offsite") == ["offsite/vault/far", "offsite/vault/far/safe"]

    refused = world.replicate_from("tank/data", "offsite/vault/data/plain", expect=1).stderr
    assert paste(refused, "zfs load-key ") == "zfs load-key offsite/vault"
    for _time in range(2):
        refused = world.replicate_from("tank/data", "offsite/vault/far/plain", expect=1).stderr
        assert "the parent of its copy was created in plain" in refused
        assert not world.exists("offsite/vault/far/plain")
    world.replicate_from("tank/data", "offsite/vault/data/plain")
    assert world.get("offsite/vault/data/plain", "encryptionroot") == "offsite/vault"
