"""Provide the lab tests with fresh pools for each test, and one ordinary sshd for all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.lab.servers import KNOWN_HOSTS, Server, counting, sshd, trust
from tests.support.lab.world import World, destroy_pools, make_pools

SSH_PORT = 22
COUNTING_PORT = 2201


def pytest_sessionstart() -> None:
    if os.environ.get("ZFS_REPLICATE_LAB") != "1":
        raise pytest.UsageError("these tests create and destroy pools: run them in the lab, with 'make test-lab'")


@pytest.fixture(scope="session", autouse=True)
def _sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with sshd(tmp_path_factory.mktemp("sshd"), SSH_PORT):
        yield


@pytest.fixture(scope="session")
def counting_sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with counting(tmp_path_factory.mktemp("counting"), COUNTING_PORT) as server:
        trust(server.port, KNOWN_HOSTS)
        yield server


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    destroy_pools()
    yield make_pools(tmp_path)
    destroy_pools()
    for image in tmp_path.glob("*.img"):
        image.unlink()
