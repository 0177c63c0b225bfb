"""Servers that mean harm, or no good: every step with them has an end; what they offer is modern, or refused."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import paramiko
import pytest

from tests.support import ssh_server
from tests.support.ssh_server import Server
from zfs_replicate import errors
from zfs_replicate.hosts import ssh, ssh_transport
from zfs_replicate.hosts.base import run

SendProgress = Callable[[socket.socket], None]
AGES = 60
"""No step of these tests may take so long, whatever the machine is busy with."""


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh, "CONNECT_SECONDS", 1)
    monkeypatch.setattr(ssh, "LOGIN_SECONDS", 2)


@contextlib.contextmanager
def talking(server: Server, monkeypatch: pytest.MonkeyPatch, talk: SendProgress) -> Iterator[None]:
    """Whoever connects to the source meets this talk instead of a server."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        endpoint = replace(server.endpoint, port=listener.getsockname()[1])
        monkeypatch.setattr(ssh, "resolve", lambda *_wanted: endpoint)

        def accept() -> None:
            connection, _address = listener.accept()
            with connection, contextlib.suppress(OSError):
                talk(connection)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield
        thread.join(AGES)
        assert not thread.is_alive(), "our side has not hung up"


def until_hung_up(connection: socket.socket) -> None:
    while connection.recv(1 << 16):
        pass


def silence(connection: socket.socket) -> None:
    until_hung_up(connection)


def hang_up(_connection: socket.socket) -> None:
    pass


def endless_line(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"x" * 4096)


def endless_lines(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"Welcome to nas1!\r\n")


def drip(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"x")
        time.sleep(0.05)


def version_and_silence(connection: socket.socket) -> None:
    connection.sendall(b"SSH-2.0-OpenSSH_9.9\r\n")
    until_hung_up(connection)


def nonsense(connection: socket.socket) -> None:
    connection.sendall(b"SSH-2.0-OpenSSH_9.9\r\n" + b"\xff" * 100_000)
    until_hung_up(connection)


TALKS = (silence, hang_up, endless_line, endless_lines, drip, version_and_silence, nonsense)


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("talk", TALKS, ids=lambda talk: talk.__name__)
def test_no_server_keeps_us_for_ever(server: Server, monkeypatch: pytest.MonkeyPatch, talk: SendProgress) -> None:
    with (
        talking(server, monkeypatch, talk),
        pytest.raises(errors.ConnectionFailed, match="no SSH connection"),
        server.connect(),
    ):
        pass


@pytest.mark.usefixtures("short")
def test_a_command_that_is_never_answered_is_given_up(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(ssh_server._Rules, "check_channel_exec_request", lambda *_given: over.wait(AGES))
    with server.connect() as host:
        with pytest.raises(errors.ConnectionFailed, match="the connection is lost"):
            run(host, ("true",))
        over.set()


@pytest.mark.parametrize(
    ("kind", "offered"),
    [("ciphers", "aes128-cbc"), ("ciphers", "3des-cbc"), ("digests", "hmac-sha1"), ("digests", "hmac-md5")],
)
def test_what_openssh_has_given_up_is_not_negotiated(
    server: Server, monkeypatch: pytest.MonkeyPatch, kind: str, offered: str
) -> None:
    make = ssh_server._ServerTransport.__init__

    def make_old(transport: paramiko.Transport, connection: socket.socket) -> None:
        make(transport, connection)  # type: ignore[arg-type]
        options = transport.get_security_options()
        if kind == "digests":
            options.ciphers = ("aes128-ctr",)  # AES-GCM needs none
        setattr(options, kind, (offered,))

    monkeypatch.setattr(ssh_server._ServerTransport, "__init__", make_old)
    with pytest.raises(errors.ConnectionFailed, match="no SSH connection"), server.connect():
        pass


def test_what_we_offer_is_modern() -> None:
    one, other = socket.socketpair()
    with one, other:
        options = ssh_transport.make_transport(one).get_security_options()
        offered = (*options.ciphers, *options.digests, *options.kex, *options.key_types)
    assert not [name for name in offered if "cbc" in name or "md5" in name or "sha1" in name or name == "ssh-rsa"]
    assert options.ciphers[0] == "aes128-gcm@openssh.com"


def test_the_agent_is_never_forwarded(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def refuse(*given: object) -> bool:
        asked.append(given)
        return False

    monkeypatch.setattr(ssh_server._Rules, "check_channel_forward_agent_request", refuse, raising=False)
    with server.connect() as host:
        assert run(host, ("echo", "hello"))[0] == "hello\n"
    assert asked == []


# --- known hosts ---


def line(server: Server, name: str) -> str:
    return f"{name} {server.host_key.get_name()} {server.host_key.get_base64()}\n"


def test_hashed_names_are_known(server: Server) -> None:
    server.known_hosts.write_text(line(server, paramiko.HostKeys.hash_host(f"[127.0.0.1]:{server.port}")))
    assert "127.0.0.1" not in server.known_hosts.read_text()
    with server.connect() as host:
        assert run(host, ("echo", "hello"))[0] == "hello\n"


def test_a_hash_of_another_name_is_none_of_ours(server: Server) -> None:
    server.known_hosts.write_text(line(server, paramiko.HostKeys.hash_host("[127.0.0.2]:22")))
    with pytest.raises(errors.HostKeyRejected, match="unknown host key"), server.connect():
        pass


def test_a_revoked_key_is_trusted_no_more(server: Server) -> None:
    """paramiko alone passes over the mark, and takes the other line."""
    known = server.known_hosts.read_text()
    server.known_hosts.write_text(known + "@revoked " + line(server, "*"))
    with pytest.raises(errors.HostKeyRejected), server.connect():
        pass


def test_an_authority_for_hosts_is_no_key_of_a_host(server: Server) -> None:
    server.known_hosts.write_text("@cert-authority " + line(server, "*"))
    with pytest.raises(errors.HostKeyRejected, match="unknown host key"), server.connect():
        pass
