"""Test that what a mirror holds is shown to be its own where its holds were lost, or it is in conflict."""

from __future__ import annotations

import pytest

from tests.support.lab.mirrors import FIRST, PLACES, SHARED, beside, destroy_unheld, mirror, release
from tests.support.lab.world import World, run, zfs

SECOND = PLACES["another pool"]
ROOT, LAB = "127.0.0.1", "lab@127.0.0.1"
"""The user `lab` may not make bookmarks. tests/simulator/test_signs.py tries all with both."""


def forget(world: World) -> None:
    """Lose all that the mirrors have on the source, as a source does that is restored from a copy."""
    for name, tags in world.holds("tank/data").items():
        for tag in tags:
            zfs("release", tag, f"tank/data@{name}")
    for bookmark in run("zfs", "list", "-Ho", "name", "-t", "bookmark", "tank/data").stdout.split():
        zfs("destroy", bookmark)


@pytest.fixture(params=[LAB])
def host(request: pytest.FixtureRequest, vault: World) -> str:
    """Two mirrors that have nothing left on the source."""
    host: str = request.param
    zfs("allow", "lab", "send,hold,release", "tank/data")
    vault.snapshot("tank/data@s0")
    for target in (FIRST, SECOND):
        mirror(vault, target, host=host)
    forget(vault)
    vault.snapshot("tank/data@s1")
    return host


def go_on(world: World, host: str) -> None:
    for number, target in enumerate((FIRST, SECOND, SECOND, FIRST), 2):
        world.snapshot(f"tank/data@s{number}")
        destroy_unheld(world)
        mirror(world, target, host=host)


def test_a_mirror_that_holds_again_keeps_its_base(vault: World, host: str) -> None:
    """It has to hold again, but its stream finds no room; then the other one runs."""
    zfs("set", "quota=1M", "offsite/data")
    vault.write("tank/data", "large", 4 << 20)
    vault.snapshot("tank/data@large")
    vault.replicate_from("tank/data", FIRST, "--retries", "0", host=host, expect=1)
    assert vault.holds("tank/data")["s0"] == {"mirror", f"{beside(FIRST)}.new"}
    assert SHARED in mirror(vault, SECOND, host=host)
    destroy_unheld(vault)
    zfs("set", "quota=none", "offsite/data")
    go_on(vault, host)


@pytest.mark.parametrize("host", [ROOT], indirect=True)
def test_a_mirror_in_conflict_keeps_its_base(vault: World, host: str) -> None:
    directory = vault.directory / "mounted"
    directory.mkdir()
    zfs("set", "readonly=off", FIRST)
    run("mount", "-t", "zfs", "-o", "zfsutil", FIRST, str(directory))
    (directory / "file").write_bytes(bytes(range(256)) * 4096)
    run("umount", str(directory))
    vault.replicate_from("tank/data", FIRST, host=host, expect=1)
    assert vault.holds("tank/data")["s0"] == {"mirror", f"{beside(FIRST)}.new"}
    assert "--unknown" not in mirror(vault, SECOND, host=host)
    vault.snapshot("tank/data@s2")
    destroy_unheld(vault)
    mirror(vault, FIRST, "--rollback", host=host)
    vault.snapshot("tank/data@s2b")
    mirror(vault, SECOND, host=host)


def test_a_release_for_a_target_takes_only_its_own_twice(vault: World, host: str) -> None:
    mirror(vault, FIRST, host=host)
    mirror(vault, SECOND, host=host)
    for _time in range(2):
        release(f"zfs_replicate release -h 127.0.0.1 -r tank/data -t mirror -l {SECOND}")
    assert "mirror" in vault.holds("tank/data")["s1"]
    mirror(vault, SECOND, host=host)
    go_on(vault, host)


@pytest.mark.parametrize("host", [ROOT], indirect=True)
def test_a_hold_of_an_older_version_goes_with_unknown(vault: World, host: str) -> None:
    """The command in the message takes nothing of the two mirrors."""
    zfs("hold", "mirror", "tank/data@s1")
    warning = mirror(vault, FIRST, host=host)
    assert f"release -h {host} -t mirror --unknown -r tank/data" in warning
    release(f"zfs_replicate release -h {host} -t mirror --unknown -r tank/data")
    assert vault.holds("tank/data") == {"s1": {beside(FIRST)}}
    mirror(vault, SECOND, host=host)
    go_on(vault, host)
