"""Run the real program over trees in which some datasets are encrypted and others are not."""

from __future__ import annotations

import pytest

from tests.support.simulated import Mirror
from tests.support.simulator.faults import Die


@pytest.fixture
def mirror() -> Mirror:
    """tank/data is encrypted, tank/data/b is not."""
    mirror = Mirror()
    for name in ("tank/data/b", "tank/data/a", "tank/data"):
        mirror.source.run("zfs", "destroy", name)
    mirror.source.run("zfs", "create", "-o", "encryption=on", "tank/data")
    mirror.source.run("zfs", "create", "tank/data/a")
    mirror.source.run("zfs", "create", "-o", "encryption=off", "tank/data/b")
    return mirror


def test_plain_dataset_below_an_encrypted_one_arrives(mirror: Mirror) -> None:
    for name in ("one", "two"):
        mirror.snapshot(name)
        mirror.run_well()
        assert mirror.is_mirrored()
    assert mirror.target.run("zfs", "list", "-H", "-o", "encryption", "off/data/b") == "off\n"
    assert not mirror.world.dataset("off/data").is_key_loaded


def test_cut_stream_of_a_plain_dataset_is_resumed(mirror: Mirror) -> None:
    mirror.snapshot("one", size=4 * 131_072)
    mirror.world.faults.arm(Die(), lambda command: command[-1] == "off/data/b", at=300_000)
    mirror.run()
    mirror.run_well()
    assert mirror.is_mirrored()
