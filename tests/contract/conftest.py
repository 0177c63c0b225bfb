"""Provide the fixture `zfs`: the simulator, and in the lab guest OpenZFS too."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.contract.zfs import OpenZfs, SimulatedZfs, Zfs, real_pools

KINDS = ["simulator", "openzfs"] if os.environ.get("ZFS_REPLICATE_LAB") == "1" else ["simulator"]


@pytest.fixture(scope="session")
def pools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    directory = tmp_path_factory.mktemp("pools")
    with real_pools(directory):
        yield directory


@pytest.fixture(params=KINDS)
def zfs(request: pytest.FixtureRequest) -> Zfs:
    if request.param == "simulator":
        return SimulatedZfs()
    return OpenZfs(request.getfixturevalue("pools"))
