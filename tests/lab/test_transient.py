"""Test that temporary errors are retried, hanging streams ended, and permanent errors not retried."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.lab.servers import sshd, trust
from tests.support.lab.world import World, zfs

KNOWN_HOSTS = Path("/root/.ssh/known_hosts")
PROXY_PORT = 2230


class Proxy:
    """A TCP proxy to sshd that can fall silent or hang up, in both directions, after a number of bytes."""

    def __init__(self, port: int) -> None:
        self._listener = socket.create_server(("127.0.0.1", port))
        self._listener.settimeout(0.5)
        self._open: list[socket.socket] = []
        self.hang_up_after: int | None = None
        self.silent_after: int | None = None
        self.connections = 0
        self._is_over = False
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while not self._is_over:
            with contextlib.suppress(TimeoutError, OSError):
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", 22))
                self.connections += 1
                self._open += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        count = 0
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                count += len(data)
                if self.hang_up_after is not None and count > self.hang_up_after:
                    break
                if self.silent_after is None or count <= self.silent_after:
                    other.sendall(data)
        for end in (one, other):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._is_over = True
        self._thread.join()
        for end in (self._listener, *self._open):
            end.close()


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    tcp_proxy = Proxy(PROXY_PORT)
    trust(PROXY_PORT, KNOWN_HOSTS)
    yield tcp_proxy
    tcp_proxy.close()


def large(world: World) -> None:
    world.write("tank/data", "large", 6_000_000)
    world.snapshot("tank/data@one")


def test_lost_connection_is_exit_3_and_resumed(world: World, proxy: Proxy) -> None:
    large(world)
    proxy.hang_up_after = 2_000_000
    done = world.replicate("-p", str(PROXY_PORT), expect=3)
    assert "the connection was lost" in done.stderr or "the connection is lost" in done.stderr
    world.replicate(host="localhost")
    assert world.guids("offsite/data") == world.guids("tank/data")


def test_lost_connection_is_retried_after_a_pause(world: World, proxy: Proxy) -> None:
    large(world)
    proxy.hang_up_after = 2_000_000
    scanned = proxy.connections

    def stop_hanging_up() -> None:
        while proxy.connections < scanned + 2:
            time.sleep(0.1)
        proxy.hang_up_after = None

    threading.Thread(target=stop_hanging_up, daemon=True).start()
    done = world.replicate("-p", str(PROXY_PORT), "--retries", "1", "-v")
    assert "trying again in 5 seconds" in done.stderr
    assert world.guids("offsite/data") == world.guids("tank/data")


def test_silent_peer_is_found_within_a_minute(world: World, proxy: Proxy) -> None:
    large(world)
    proxy.silent_after = 2_000_000
    began = time.monotonic()
    done = world.replicate("-p", str(PROXY_PORT), expect=3)
    print(f"a silent peer was given up after {time.monotonic() - began:.0f} s")
    assert "the connection was lost" in done.stderr
    world.replicate(host="localhost")
    assert world.guids("offsite/data") == world.guids("tank/data")


def test_stalled_stream_is_ended(world: World, tmp_path: Path) -> None:
    """The connection stays open, but no more bytes arrive."""
    large(world)
    slow = (
        'case "$SSH_ORIGINAL_COMMAND" in *" zfs send "*) sh -c "$SSH_ORIGINAL_COMMAND" | head -c 2000000; sleep 60;; '
    )
    with sshd(tmp_path, 2231, wrapper=f'{slow} *) exec sh -c "$SSH_ORIGINAL_COMMAND";; esac'):
        trust(2231, KNOWN_HOSTS)
        done = world.replicate("-p", "2231", "--stall-timeout", "3", expect=1)
    assert "no data for 3 seconds" in done.stderr
    world.replicate(host="localhost")
    assert world.guids("offsite/data") == world.guids("tank/data")


@pytest.mark.parametrize("kind", ["missing dataset", "conflict"])
def test_permanent_errors_are_not_retried(world: World, kind: str) -> None:
    world.snapshot("tank/data@one")
    if kind == "conflict":
        zfs("create", "offsite/data")
        done = world.replicate("--retries", "3", "-v", expect=1)
    else:
        done = world.replicate_from("tank/nope", "offsite/data", "--retries", "3", "-v", expect=1)
    assert "trying again" not in done.stderr


def test_vanishing_between_list_and_hold_fails_nothing(world: World, tmp_path: Path) -> None:
    for name in ("gone", "stays"):
        zfs("create", "-u", f"tank/data/{name}")
    for name in ("one", "two"):
        world.snapshot(f"tank/data@{name}", recursive=True)
    destroy = "{ zfs destroy tank/data@two; zfs destroy -r tank/data/gone; } 2>/dev/null"
    vanish = f'case "$SSH_ORIGINAL_COMMAND" in *" zfs hold "*) {destroy};; esac'
    with sshd(tmp_path, 2232, wrapper=f'{vanish}\nexec sh -c "$SSH_ORIGINAL_COMMAND"'):
        trust(2232, KNOWN_HOSTS)
        done = world.replicate("-p", "2232", "--retries", "0", "-v")
    assert "it does not exist, or has just vanished" in done.stderr
    assert world.snapshots("offsite/data") == ["one"]
    assert world.datasets("offsite/data") == ["offsite/data", "offsite/data/stays"]
    assert world.guids("offsite/data/stays") == world.guids("tank/data/stays")


def test_full_target_says_what_is_free_and_others_go_on(world: World) -> None:
    for child in ("full", "other"):
        zfs("create", f"tank/data/{child}")
    world.snapshot("tank/data@d50", recursive=True, days_ago=50)
    world.snapshot("tank/data@d40", recursive=True, days_ago=40)
    world.replicate(host="localhost")
    zfs("set", "quota=3M", "offsite/data/full")
    world.write("tank/data/full", "large", 8_000_000)
    world.snapshot("tank/data@d0", recursive=True)
    done = world.replicate("-k", "30", expect=1)
    assert "the quota of offsite/data/full is 3.0 MiB, which leaves" in done.stderr
    assert "these will expire: @d50, @d40" in done.stderr
    assert world.snapshots("offsite/data/other") == ["d0"]
    assert world.snapshots("offsite/data/full") == ["d50", "d40"]
