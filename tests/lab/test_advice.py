"""Run the commands in messages of failures that no plan foresees, in the situation that prints them: they must help."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.lab.shims import shim
from tests.support.lab.world import POOL_SIZE, World, destroy_pools, look, paste, run, zfs

LARGE = 3_000_000


def increment(world: World, name: str = "two") -> None:
    """Mirror tank/data@one, then write and take another snapshot."""
    world.snapshot("tank/data@one")
    world.replicate(host="localhost")
    world.write("tank/data", "large", LARGE)
    world.snapshot(f"tank/data@{name}")


def test_state_of_another_receive_is_cleared(world: World, tmp_path: Path) -> None:
    increment(world)
    half = "$zfs send -i @one tank/data@two | head -c 600000 | $zfs receive -s -u offsite/data"
    done = world.replicate(host="localhost", env=shim(tmp_path, "receive*", half), expect=1)
    assert "an unfinished receive is in the way" in done.stderr
    paste(done.stderr, "zfs receive -A ")
    assert world.get("offsite/data", "receive_resume_token") == "-"
    world.replicate()
    assert world.guids("offsite/data") == world.guids("tank/data")


def test_cut_first_copy_with_children_moves_aside(world: World) -> None:
    world.write("tank/data", "large", LARGE)
    world.snapshot("tank/data@one")
    run("sh", "-c", "zfs send tank/data@one | head -c 600000 | zfs receive -s -u offsite/data", check=False)
    zfs("create", "offsite/data/child")
    zfs("destroy", "tank/data@one")
    world.snapshot("tank/data@two")
    done = world.replicate(expect=1)
    assert "cannot clear the saved state: it has child datasets; move it aside: zfs rename" in done.stderr
    moved = shlex.split(paste(done.stderr, "zfs rename "))[-1]
    world.replicate()
    assert world.guids("offsite/data") == world.guids("tank/data")
    assert world.exists(f"{moved}/child")


def test_mounted_placeholder_shows_where(world: World) -> None:
    zfs("create", "tank/data/a b")
    world.snapshot("tank/data/a b@one")
    world.replicate()
    world.snapshot("tank/data@two")
    with world.mounted("offsite/data") as directory:
        handle = os.open(directory, os.O_RDONLY)
        try:
            done = world.replicate(expect=1)
            assert "it is held, mounted or being received" in done.stderr
            assert str(directory) in look(done.stderr, "mount | grep ")
        finally:
            os.close(handle)
    world.replicate()
    assert world.guids("offsite/data") == world.guids("tank/data")


OVERDUE = [("a b",), ("a b", "c d")]
"""Snapshots that somebody else needs, after the listing: the command must show each that the message names."""


def kept(world: World, directory: Path, names: tuple[str, ...], act: str) -> str:
    """Expire snapshots while `act` is done to each; return what is printed."""
    world.snapshot(*(f"tank/data@{name}" for name in names), days_ago=40)
    world.snapshot("tank/data@new")
    world.replicate(host="localhost")
    before = shim(directory, "destroy*", "; ".join(act.format(name) for name in names))
    return world.replicate("-k", "30", host="localhost", env=before, expect=1).stderr


@pytest.mark.parametrize("names", OVERDUE)
def test_holds_placed_meanwhile_show_by_whom(world: World, tmp_path: Path, names: tuple[str, ...]) -> None:
    stderr = kept(world, tmp_path, names, "$zfs hold legal 'offsite/data@{}'")
    assert "it is held, mounted or being received" in stderr
    shown = look(stderr, "zfs list -Ht snapshot -o name -r ")
    for name in names:
        assert re.search(rf"^offsite/data@{name} +legal ", shown, re.MULTILINE)
        zfs("release", "legal", f"offsite/data@{name}")
    world.replicate("-k", "30")
    assert world.snapshots("offsite/data") == ["new"]


@pytest.mark.parametrize("names", OVERDUE)
def test_clones_made_meanwhile_are_shown(world: World, tmp_path: Path, names: tuple[str, ...]) -> None:
    stderr = kept(world, tmp_path, names, "$zfs clone 'offsite/data@{0}' 'offsite/of {0}'")
    assert "a clone depends on it" in stderr
    for name in names:  # zfs names the clones, so each snapshot has a message of its own
        shown = look(stderr, f"zfs list -Ht snapshot -o name,clones 'offsite/data@{name}'")
        assert f"offsite/data@{name}\toffsite/of {name}" in shown
        zfs("destroy", f"offsite/of {name}")
    world.replicate("-k", "30")
    assert world.snapshots("offsite/data") == ["new"]


def test_unknown_failure_shows_the_pool(world: World, tmp_path: Path) -> None:
    world.snapshot("tank/data@one")
    odd = "echo 'cannot receive: something odd' >&2; exit 1"
    done = world.replicate(host="localhost", env=shim(tmp_path, "receive*", odd), expect=1)
    assert "zfs failed for a reason that this program does not know" in done.stderr
    assert "pool: offsite" in look(done.stderr, "zpool status ")


def test_full_pool_shows_what_takes_the_space(world: World, tmp_path: Path) -> None:
    """Also where zfs does not answer what limits it."""
    zfs("create", "offsite/ballast")
    world.write("offsite/ballast", "ballast", 120 << 20)
    world.write("tank/data", "large", 100 << 20)
    world.snapshot("tank/data@one")
    for env, expected in (
        (None, "the pool offsite is full"),
        (shim(tmp_path, "get*quota*", "exit 2"), "no space left"),
    ):
        done = world.replicate(host="localhost", env=env, expect=1)
        assert expected in done.stderr
        assert "offsite/ballast" in look(done.stderr, "zfs list -o space -r ")
    zfs("destroy", "offsite/ballast")
    world.replicate()
    assert world.guids("offsite/data") == world.guids("tank/data")


def test_source_without_snapshots_gets_one(world: World) -> None:
    zfs("create", "tank/my data")
    done = world.replicate_from("tank/my data", "offsite/data", expect=1)
    assert "there are no snapshots to mirror" in done.stderr
    paste(done.stderr, "zfs snapshot -r ", NAME="first")
    world.replicate_from("tank/my data", "offsite/data")
    assert world.snapshots("offsite/data") == ["first"]


def test_list_that_prints_nothing_can_be_looked_at(world: World, tmp_path: Path) -> None:
    world.snapshot("tank/data@one")
    silent = shim(tmp_path, "list*tank/data", "exit 0")
    done = world.replicate(host="localhost", env=silent, expect=1)
    assert "zfs list printed nothing" in done.stderr
    assert "tank/data" in look(done.stderr, "zfs list -r ")
    world.replicate()


def test_mbuffer_that_gets_no_memory_says_so(world: World) -> None:
    world.write("tank/data", "large", LARGE)
    world.snapshot("tank/data@one")
    done = world.replicate("-b", "64G", "--retries", "2", expect=1)
    assert (
        "offsite/data on localhost: cannot receive: mbuffer does not start with -b 64G; choose a smaller" in done.stderr
    )
    assert "(mbuffer: Could not allocate enough memory" in done.stderr
    assert done.stderr.count("\n") == 1  # no retry
    assert "must be a size of 640k or more" in world.replicate("-b", "639k", expect=2).stderr
    world.replicate("-b", "640k")
    assert world.guids("offsite/data") == world.guids("tank/data")


# --- keys ---


def test_target_below_a_locked_dataset_names_its_key(world: World) -> None:
    world.create_encrypted("offsite/my vault", "the phrase of the vault")
    zfs("unload-key", "offsite/my vault")
    world.snapshot("tank/data@one")
    done = world.replicate_from("tank/data", "offsite/my vault/data", expect=1)
    assert "it lies in an encrypted dataset whose key is not loaded" in done.stderr
    paste(done.stderr, "zfs load-key ")
    world.replicate_from("tank/data", "offsite/my vault/data")
    assert world.get("offsite/my vault/data", "encryptionroot") == "offsite/my vault"


def test_locked_source_of_a_plain_stream_names_its_key(world: World) -> None:
    world.create_encrypted("tank/my safe")
    world.snapshot("tank/my safe@one")
    zfs("unload-key", "tank/my safe")
    done = world.replicate_from("tank/my safe", "offsite/safe", "--decrypt", expect=1)
    assert "its encryption key is not loaded, and a plain stream needs it" in done.stderr
    paste(done.stderr, "zfs load-key ")
    world.replicate_from("tank/my safe", "offsite/safe", "--decrypt")
    assert world.get("offsite/safe", "encryption") == "off"


# --- pools ---


@pytest.fixture
def file(world: World) -> Iterator[Path]:
    """The file of a pool `old` that a test creates."""
    image = world.directory / "old.img"
    with image.open("wb") as opened:
        opened.truncate(POOL_SIZE)
    yield image
    destroy_pools(["old"])


def test_source_pool_too_old_for_holds_is_upgraded(world: World, file: Path) -> None:
    run("zpool", "create", "-o", "version=17", "-O", "mountpoint=none", "old", str(file))
    zfs("create", "-u", "old/data")
    world.snapshot("old/data@one")
    done = world.replicate_from("old/data", "offsite/data", expect=1)
    assert "the pool there is too old for holds" in done.stderr
    paste(done.stderr, "zpool upgrade ")
    world.replicate_from("old/data", "offsite/data")
    assert world.guids("offsite/data") == world.guids("old/data")


def test_target_pool_without_encryption_is_upgraded(world: World, file: Path) -> None:
    run("zpool", "create", "-d", "-O", "mountpoint=none", "old", str(file))
    world.create_encrypted("tank/safe")
    world.snapshot("tank/safe@one")
    done = world.replicate_from("tank/safe", "old/safe", expect=1)
    assert "the target is too old for this stream" in done.stderr
    paste(done.stderr, "zpool upgrade ")
    world.replicate_from("tank/safe", "old/safe")
    assert world.guids("old/safe") == world.guids("tank/safe")


def test_pool_that_is_not_imported_is_imported(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its devices are files here, for which zpool has to be told where to look."""
    monkeypatch.setenv("ZPOOL_IMPORT_PATH", str(world.directory))
    world.snapshot("tank/data@one")
    run("zpool", "export", "offsite")
    done = world.replicate(expect=1)
    assert "there is no such pool" in done.stderr
    paste(done.stderr, "zpool import ")
    world.replicate()
    assert world.guids("offsite/data") == world.guids("tank/data")
