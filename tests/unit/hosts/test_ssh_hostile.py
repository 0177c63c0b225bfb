"""Hostile or broken servers: every step with them ends, and outdated algorithms are refused."""

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

Behaviour = Callable[[socket.socket], None]
MAX_SECONDS = 60
"""No step of these tests may take longer, even on a busy machine."""


@pytest.fixture
def short_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh, "CONNECT_SECONDS", 1)
    monkeypatch.setattr(ssh, "LOGIN_SECONDS", 2)


@contextlib.contextmanager
def hostile_server(server: Server, monkeypatch: pytest.MonkeyPatch, behave: Behaviour) -> Iterator[None]:
    """Replace the server by one that behaves like this."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        endpoint = replace(server.endpoint, port=listener.getsockname()[1])
        monkeypatch.setattr(ssh, "resolve", lambda *_arguments: endpoint)

        def accept() -> None:
            connection, _address = listener.accept()
            with connection, contextlib.suppress(OSError):
                behave(connection)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield
        thread.join(MAX_SECONDS)
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


BEHAVIOURS = (silence, hang_up, endless_line, endless_lines, drip, version_and_silence, nonsense)


@pytest.mark.usefixtures("short_timeouts")
@pytest.mark.parametrize("behave", BEHAVIOURS, ids=lambda behave: behave.__name__)
def test_no_server_blocks_us_forever(server: Server, monkeypatch: pytest.MonkeyPatch, behave: Behaviour) -> None:
    with (
        hostile_server(server, monkeypatch, behave),
        pytest.raises(errors.ConnectionFailed, match="no SSH connection"),
        server.connect(),
    ):
        pass


@pytest.mark.usefixtures("short_timeouts")
def test_a_command_request_without_an_answer_times_out(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(ssh_server._Rules, "check_channel_exec_request", lambda *_arguments: over.wait(MAX_SECONDS))
    with server.connect() as host:
        with pytest.raises(errors.ConnectionFailed, match="the connection is lost"):
            run(host, ("true",))
        over.set()


@pytest.mark.parametrize(
    ("kind", "offered"),
    [("ciphers", "aes128-cbc"), ("ciphers", "3des-cbc"), ("digests", "hmac-sha1"), ("digests", "hmac-md5")],
)
def test_algorithms_that_openssh_has_dropped_are_not_negotiated(
    server: Server, monkeypatch: pytest.MonkeyPatch, kind: str, offered: str
) -> None:
    make = ssh_server._ServerTransport.__init__

    def make_old(transport: paramiko.Transport, connection: socket.socket) -> None:
        make(transport, connection)  # type: ignore[arg-type]
        options = transport.get_security_options()
        if kind == "digests":
            options.ciphers = ("aes128-ctr",)  # AES-GCM has no MAC
        setattr(options, kind, (offered,))

    monkeypatch.setattr(ssh_server._ServerTransport, "__init__", make_old)
    with pytest.raises(errors.ConnectionFailed, match="no SSH connection"), server.connect():
        pass


def test_we_offer_only_modern_algorithms() -> None:
    one, other = socket.socketpair()
    with one, other:
        options = ssh_transport.make_transport(one).get_security_options()
        offered = (*options.ciphers, *options.digests, *options.kex, *options.key_types)
    assert not [name for name in offered if "cbc" in name or "md5" in name or "sha1" in name or name == "ssh-rsa"]
    assert options.ciphers[0] == "aes128-gcm@openssh.com"


def test_the_agent_is_never_forwarded(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    requests: list[object] = []

    def refuse(*arguments: object) -> bool:
        requests.append(arguments)
        return False

    monkeypatch.setattr(ssh_server._Rules, "check_channel_forward_agent_request", refuse, raising=False)
    with server.connect() as host:
        assert run(host, ("echo", "hello"))[0] == "hello\n"
    assert requests == []


# --- known hosts ---


def line(server: Server, name: str) -> str:
    return f"{name} {server.host_key.get_name()} {server.host_key.get_base64()}\n"


def test_hashed_names_are_recognised(server: Server) -> None:
    server.known_hosts.write_text(line(server, paramiko.HostKeys.hash_host(f"[127.0.0.1]:{server.port}")))
    assert "127.0.0.1" not in server.known_hosts.read_text()
    with server.connect() as host:
        assert run(host, ("echo", "hello"))[0] == "hello\n"


def test_a_hash_of_another_name_does_not_match(server: Server) -> None:
    server.known_hosts.write_text(line(server, paramiko.HostKeys.hash_host("[127.0.0.2]:22")))
    with pytest.raises(errors.HostKeyRejected, match="unknown host key"), server.connect():
        pass


def test_a_revoked_key_is_not_trusted(server: Server) -> None:
    """paramiko alone ignores the @revoked marker and trusts the other line."""
    known = server.known_hosts.read_text()
    server.known_hosts.write_text(known + "@revoked " + line(server, "*"))
    with pytest.raises(errors.HostKeyRejected), server.connect():
        pass


def test_a_cert_authority_is_not_a_host_key(server: Server) -> None:
    server.known_hosts.write_text("@cert-authority " + line(server, "*"))
    with pytest.raises(errors.HostKeyRejected, match="unknown host key"), server.connect():
        pass
