"""The way to the source, and to this machine. paramiko is imported only where there is a connection to make."""

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
"""From here on a process of its own is worth the time of a second login: paramiko takes about 0.2 s of CPU for it."""


@contextlib.contextmanager
def connected(connection: Connection) -> Iterator[Host]:
    """The source: this machine, or a connection that is closed at the end. A local run never imports paramiko."""
    if connection.is_local:
        yield here(connection)
        return
    from zfs_replicate.hosts.ssh import SSHHost

    ask = getpass.getpass if sys.stdin.isatty() and sys.stderr.isatty() else None
    with SSHHost(connection.host, connection.port, connection.identity, ask) as source:
        yield Elevated(source) if connection.is_elevated else source


def here(connection: Connection) -> TargetHost:
    """This machine, with sudo where that was asked for and we are not root."""
    return ElevatedTarget(LocalHost()) if connection.is_elevated and os.geteuid() != 0 else LocalHost()


def carrier(request: MirrorRequest, source: Host) -> Carrier | None:
    """What carries streams from a connected source, by their size. None: the source itself carries them all."""
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
