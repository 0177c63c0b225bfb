"""Test placeholders that no stream can fill: the copy takes their place, and nothing below is sent again."""

from __future__ import annotations

import os
import shlex

import pytest

from tests.support.lab.faults import REAL
from tests.support.lab.placing import SOURCE, assert_mirrored, identities, killer, shimmed, with_safe
from tests.support.lab.world import World, paste, zfs


@pytest.fixture
def safe(world: World) -> World:
    return with_safe(world)


@pytest.mark.parametrize("target", ["offsite/safe", "offsite/my vault/safe"])
def test_a_raw_copy_takes_the_place_of_a_placeholder(safe: World, target: str) -> None:
    if "vault" in target:
        safe.create_encrypted("offsite/my vault", "another phrase for the vault")
        zfs("unload-key", "offsite/my vault")
    safe.replicate_from(SOURCE, target)
    before = identities(safe, target)
    safe.snapshot(f"{SOURCE}@two", recursive=True)
    shown = safe.replicate_from(SOURCE, target, "-n").stdout
    assert f"rename {target}/my child to {target}.zfs_replicate/my child: " in shown
    for name in ("two", "three"):
        if name == "three":
            safe.snapshot(f"{SOURCE}@three", recursive=True)
        assert safe.replicate_from(SOURCE, target).stderr == ""
        assert identities(safe, target) == before
        assert_mirrored(safe, SOURCE, target)
    assert (safe.get(target, "canmount"), safe.get(target, "readonly")) == ("noauto", "on")
    assert safe.snapshots(f"{target}/my child") == ["one", "two", "three"]


def test_a_plain_copy_takes_a_place_in_an_encrypted_target(world: World) -> None:
    world.create_encrypted("offsite/vault", "another phrase for the vault")
    zfs("create", "-p", "tank/data/a/b")
    world.snapshot("tank/data/a/b@one")
    target = "offsite/vault/data"
    world.replicate_from("tank/data", target)
    before = world.get(f"{target}/a/b", "guid")
    world.write("tank/data", "file")
    world.snapshot("tank/data@two", recursive=True)
    assert world.replicate_from("tank/data", target).stderr == ""
    assert_mirrored(world, "tank/data", target)
    assert world.get(f"{target}/a/b", "guid") == before
    assert {world.get(name, "encryptionroot") for name in world.datasets(target)} == {"offsite/vault"}
    assert world.read(target, "file") == world.read("tank/data", "file")


@pytest.mark.parametrize("vault", ["", "/vault"])
def test_placeholders_within_one_another(safe: World, vault: str) -> None:
    if vault:
        safe.create_encrypted("offsite/vault", "another phrase for the vault")
    zfs("create", "-p", f"{SOURCE}/q/r/s")
    safe.snapshot(f"{SOURCE}/q/r/s@one")
    target = f"offsite{vault}/safe"
    safe.replicate_from(SOURCE, target)
    kept = ("/my child", "/volume", "/q/r/s")
    before = [safe.get(f"{target}{name}", "guid") for name in kept]
    safe.snapshot(f"{SOURCE}@two", f"{SOURCE}/q@two")
    assert safe.replicate_from(SOURCE, target).stderr == ""
    for name in ("", "/q"):
        assert safe.guids(f"{target}{name}") == safe.guids(f"{SOURCE}{name}")
    safe.snapshot(f"{SOURCE}@three", recursive=True)
    assert safe.replicate_from(SOURCE, target).stderr == ""
    assert_mirrored(safe, SOURCE, target)
    assert [safe.get(f"{target}{name}", "guid") for name in kept] == before


def test_a_plain_copy_below_a_raw_one_takes_its_place(safe: World) -> None:
    safe.snapshot(f"{SOURCE}@one")
    zfs("create", "-o", "encryption=off", f"{SOURCE}/plain")
    zfs("create", "-o", "encryption=off", f"{SOURCE}/plain/a")
    safe.snapshot(f"{SOURCE}/plain/a@one")
    safe.replicate_from(SOURCE, "offsite/safe")
    before = identities(safe, "offsite/safe/plain")
    safe.snapshot(f"{SOURCE}@two", recursive=True)
    assert safe.replicate_from(SOURCE, "offsite/safe").stderr == ""
    assert_mirrored(safe, SOURCE, "offsite/safe")
    assert identities(safe, "offsite/safe/plain") == before
    assert safe.get("offsite/safe/plain", "encryption") == "off"


