"""Run a real SSH server on 127.0.0.1 with its own keys, in threads of this process; commands go to a real `sh`.

    with serving(tmp_path) as server:
        with server.connect() as host:
            run(host, ("echo", "hello"))

No file of the user is read: the endpoint, its key and its known hosts are the server's own files.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import paramiko
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from paramiko import common

from zfs_replicate.hosts.ssh import SSHHost
from zfs_replicate.hosts.ssh_config import Endpoint

USER = "tester"
ALIAS = "nas1"


@dataclass
class Server:
    """`commands`: the commands as the remote shell got them."""

    directory: Path
    listener: socket.socket
    host_key: paramiko.PKey
    transports: list[paramiko.Transport] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    password: str | None = None

    @property
    def port(self) -> int:
        port: int = self.listener.getsockname()[1]
        return port

    @property
    def known_hosts(self) -> Path:
        return self.directory / "known_hosts"

    @property
    def user_key(self) -> Path:
        return self.directory / "user_key"

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(ALIAS, "127.0.0.1", self.port, USER, (str(self.user_key),), (self.known_hosts,))

    def trust(self, key: paramiko.PKey) -> None:
        """Write a host key to known_hosts as this server's."""
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {key.get_name()} {key.get_base64()}\n")

    def connect(self) -> SSHHost:
        """Return a host that connects here; the test patches `resolve` to give the endpoint (see conftest)."""
        return SSHHost(f"{USER}@{ALIAS}")

    def start(self, thread: threading.Thread) -> None:
        """Start a thread that ends once the connections are closed."""
        self.threads.append(thread)
        thread.start()

    def close(self) -> None:
        # closing a listener does not wake its accept; shutting it down does
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for transport in self.transports:
            transport.close()
        for thread in self.threads:
            if thread.ident is not None:  # it was started
                thread.join()


def write_key(path: Path) -> None:
    """Write a new private key as `ssh-keygen -t ed25519` does."""
    key = Ed25519PrivateKey.generate()
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))


@contextlib.contextmanager
def serving(directory: Path) -> Iterator[Server]:
    """Serve until the block is left. The user's key and the host key are trusted at first."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(directory, listener, paramiko.ECDSAKey.generate())
    write_key(server.user_key)
    server.trust(server.host_key)
    server.start(threading.Thread(target=_accept, args=(server, paramiko.Ed25519Key(filename=str(server.user_key)))))
    try:
        yield server
    finally:
        server.close()


def _accept(server: Server, user_key: paramiko.PKey) -> None:
    while True:
        try:
            connection, _address = server.listener.accept()
        except OSError:
            return
        transport = _ServerTransport(connection)
        server.transports.append(transport)
        transport.add_server_key(server.host_key)
        # some tests have a client that hangs up during the handshake
        with contextlib.suppress(paramiko.SSHException, EOFError, OSError):
            transport.start_server(event=threading.Event(), server=_Rules(server, transport, user_key))


class _ServerTransport(paramiko.Transport):
    """Starts a command only after the reply to the client: a quick command would close its channel before that."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(connection)
        self.accepted: list[threading.Thread] = []

    def _send_user_message(self, data: paramiko.Message) -> None:
        super()._send_user_message(data)  # type: ignore[misc]
        while threading.current_thread() is self and self.accepted:
            self.accepted.pop().start()


class _Rules(paramiko.ServerInterface):
    """Allow one user with one key, one type of channel, any command."""

    def __init__(self, server: Server, transport: _ServerTransport, user_key: paramiko.PKey) -> None:
        self._server = server
        self._transport = transport
        self._user_key = user_key

    def get_allowed_auths(self, username: str) -> str:  # noqa: ARG002 - paramiko's name
        return "publickey,password"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        is_known = username == USER and key == self._user_key
        return common.AUTH_SUCCESSFUL if is_known else common.AUTH_FAILED

    def check_auth_password(self, username: str, password: str) -> int:
        is_known = username == USER and password == self._server.password
        return common.AUTH_SUCCESSFUL if is_known else common.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:  # noqa: ARG002 - paramiko's name
        return common.OPEN_SUCCEEDED if kind == "session" else common.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self._server.commands.append(command.decode())
        thread = threading.Thread(target=_execute, args=(channel, command))
        self._server.threads.append(thread)
        self._transport.accepted.append(thread)
        return True


def _execute(channel: paramiko.Channel, command: bytes) -> None:
    """Run the command in a shell as sshd does; after a death by signal send no status."""
    with (
        tempfile.TemporaryFile() as stderr,
        _shell(command, stderr) as child,
        contextlib.suppress(OSError, EOFError),  # the client has gone
        channel,
    ):
        stdout = child.stdout
        assert stdout is not None
        try:
            while data := stdout.read1(1 << 16):  # type: ignore[attr-defined]  # a BufferedReader
                channel.sendall(data)
        finally:
            stdout.close()  # a child without a reader then ends by SIGPIPE
        status = child.wait()
        stderr.seek(0)
        channel.sendall_stderr(stderr.read())
        if status >= 0:
            channel.send_exit_status(status)


def _shell(command: bytes, stderr: IO[bytes]) -> subprocess.Popen[bytes]:
    # by its path: the test that sent this may be over, and the next one have another PATH
    return subprocess.Popen(["/bin/sh", "-c", command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr)
