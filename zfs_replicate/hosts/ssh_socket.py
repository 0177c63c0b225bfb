"""Open the socket for an SSH connection: TCP, or a pipe to a proxy command."""

from __future__ import annotations

import socket
import subprocess

from zfs_replicate.hosts.ssh_config import Endpoint
from zfs_replicate.hosts.ssh_transport import CONNECT_SECONDS


def open_tcp(endpoint: Endpoint) -> socket.socket:
    """Connect to the endpoint. Raises: OSError."""
    sock = socket.create_connection((endpoint.hostname, endpoint.port), timeout=CONNECT_SECONDS)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


class ProxyCommand:
    """A ProxyCommand (ssh_config(5)) that carries our connection; `sock` is our end of it.

    Not paramiko's own class, which is not a real socket: it polls, and never notices that the command has ended. The
    command's stderr goes to ours, as with ssh.
    """

    def __init__(self, command: str) -> None:
        self.sock, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                ("sh", "-c", f"exec {command}"), stdin=theirs.fileno(), stdout=theirs.fileno(), start_new_session=True
            )

    def close(self) -> None:
        self.sock.close()
        self._process.terminate()
        self._process.wait()
