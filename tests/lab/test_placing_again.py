"""Test what a run makes of copies that earlier runs left beside their places."""

from __future__ import annotations

import contextlib
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.lab.faults import REAL
from tests.support.lab.placing import SOURCE, assert_mirrored, identities, killer, shimmed, with_safe
from tests.support.lab.world import World, paste, run, zfs

TARGET = "offsite/safe"
BESIDE = "offsite/safe.zfs_replicate"


@pytest.fixture
def safe(world: World) -> World:
    return with_safe(world)


def lose(world: World, snapshot: str) -> None:
    """Destroy a snapshot of the source with its holds, as an administrator would."""
    dataset, _, name = snapshot.partition("@")
    for tag in world.holds(dataset).get(name, ()):
        zfs("release", tag, snapshot)
    zfs("destroy", snapshot)


def test_a_copy_is_known_though_its_source_lost_its_snapshots(safe: World) -> None:
    safe.replicate_from(SOURCE, TARGET)
    before = identities(safe, TARGET)
    safe.snapshot(f"{SOURCE}@two", recursive=True)
    safe.replicate_from(SOURCE, TARGET, env=killer(safe, "rename", 3, "before"), expect=-9)
    assert not safe.exists(TARGET)
    shown = safe.program("status", "-l", TARGET, expect=1).stdout
    assert (
        f"ZFS_REPLICATE WARNING - 1 of 3 datasets below {TARGET}: {TARGET}: no mirror holds it on the target" in shown
    )
    assert f"its copy is {BESIDE} until the next run" in shown
    lose(safe, f"{SOURCE}@two")
    safe.snapshot(f"{SOURCE}@three", recursive=True)
    refused = safe.replicate_from(SOURCE, TARGET, expect=1).stderr
    assert "no common snapshot is left: the newest on the target is @two" in refused
    assert not safe.exists(BESIDE)
    assert identities(safe, TARGET) == before
    for name in before:
        assert safe.guids(f"{TARGET}{name}") == safe.guids(f"{SOURCE}{name}"), name


def test_unknown_datasets_beside_a_place_are_reported(safe: World) -> None:
    safe.snapshot(f"{SOURCE}@one")
    safe.replicate_from(SOURCE, TARGET)
    beside = f"{TARGET}/my child.zfs_replicate"
    zfs("create", "-o", "encryption=off", beside)
    safe.snapshot(f"{beside}@theirs")
    zfs("hold", "mirror:target", f"{beside}@theirs")
    for shown in (
        safe.replicate_from(SOURCE, TARGET).stderr,
        safe.program("status", "-h", "127.0.0.1", "-r", SOURCE, "-l", TARGET, "-t", "mirror").stdout,
    ):
        assert f"{beside} on this machine: it has the name of a copy" in shown
        assert f"{TARGET}/my child is there already" in shown
    paste(shown, "zfs rename ")
    assert safe.replicate_from(SOURCE, TARGET).stderr == ""


def test_nested_copies_get_to_their_places_in_one_run(safe: World) -> None:
    zfs("create", "-p", f"{SOURCE}/q/deep")
    safe.snapshot(f"{SOURCE}/q/deep@one")
    safe.replicate_from(SOURCE, TARGET)
    deep = safe.get(f"{TARGET}/q/deep", "guid")
    safe.snapshot(f"{SOURCE}/q@two")
    safe.replicate_from(SOURCE, TARGET, env=killer(safe, "rename", 1, "before"), expect=-9)
    assert safe.exists(f"{TARGET}/q.zfs_replicate")
    safe.snapshot(f"{SOURCE}@two")
    assert safe.replicate_from(SOURCE, TARGET).stderr == ""
    assert safe.get(f"{TARGET}/q/deep", "guid") == deep
    safe.snapshot(f"{SOURCE}@three", recursive=True)
    assert safe.replicate_from(SOURCE, TARGET).stderr == ""
    assert_mirrored(safe, SOURCE, TARGET)


@contextlib.contextmanager
def mounted(world: World, name: str = TARGET) -> Iterator[Path]:
    """Mount a dataset, as an administrator would."""
    directory = world.directory / "place"
    zfs("set", "canmount=noauto", TARGET)
    zfs("set", f"mountpoint={directory}", TARGET)
    zfs("mount", name)
    yield Path(world.get(name, "mountpoint"))


