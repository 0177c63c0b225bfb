"""The way to the source. paramiko is imported only where there is a connection to make."""

from __future__ import annotations

import contextlib
import getpass
import sys
from collections.abc import Iterator

from zfs_replicate.config import Connection
from zfs_replicate.hosts.base import Host
from zfs_replicate.hosts.local import LocalHost


@contextlib.contextmanager
def connected(connection: Connection) -> Iterator[Host]:
    """The source: this machine, or a connection that is closed at the end. A local run never imports paramiko."""
    if connection.is_local:
        yield LocalHost()
        return
    from zfs_replicate.hosts.ssh import SSHHost

    ask = getpass.getpass if sys.stdin.isatty() and sys.stderr.isatty() else None
    with SSHHost(connection.host, connection.port, connection.identity, ask) as source:
        yield source
