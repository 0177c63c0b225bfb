"""Connect to the source. connected(Connection) → Host; a local run never imports paramiko."""

from __future__ import annotations

import contextlib
import getpass
import os
import sys
from collections.abc import Iterator

from zfs_replicate.config import Connection, MirrorRequest
from zfs_replicate.hosts import openssh
from zfs_replicate.hosts.base import Host, TargetHost
from zfs_replicate.hosts.elevated import Elevated, ElevatedTarget
from zfs_replicate.hosts.local import LocalHost
from zfs_replicate.run.context import Carrier

LARGE_STREAM_BYTES = 64 << 20
"""From this size on, a second login by the ssh program pays off: paramiko needs about 0.2 s of CPU for 64 MiB."""


@contextlib.contextmanager
def connected(connection: Connection) -> Iterator[Host]:
    """Connect to the source, and close the connection at the end. The source may be this machine."""
    if connection.is_local:
        yield here(connection)
        return
    from zfs_replicate.hosts.ssh import SSHHost

    ask = getpass.getpass if sys.stdin.isatty() and sys.stderr.isatty() else None
    with SSHHost(connection.host, connection.port, connection.identity, ask) as source:
        yield Elevated(source) if connection.is_elevated else source


def here(connection: Connection) -> TargetHost:
    """Return this machine as a host; with sudo if that was asked for and we are not root."""
    return ElevatedTarget(LocalHost()) if connection.is_elevated and os.geteuid() != 0 else LocalHost()


def carrier(request: MirrorRequest, source: Host) -> Carrier | None:
    """Given a connected source, return what chooses the host for a stream by its size; None: always the source."""
    if request.connection.is_local or request.transport == "paramiko":
        return None
    connection = request.connection
    if request.transport == "auto" and not openssh.is_installed():
        return None
    plain = openssh.OpenSSHHost(connection.host, connection.port, connection.identity)
    ssh: Host = Elevated(plain) if connection.is_elevated else plain
    if request.transport == "openssh":
        return lambda _byte_estimate: ssh
    large = openssh.WithFallback(ssh, source)
    return lambda byte_estimate: large if byte_estimate >= LARGE_STREAM_BYTES else source