@contextlib.contextmanager
def process_in(directory: Path) -> Iterator[None]:
    with subprocess.Popen(["sleep", "600"], cwd=directory) as process:
        try:
            yield
        finally:
            process.kill()


def test_a_mounted_placeholder_is_unmounted(safe: World) -> None:
    safe.replicate_from(SOURCE, TARGET)
    before = identities(safe, TARGET)
    safe.snapshot(f"{SOURCE}@two", recursive=True)
    with mounted(safe):
        assert safe.replicate_from(SOURCE, TARGET).stderr == ""
    assert identities(safe, TARGET) == before
    assert_mirrored(safe, SOURCE, TARGET)


@pytest.mark.parametrize("busy", ["", "/plain"])
def test_a_busy_placeholder_is_left_before_anything_moves(safe: World, busy: str) -> None:
    """Its shell stands in the placeholder, or in a copy that is mounted below it."""
    zfs("create", "-o", "encryption=off", f"{SOURCE}/plain")
    safe.snapshot(f"{SOURCE}/plain@one")
    safe.replicate_from(SOURCE, TARGET)
    before = identities(safe, TARGET)
    with mounted(safe) as directory:
        if busy:
            zfs("mount", TARGET + busy)
        with process_in(Path(f"{directory}{busy}")):
            for name in ("two", "three"):
                safe.snapshot(f"{SOURCE}@{name}", recursive=True)
                refused = safe.replicate_from(SOURCE, TARGET, expect=1).stderr
                assert f"{TARGET} on" in refused
                assert "it is mounted and in use" in refused
                assert identities(safe, TARGET) == before
                assert safe.snapshots(f"{TARGET}/my child")[-1] == name
                assert safe.get(TARGET, "mounted") == safe.get(TARGET + busy, "mounted") == "yes"
        paste(refused, "zfs unmount ")
    assert safe.replicate_from(SOURCE, TARGET).stderr == ""
    assert identities(safe, TARGET) == before
    assert_mirrored(safe, SOURCE, TARGET)


def test_data_written_until_a_placeholder_is_unmounted_is_kept(safe: World) -> None:
    """It is mounted again then."""
    safe.replicate_from(SOURCE, TARGET)
    safe.snapshot(f"{SOURCE}@two", recursive=True)
    with mounted(safe) as directory:
        meddler = f'#!/bin/sh\n[ "$1" != unmount ] || echo data >"{directory}/file"\nexec {REAL} "$@"\n'
        refused = safe.replicate_from(SOURCE, TARGET, env=shimmed(safe, meddler), expect=1).stderr
        assert "data has been written to it since" in refused
        assert (directory / "file").read_text() == "data\n"
        (directory / "file").unlink()
    assert safe.replicate_from(SOURCE, TARGET).stderr == ""
    assert_mirrored(safe, SOURCE, TARGET)


@pytest.mark.parametrize("kind", [(), ("-s", "-V", "8M")])
def test_a_clone_with_the_key_of_the_vault_gets_out_of_the_way(safe: World, kind: tuple[str, ...]) -> None:
    """Below its origin, or, if that is a volume, below the vault."""
    safe.create_encrypted("offsite/vault", "another phrase for the vault")
    zfs("create", *kind, "-o", "encryption=off", f"{SOURCE}/plain")
    safe.snapshot(f"{SOURCE}/plain@one")
    target = "offsite/vault/safe"
    safe.replicate_from(SOURCE, target)
    zfs("clone", f"{target}/plain@one", f"{target}/the clone")
    before = identities(safe, target)
    clone = before.pop("/the clone"), safe.guids(f"{target}/the clone")
    safe.snapshot(f"{SOURCE}@two", recursive=True)
    refused = safe.replicate_from(SOURCE, target, expect=1).stderr
    assert f"because that is a clone of {target}/plain@one" in refused
    moved = shlex.split(paste(refused, "zfs rename "))[-1]
    assert moved == ("offsite/vault/the clone" if kind else f"{target}/plain/the clone")
    refused = safe.replicate_from(SOURCE, target, expect=1).stderr
    paste(refused, "zfs change-key ", typed="any phrase at all")
    safe.replicate_from(SOURCE, target)
    assert (safe.get(moved, "guid"), safe.guids(moved)) == clone
    assert {name: safe.get(f"{target}{name}", "guid") for name in before} == before
    assert safe.guids(target) == safe.guids(SOURCE)


