"""Let the program find two simulated machines where it looks for the source and for this one."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.simulator import SimulatedHost
from tests.support.whole_runs import Site
from zfs_replicate.actions import mirror, one_pass, release, status
from zfs_replicate.config import Connection


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Site:
    """The program finds these machines where it looks for the source and for this one."""
    new_site = Site()

    @contextlib.contextmanager
    def connected(connection: Connection) -> Iterator[SimulatedHost]:
        new_site.source.reconnect()
        yield new_site.target if connection.is_local else new_site.source

    @contextlib.contextmanager
    def locked(_root: str) -> Iterator[None]:
        yield

    for action in (one_pass, status, release):
        monkeypatch.setattr(action, "connected", connected)
    monkeypatch.setattr(one_pass, "here", lambda _connection: new_site.target)
    monkeypatch.setattr(one_pass, "carrier", lambda _request, _source: None)
    for action in (status, release):
        monkeypatch.setattr(action, "LocalHost", lambda: new_site.target)
    monkeypatch.setattr(mirror, "locked", locked)
    monkeypatch.setattr(time, "sleep", new_site.pauses.append)
    monkeypatch.setattr(time, "time", lambda: new_site.world.now)
    monkeypatch.chdir(tmp_path)
    return new_site
