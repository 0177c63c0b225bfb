"""Of mirrors with one tag, each printed release command lets one go, and takes nothing that another one needs."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.lab.mirrors import (
    FIRST,
    PLACES,
    SHARED,
    beside,
    destroy_unheld,
    let_go,
    make_pool,
    mirror,
    pool_guid,
    release,
)
from tests.support.lab.servers import KNOWN_HOSTS, sshd, trust
from tests.support.lab.world import POOL_SIZE, PROGRAM, World, destroy_pools, run, zfs

SECOND = PLACES["another pool"]
CHILD = "tank/data/my child"
ROOT, LAB = "127.0.0.1", "lab@127.0.0.1"
"""The user `lab` may not make bookmarks. tests/simulator/test_letting_go.py tries all with both."""
AMID_PORT = 2203


def held(world: World) -> list[dict[str, set[str]]]:
    """Return the tags by snapshot, without claims, of tank/data and its child."""
    return [
        {
            name: {tag for tag in tags if not tag.endswith(".new")}
            for name, tags in world.holds(dataset).items()
            if not all(tag.endswith(".new") for tag in tags)
        }
        for dataset in ("tank/data", CHILD)
        if world.exists(dataset)
    ]


def mix(world: World, host: str) -> None:
    """The first mirror has the plain tag on the root, the second on a child that it saw first."""
    zfs("allow", "lab", "send,hold,release", "tank/data")
    world.snapshot("tank/data@one")
    mirror(world, FIRST, host=host)
    mirror(world, SECOND, host=host)
    zfs("create", CHILD)
    world.snapshot("tank/data@two", recursive=True)
    mirror(world, SECOND, host=host)
    mirror(world, FIRST, host=host)
    assert held(world) == [{"two": {"mirror", beside(SECOND)}}, {"two": {"mirror", beside(FIRST)}}]


@pytest.mark.parametrize(("host", "living", "gone"), [(ROOT, FIRST, SECOND), (LAB, SECOND, FIRST)])
def test_a_printed_command_takes_one_mirror_of_two(vault: World, host: str, living: str, gone: str) -> None:
    mix(vault, host)
    own, other = beside(living), beside(gone)
    command = let_go(mirror(vault, living, "-n", host=host))
    assert f" -t {other} " in command
    tags = ["mirror", own] if living == FIRST else [own, "mirror"]
    assert held(vault) == [{"two": {tag}} for tag in tags]
    assert SHARED not in mirror(vault, living, "-n", host=host)
    vault.snapshot("tank/data@three", recursive=True)
    destroy_unheld(vault)
    assert mirror(vault, living, host=host) == ""
    assert [list(names) for names in held(vault)] == [["three"], ["three"]]


def test_the_plain_tag_means_no_mirror_where_several_share_it(vault: World) -> None:
    """So does -l mean this one: as docs/retiring.md says it."""
    mix(vault, ROOT)
    before = held(vault)
    printed = release("zfs_replicate release -h 127.0.0.1 -r tank/data -t mirror")
    assert held(vault) == before
    for target in (FIRST, SECOND):
        assert f"{beside(target)}: another mirror, which keeps its holds and bookmarks; to let it go: " in printed
    release(f"zfs_replicate release -h 127.0.0.1 -r tank/data -t mirror -l {SECOND}")
    assert held(vault) == [{"two": {"mirror"}}, {"two": {beside(FIRST)}}]
    assert SHARED not in mirror(vault, FIRST, "-n")


def test_a_replaced_pool_that_was_beside_goes_by_its_command(vault: World) -> None:
    host = LAB
    mix(vault, host)
    other = beside(SECOND)
    destroy_pools(("vault",))
    (vault.directory / "vault.img").unlink()
    make_pool(vault, "vault", "vault.img")
    text = mirror(vault, SECOND, host=host)
    command = re.search(rf"zfs_replicate release [^;]* -t {re.escape(other)} -r tank/data", text)
    assert command is not None
    release(command[0])
    assert held(vault) == [{"two": {"mirror", beside(SECOND)}}, {"two": {beside(FIRST), beside(SECOND)}}]
    for target in (FIRST, SECOND):
        vault.snapshot(f"tank/data@{target.partition('/')[0]}", recursive=True)
        destroy_unheld(vault)
        mirror(vault, target, host=host)


def test_leftovers_name_no_hold_of_another_mirror(vault: World) -> None:
    """An excluded dataset is mirrored by another mirror: whichever saw it first."""
    host = LAB
    mix(vault, host)
    words = ("-h", host, "-r", "tank/data", "-t", "mirror", "-x", "my child", "--json")
    for target, tag in ((FIRST, beside(FIRST)), (SECOND, "mirror")):
        text = vault.program("status", *words, "-l", target).stdout
        leftovers = [entry for entry in json.loads(text)["leftover_holds"] if entry["side"] == "source"]
        assert [entry["tag"] for entry in leftovers] == [tag]
        release(leftovers[0]["command"])
        assert not any(tag in tags for tags in vault.holds(CHILD).values())
        assert held(vault)[0] == {"two": {"mirror", beside(SECOND)}}
    assert held(vault)[1] == {}


# --- whose the plain holds are ---


@pytest.fixture
def split(world: World) -> Iterator[list[str]]:
    """Turn the pool of the copies into a mirror of two disks, and split it once there is a copy; return both guids."""
    destroy_pools(("half",))
    path = world.directory / "half.img"
    with path.open("wb") as file:
        file.truncate(POOL_SIZE)
    world.snapshot("tank/data@one")
    zfs("allow", "lab", "send,hold,release", "tank/data")
    mirror(world, FIRST, host=LAB)
    run("zpool", "attach", "-w", "offsite", str(world.directory / "offsite.img"), str(path))
    run("zpool", "split", "-R", "/nowhere", "offsite", "half")
    yield [pool_guid("offsite"), pool_guid("half")]
    destroy_pools(("half",))


def test_the_disk_of_a_split_pool_is_another_mirror(world: World, split: list[str]) -> None:
    """It has the copy and the hold on that, as the other disk has."""
    assert split[0] != split[1]
    for number, target in enumerate((FIRST, "half/data", "half/data", FIRST, "half/data", FIRST)):
        assert (SHARED in mirror(world, target, host=LAB)) is (number == 1)
        world.snapshot(f"tank/data@s{number}")
        if number:
            destroy_unheld(world)


def test_a_mirror_that_returns_takes_nothing_of_another(vault: World) -> None:
    """It was let go, and another one has the plain tag since."""
    host = LAB
    zfs("allow", "lab", "send,hold,release", "tank/data")
    vault.snapshot("tank/data@one")
    mirror(vault, FIRST, host=host)
    release("zfs_replicate release -h 127.0.0.1 -r tank/data -t mirror")
    assert vault.holds("tank/data") == {}
    for number, target in enumerate((SECOND, FIRST, FIRST, SECOND, FIRST)):
        assert (SHARED in mirror(vault, target, host=host)) is (number == 1)
        vault.snapshot(f"tank/data@s{number}")
        if number:
            destroy_unheld(vault)


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """A directory that the user `lab` may read, too, unlike those of pytest."""
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        yield Path(directory)


@pytest.mark.parametrize(
    ("user", "moment"), [("root", "zfs hold mirror "), ("lab", "zfs hold mirror.*.new "), ("root", "zfs release ")]
)
def test_two_first_runs_at_one_moment_lose_no_base(
    vault: World, tmp_path: Path, open_to_all: Path, user: str, moment: str
) -> None:
    """The second mirror makes its first run just before that command of the first one."""
    zfs("allow", "lab", "send,hold,release", "tank/data")
    vault.snapshot("tank/data@one", "tank/data@two")
    second = f"{sys.executable} {PROGRAM} -h {user}@127.0.0.1 -r tank/data -l {SECOND} -t mirror --retries 0"
    pattern = f'*"{moment.partition("*")[0]}"*' + (f'"{moment.partition("*")[2]}"*' if "*" in moment else "")
    script = tmp_path / "once"
    script.write_text(f"mkdir {tmp_path}/begun 2>/dev/null && exec {second} >{tmp_path}/second 2>&1\n")
    once = f'case "$SSH_ORIGINAL_COMMAND" in {pattern}) sudo -n sh {script};; esac'
    with sshd(open_to_all, AMID_PORT, wrapper=f'{once}\nexec sh -c "$SSH_ORIGINAL_COMMAND"'):
        trust(AMID_PORT, KNOWN_HOSTS)
        mirror(vault, FIRST, "-p", str(AMID_PORT), host=f"{user}@127.0.0.1")
    assert vault.snapshots(SECOND) == ["one", "two"], (tmp_path / "second").read_text()
    for number, target in enumerate((FIRST, SECOND, SECOND, FIRST, SECOND)):
        vault.snapshot(f"tank/data@s{number}")
        destroy_unheld(vault)
        mirror(vault, target, host=f"{user}@127.0.0.1")
    assert sorted(map(len, held(vault)[0].values())) == [1, 1]


def test_a_bookmark_of_an_older_version_is_no_mirror(world: World) -> None:
    """The snapshot's name begins as an identity does."""
    world.snapshot("tank/data@20240101-1200_daily")
    run("sh", "-c", "zfs send tank/data@20240101-1200_daily | zfs receive -u offsite/data")
    zfs("hold", "mirror:target", "offsite/data@20240101-1200_daily")
    zfs("hold", "mirror", "tank/data@20240101-1200_daily")
    zfs("bookmark", "tank/data@20240101-1200_daily", "tank/data#zfs_replicate_mirror_20240101-1200_daily")
    assert SHARED not in mirror(world, FIRST, "-n")
    world.snapshot("tank/data@two")
    assert mirror(world, FIRST) == ""
    assert world.holds("tank/data")["two"] == {"mirror"}
