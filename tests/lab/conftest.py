"""Provide the lab tests with fresh pools for each test, and one ordinary sshd for all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.lab.faults import FaultyMachine, faulty_machine
from tests.support.lab.mirrors import make_vault
from tests.support.lab.servers import KNOWN_HOSTS, Server, counting, sshd, trust
from tests.support.lab.world import World, destroy_pools, make_pools

SSH_PORT = 22
COUNTING_PORT = 2201
CUT_PORT = 2202
FAULTY_PORT = 2240


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


@pytest.fixture
def vault(world: World) -> Iterator[World]:
    """A second pool for copies."""
    destroy_pools(("vault",))
    make_vault(world)
    yield world
    destroy_pools(("vault",))


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyMachine]:
    """A source and a target on which faults can be armed."""
    with faulty_machine(tmp_path_factory.mktemp("faulty"), FAULTY_PORT, KNOWN_HOSTS) as faulty:
        yield faulty


@pytest.fixture
def cutting_port(tmp_path: Path) -> Iterator[int]:
    """The port of an sshd that ends each `zfs send` after 600 kB, and runs everything else."""
    cut = (
        'case "$SSH_ORIGINAL_COMMAND" in *" zfs send "*) sh -c "$SSH_ORIGINAL_COMMAND" | head -c 600000; exit 0;; esac'
    )
    with sshd(tmp_path, CUT_PORT, wrapper=f'{cut}\nexec sh -c "$SSH_ORIGINAL_COMMAND"'):
        trust(CUT_PORT, KNOWN_HOSTS)
        yield CUT_PORT