def test_a_clone_of_a_volume_with_its_own_key_stays(safe: World) -> None:
    """Until the volume has the key of the vault again."""
    safe.create_encrypted("offsite/vault", "another phrase for the vault")
    zfs("create", "-s", "-V", "8M", "-o", "encryption=off", f"{SOURCE}/plain")
    safe.snapshot(f"{SOURCE}/plain@one")
    target = "offsite/vault/safe"
    safe.replicate_from(SOURCE, target)
    zfs("clone", f"{target}/plain@one", f"{target}/clone")
    key = safe.directory / "own.key"
    key.write_text("any phrase at all")
    own = ("-o", "keyformat=passphrase", "-o", f"keylocation=file://{key}")
    assert run("zfs", "change-key", *own, f"{target}/clone", check=False).returncode != 0
    zfs("change-key", *own, f"{target}/plain")
    safe.snapshot(f"{SOURCE}@two", recursive=True)
    assert "no other place has that key" in safe.replicate_from(SOURCE, target, expect=1).stderr
    zfs("change-key", "-i", f"{target}/plain")
    paste(safe.replicate_from(SOURCE, target, expect=1).stderr, "zfs rename ")
    assert safe.exists("offsite/vault/clone")


@pytest.mark.parametrize(("vault", "when"), [("", "after"), ("/vault", "before")])
def test_a_snapshotted_placeholder_goes_without_its_children(safe: World, vault: str, when: str) -> None:
    """In a vault, a placeholder below it is made anew."""
    if vault:
        safe.create_encrypted("offsite/vault", "another phrase for the vault")
    zfs("create", "-p", f"{SOURCE}/q/deep")
    safe.snapshot(f"{SOURCE}/q/deep@one")
    target = f"offsite{vault}/safe"
    safe.replicate_from(SOURCE, target)
    kept = ("/my child", "/q/deep", "/volume")
    before = [safe.get(f"{target}{name}", "guid") for name in kept]
    safe.snapshot(f"{SOURCE}@two", *(f"{SOURCE}{name}@two" for name in kept))
    safe.replicate_from(SOURCE, target, env=killer(safe, "rename", 1, when), expect=-9)
    safe.snapshot(f"{target}@mine")
    refused = safe.replicate_from(SOURCE, target, expect=1).stderr
    assert f"its copy is {target}.zfs_replicate and cannot take its place" in refused
    moves = paste(refused, "zfs ")
    assert ("zfs create -o canmount=off -o encryption=off" in moves) == bool(vault)
    aside = shlex.split(paste(refused, f"zfs rename {target} "))[-1]
    assert (safe.datasets(aside)[1:], safe.snapshots(aside)) == ([f"{aside}/q"] if vault else [], ["mine"])
    assert safe.replicate_from(SOURCE, target).stderr == ""
    assert [safe.get(f"{target}{name}", "guid") for name in kept] == before
    for name in ("", *kept):
        assert safe.guids(f"{target}{name}") == safe.guids(f"{SOURCE}{name}"), name


def test_a_snapshotted_placeholder_beside_a_cut_copy(safe: World, cutting_port: int) -> None:
    safe.replicate_from(SOURCE, TARGET)
    before = identities(safe, TARGET)
    safe.write(SOURCE, "large", 2_000_000)
    safe.snapshot(f"{SOURCE}@two", recursive=True)
    safe.replicate_from(SOURCE, TARGET, "-p", str(cutting_port), expect=1)
    safe.snapshot(f"{TARGET}@mine")
    refused = safe.replicate_from(SOURCE, TARGET, expect=1).stderr
    paste(refused, "zfs rename -u ")
    paste(refused, f"zfs rename {TARGET} ")
    shown = safe.replicate_from(SOURCE, TARGET, "-n").stdout
    assert f"resume {SOURCE}@two" in shown
    assert safe.replicate_from(SOURCE, TARGET).stderr == ""
    assert identities(safe, TARGET) == before
    assert_mirrored(safe, SOURCE, TARGET)
