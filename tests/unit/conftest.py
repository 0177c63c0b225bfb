"""Fixtures of the unit tests. Nothing here reads the user's own files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ssh_server import Server, serving
from zfs_replicate.hosts import ssh


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home directory without an agent, so that no test meets the user's keys or configuration."""
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return home


@pytest.fixture
def server(own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:  # noqa: ARG001
    """A running SSH server; every host resolves to it."""
    with serving(tmp_path) as running:
        monkeypatch.setattr(ssh, "resolve", lambda *_arguments: running.endpoint)
        yield running