@pytest.mark.parametrize("vault", ["", "/vault"])
@pytest.mark.parametrize(
    ("command", "nth", "when"),
    [
        ("receive", 1, "after"),
        *(("rename", nth, when) for nth in (1, 2, 3) for when in ("before", "after")),
        ("destroy", 1, "after"),
    ],
)
def test_a_kill_at_each_command(safe: World, vault: str, command: str, nth: int, when: str) -> None:
    if vault:
        safe.create_encrypted("offsite/vault", "another phrase for the vault")
    target = f"offsite{vault}/safe"
    safe.replicate_from(SOURCE, target)
    before = identities(safe, target)
    safe.snapshot(f"{SOURCE}@two", recursive=True)
    safe.replicate_from(SOURCE, target, env=killer(safe, command, nth, when), expect=-9)
    shown = safe.replicate_from(SOURCE, target, "-n").stdout
    assert "in full" not in shown
    assert safe.replicate_from(SOURCE, target).stderr == ""
    assert identities(safe, target) == before
    assert_mirrored(safe, SOURCE, target)


@pytest.mark.parametrize("root", ["tank/data", "tank/data/safe"])
def test_a_chain_waits_for_a_copy_that_is_on_its_way(world: World, root: str) -> None:
    """In between, the second hop leaves out what has the other name, and sends nothing twice."""
    world.create_encrypted("tank/data/safe")
    zfs("create", "tank/data/safe/my child")
    zfs("create", "tank/data/safe/other")
    world.snapshot("tank/data/safe/my child@one", "tank/data/safe/other@one")
    world.replicate_from(root, "offsite/copy")
    world.replicate_from("offsite/copy", "tank/third", tag="next")
    before = identities(world, "tank/third")
    world.snapshot(f"{root}@two", recursive=True)
    world.replicate_from(root, "offsite/copy", env=killer(world, "rename", 1, "after"), expect=-9)
    warned = world.replicate_from("offsite/copy", "tank/third", tag="next").stderr
    is_below = root == "tank/data"
    assert ("offsite/copy/safe.zfs_replicate on 127.0.0.1: left out with all below" in warned) == is_below, warned
    world.replicate_from(root, "offsite/copy")
    assert world.replicate_from("offsite/copy", "tank/third", tag="next").stderr == ""
    after = identities(world, "tank/third")
    assert {name: after[name] for name in before if name != "/safe"} == {
        name: guid for name, guid in before.items() if name != "/safe"
    }
    for name in ("", *after):
        assert world.guids(f"tank/third{name}") == world.guids(f"{root}{name}")


MEDDLER = f"""#!/bin/sh
[ "$*" != "destroy offsite/safe" ] || {REAL} COMMAND
exec {REAL} "$@"
"""
"""A zfs before which somebody acts, when the placeholder is about to be destroyed."""


@pytest.mark.parametrize("command", ["snapshot offsite/safe@mine", "create offsite/safe/mine"])
def test_a_placeholder_that_gets_used_at_the_last_moment(safe: World, command: str) -> None:
    safe.replicate_from(SOURCE, "offsite/safe")
    before = identities(safe, "offsite/safe")
    safe.snapshot(f"{SOURCE}@two", recursive=True)
    meddling = shimmed(safe, MEDDLER.replace("COMMAND", command))
    error = safe.replicate_from(SOURCE, "offsite/safe", env=meddling, expect=1).stderr
    assert "something was put below it, or a snapshot of it was taken" in error
    if command.startswith("snapshot"):
        error = safe.replicate_from(SOURCE, "offsite/safe", expect=1).stderr
        aside = shlex.split(paste(error, "zfs rename "))[-1]
        assert safe.snapshots(aside) == ["mine"]
    safe.replicate_from(SOURCE, "offsite/safe")
    after = identities(safe, "offsite/safe")
    assert {name: after[name] for name in before} == before
    assert (after.keys() - before.keys()) == (set() if command.startswith("snapshot") else {"/mine"})
    for name in ("", *before):
        assert safe.guids(f"offsite/safe{name}") == safe.guids(f"{SOURCE}{name}")


