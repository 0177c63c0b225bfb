"""Quote a command for a remote shell: the only module that does. (argument tuple) → text. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from zfs_replicate.hosts.base import SBIN_PATH

_IN_ENVIRONMENT = f'export LC_ALL=C "PATH=$PATH:{SBIN_PATH}"; exec "$@"'
"""LC_ALL=C since zfs translates its messages; PATH since zfs may not be in the default one."""


def remote_command(command: Sequence[str]) -> str:
    """Given a command, return the text for the remote shell.

    It has only words in single quotes, which mean the same to sh, csh and fish; sh then sets the environment.
    """
    return shlex.join(("sh", "-c", _IN_ENVIRONMENT, "sh", *command))
