"""Renew keys during streams, and end streams during a key exchange: nothing hangs, no byte is lost.

paramiko's own transport deadlocks there: its thread answers the channel's close, which waits for the key exchange that
only this thread can finish.
"""

from __future__ import annotations

import hashlib
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.ssh_server import Server
from zfs_replicate.hosts import ssh_transport
from zfs_replicate.hosts.ssh import SSHHost

REKEY_BYTES = 1 << 18
HANG_SECONDS = 30
"""A stream that takes this long hangs. A good one takes a fraction of a second."""


def digest(host: SSHHost, path: Path) -> str:
    """Stream a file from the host; return its digest."""
    sha256 = hashlib.sha256()
    with host.start(("cat", str(path))) as process:
        for data in iter(lambda: process.read(1 << 20), b""):
            sha256.update(data)
        assert process.finish().exit_status == 0
    return sha256.hexdigest()


def digest_in_time(host: SSHHost, path: Path) -> str:
    """As `digest`, but fail after HANG_SECONDS, and close the connection to release the reader."""
    with ThreadPoolExecutor(1) as pool:
        streaming = pool.submit(digest, host, path)
        try:
            return streaming.result(HANG_SECONDS)
        finally:
            if not streaming.done():
                host.close()


@pytest.fixture
def stream(tmp_path: Path) -> Path:
    path = tmp_path / "stream"
    path.write_bytes(os.urandom(8 << 20))
    return path


@pytest.fixture
def _rekeying(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh_transport, "REKEY_BYTES", REKEY_BYTES)


@pytest.mark.usefixtures("_rekeying")
def test_streams_arrive_whole_while_keys_are_renewed(
    server: Server, stream: Path, caplog: pytest.LogCaptureFixture
) -> None:
    expected = hashlib.sha256(stream.read_bytes()).hexdigest()
    caplog.set_level(logging.DEBUG, "paramiko.transport")
    with server.connect() as host:
        assert [digest_in_time(host, stream) for _ in range(3)] == [expected] * 3
    renewals = sum(record.message.startswith("Switch to new keys") for record in caplog.records) // 2
    assert renewals >= 10


@pytest.mark.usefixtures("_rekeying")
@pytest.mark.parametrize("beyond", range(0, 60_000, 5000))
def test_a_stream_may_end_while_keys_are_renewed(server: Server, tmp_path: Path, beyond: int) -> None:
    """Just past the limit: the last bytes and the close are in flight when the key exchange begins."""
    path = tmp_path / "short"
    path.write_bytes(os.urandom(REKEY_BYTES + beyond - 20_000))
    with server.connect() as host:
        assert digest_in_time(host, path) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_ciphers_are_offered_fastest_first(server: Server) -> None:
    with server.connect() as host:
        transport = host._clients[-1].get_transport()
        assert transport is not None
        assert transport.remote_cipher == ssh_transport.CIPHERS[0]  # type: ignore[attr-defined]  # the stubs lack it
