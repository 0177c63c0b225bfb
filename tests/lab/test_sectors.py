"""An empty placeholder is told from one that holds a file, whatever the sectors of the pool and its encryption.

How much an empty filesystem holds depends on both, and perhaps on the version of OpenZFS.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.lab.world import POOL_SIZE, World, destroy_pools, run, zfs

MIN_ASHIFT, MAX_ASHIFT = 9, 16
"""Sectors of 512 bytes to 64 KiB: zfs makes no others."""


@pytest.fixture(params=range(MIN_ASHIFT, MAX_ASHIFT + 1))
def pool(request: pytest.FixtureRequest, world: World) -> Iterator[str]:
    image = world.directory / "sectors.img"
    with image.open("wb") as file:
        file.truncate(2 * POOL_SIZE)
    run("zpool", "create", "-o", f"ashift={request.param}", "-O", "mountpoint=none", "sectors", str(image))
    yield "sectors"
    destroy_pools(["sectors"])


@pytest.mark.parametrize("is_encrypted", [False, True], ids=["plain", "encrypted"])
def test_only_an_empty_placeholder_is_filled(world: World, pool: str, is_encrypted: bool) -> None:
    target = f"{pool}/above/data" if is_encrypted else f"{pool}/data"
    if is_encrypted:
        world.create_encrypted(f"{pool}/above")
    zfs("create", "-u", "tank/data/child")
    world.snapshot("tank/data/child@one")
    world.replicate_from("tank/data", target)
    world.snapshot("tank/data@two")
    with world.mounted(target) as directory:
        (directory / "file").write_text("abc")
    assert "conflict" in world.replicate_from("tank/data", target, expect=1).stderr
    assert world.snapshots(target) == []
    with world.mounted(target) as directory:
        assert (directory / "file").read_text() == "abc"
        (directory / "file").unlink()
    world.replicate_from("tank/data", target)
    assert world.guids(target) == world.guids("tank/data")
