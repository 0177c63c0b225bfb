"""How the words of a command get to another machine: the only place that quotes for a remote shell."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from zfs_replicate.hosts.base import SBIN_PATH

_IN_ENVIRONMENT = f'export LC_ALL=C "PATH=$PATH:{SBIN_PATH}"; exec "$@"'
"""zfs messages are translated, and zfs may be outside of the ordinary PATH."""


def remote_command(command: Sequence[str]) -> str:
    """Given a command, return the text for the remote shell.

    Nothing but words in single quotes, which mean the same to sh, csh and fish; sh then sets the environment.
    """
    return shlex.join(("sh", "-c", _IN_ENVIRONMENT, "sh", *command))