def test_cut_streams_beside_and_below_a_placeholder_go_on(safe: World, cutting_port: int) -> None:
    safe.replicate_from(SOURCE, "offsite/safe")
    for name in ("", "/my child"):  # its saved state moves along
        safe.write(f"{SOURCE}{name}", "large", 2_000_000)
    safe.snapshot(f"{SOURCE}@two", recursive=True)
    safe.replicate_from(SOURCE, "offsite/safe", "-p", str(cutting_port), expect=1)
    for name in (".zfs_replicate", "/my child"):
        assert safe.get(f"offsite/safe{name}", "receive_resume_token") != "-"
    shown = safe.replicate_from(SOURCE, "offsite/safe", "-n").stdout
    assert f"resume {SOURCE}@two" in shown
    assert f"resume {SOURCE}/my child@two" in shown
    assert safe.replicate_from(SOURCE, "offsite/safe").stderr == ""
    assert_mirrored(safe, SOURCE, "offsite/safe")


def test_a_foreign_dataset_beside_a_placeholder_is_kept(safe: World) -> None:
    safe.replicate_from(SOURCE, "offsite/safe")
    foreign = "offsite/safe.zfs_replicate"
    zfs("create", foreign)
    safe.write(foreign, "theirs")
    theirs = safe.get(foreign, "guid")
    safe.snapshot(f"{SOURCE}@two", recursive=True)
    refused = safe.replicate_from(SOURCE, "offsite/safe", expect=1).stderr
    assert f"its copy is to be received as {foreign}" in refused
    assert safe.get(foreign, "guid") == theirs
    assert safe.guids("offsite/safe/my child") == safe.guids(f"{SOURCE}/my child")
    paste(refused, "zfs rename ")
    safe.replicate_from(SOURCE, "offsite/safe")
    assert_mirrored(safe, SOURCE, "offsite/safe")


def test_a_child_with_the_key_of_the_vault_gets_its_own(safe: World) -> None:
    safe.create_encrypted("offsite/vault", "another phrase for the vault")
    zfs("create", "-o", "encryption=off", f"{SOURCE}/plain")
    safe.snapshot(f"{SOURCE}/plain@one")
    target = "offsite/vault/safe"
    safe.replicate_from(SOURCE, target)
    before = identities(safe, target)
    safe.snapshot(f"{SOURCE}@two", recursive=True)
    zfs("unload-key", "offsite/vault")
    refused = safe.replicate_from(SOURCE, target, expect=1).stderr
    assert f"nor move {target}/plain below a copy in its place" in refused
    assert not safe.exists(f"{target}.zfs_replicate")
    paste(refused, "zfs load-key ")
    paste(refused, "zfs change-key ", typed="any phrase at all")
    safe.replicate_from(SOURCE, target)
    assert identities(safe, target) == before
    safe.snapshot(f"{SOURCE}@three", recursive=True)
    safe.replicate_from(SOURCE, target)
    assert_mirrored(safe, SOURCE, target)


def test_a_placeholder_that_somebody_writes_to_is_kept(safe: World) -> None:
    """Even if it happens while the stream arrives."""
    safe.replicate_from(SOURCE, "offsite/safe")
    safe.snapshot(f"{SOURCE}@two", recursive=True)
    directory = safe.directory / "theirs"
    directory.mkdir()
    shim = safe.directory / "writer" / "zfs"
    shim.parent.mkdir()
    write = f"mount -t zfs -o zfsutil offsite/safe {directory}; echo data >{directory}/file; umount {directory}"
    shim.write_text(f'#!/bin/sh\ncase "$*" in receive*) {write} ;; esac\nexec {REAL} "$@"\n')
    shim.chmod(0o755)
    path = {"PATH": f"{shim.parent}:{os.environ['PATH']}"}
    for env in (path, None):
        refused = safe.replicate_from(SOURCE, "offsite/safe", env=env, expect=1).stderr
        assert "it was created as an empty parent, but data has been written to it since" in refused
    with safe.mounted("offsite/safe") as mounted:
        assert (mounted / "file").read_text() == "data\n"
        (mounted / "file").unlink()
    safe.replicate_from(SOURCE, "offsite/safe")
    assert_mirrored(safe, SOURCE, "offsite/safe")
