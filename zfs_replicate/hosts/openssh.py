"""Send large streams through the OpenSSH client, one ssh process each, so that they use several cores and TCP windows.

ssh gets the same alias, port, key and known hosts as hosts/ssh.py; it checks host keys strictly and never prompts. Each
stream has its own connection: a shared one would put all streams back into one process.
"""

from __future__ import annotations

import contextlib
import logging
import re
import resource
import shutil
from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from zfs_replicate.errors import ConnectionFailed, SourceUnusable
from zfs_replicate.hosts.base import MAX_STDERR_BYTES, Host, Process
from zfs_replicate.hosts.local import LocalProcess
from zfs_replicate.hosts.quoting import remote_command
from zfs_replicate.model import Exit
from zfs_replicate.zfs.send_progress import without_progress

log = logging.getLogger(__name__)

FAILED_STATUS = 255
"""ssh's exit status when the connection failed; also that of a failed `zfs send -t` (OpenZFS 2.1 to 2.4)."""

OPTIONS = (
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "UpdateHostKeys=no",
    "ConnectTimeout=30",
    "ServerAliveInterval=15",
    "ServerAliveCountMax=2",
    "Ciphers=^aes128-gcm@openssh.com,aes256-gcm@openssh.com",
    "ControlMaster=no",
    "ControlPath=none",
    "ClearAllForwardings=yes",
    "ForwardAgent=no",
    "ForwardX11=no",
    "PermitLocalCommand=no",
    "RemoteCommand=none",
    "RequestTTY=no",
)
"""ssh_config(5): turn off what a user may have configured for interactive sessions."""

_OF_ZFS = re.compile(r"^(cannot|could not|internal error|warning)\b", re.MULTILINE)
"""How messages of zfs begin; those of ssh do not."""


def is_installed() -> bool:
    """Whether there is an `ssh` program in PATH."""
    return shutil.which("ssh") is not None


class OpenSSHHost:
    """A host reached through the `ssh` program: `[USER@]HOST` or an alias, as the user wrote it."""

    def __init__(self, host: str, port: int | None = None, identity: str | None = None) -> None:
        if not is_installed():
            raise SourceUnusable(
                f"{host}: there is no ssh program on this machine; install the OpenSSH client, or use"
                " --transport paramiko"
            )
        self._name = host
        options = [word for option in OPTIONS for word in ("-o", option)]
        port_options = [] if port is None else ["-p", str(port)]
        identity_options = [] if identity is None else ["-i", identity, "-o", "IdentitiesOnly=yes"]
        self._ssh = ("ssh", "-T", *options, *port_options, *identity_options, host)

    @property
    def name(self) -> str:
        return self._name

    def start(self, command: Sequence[str]) -> Process:
        return OpenSSHProcess(self._name, tuple(command), (*self._ssh, remote_command(command)))


class OpenSSHProcess(LocalProcess):
    """An ssh client and the command that it runs on the host."""

    def __init__(self, host: str, command: tuple[str, ...], ssh: Sequence[str]) -> None:
        super().__init__(ssh)
        # a host could flood stderr, which goes to a file here: limit the file size, so that the process ends first
        if hasattr(resource, "prlimit"):
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (MAX_STDERR_BYTES, MAX_STDERR_BYTES))
        self._host = host
        self._command = command

    def finish(self) -> Exit:
        ended = super().finish()
        ended = replace(ended, stderr=without_progress(ended.stderr))
        if ended.exit_status != FAILED_STATUS or _OF_ZFS.search(ended.stderr):
            return replace(ended, command=self._command)
        stderr = " ".join(ended.stderr.split())
        if not stderr:  # sshd reported a signal, which ssh does not print
            return Exit(self._command, FAILED_STATUS, "", is_killed=True)
        running = " ".join(self._command[:2])
        raise ConnectionFailed(
            f"{self._host}: the connection was lost while {running} was running (ssh: {stderr}); run again"
        )


class WithFallback:
    """A host for large streams that switches to another one for good when the preferred one cannot connect.

    OpenSSH may fail where paramiko did not: a password was typed, or only paramiko can read the key.
    """

    def __init__(self, preferred: Host, other: Host) -> None:
        self._host = preferred
        self._other = other

    @property
    def name(self) -> str:
        return self._other.name

    def start(self, command: Sequence[str]) -> Process:
        if self._host is self._other:
            return self._other.start(command)
        return _FirstTry(self, self._host.start(command), command)

    def fall_back(self, command: Sequence[str], error: ConnectionFailed) -> Process:
        """Start the command, and all later ones, on the other host."""
        log.info("%s; continuing without the OpenSSH client", error)
        self._host = self._other
        return self._other.start(command)


class _FirstTry:
    """A process that is replaced if it fails to connect before its first byte was read."""

    def __init__(self, owner: WithFallback, process: Process, command: Sequence[str]) -> None:
        self._owner = owner
        self._process = process
        self._command = command
        self._may_fall_back = True
        self._is_killed = False

    @property
    def pipe(self) -> int | None:
        return None if self._may_fall_back else self._process.pipe

    def read(self, size: int) -> bytes:
        data = self._process.read(size)
        may_fall_back = self._may_fall_back and not data
        self._may_fall_back = False
        if not may_fall_back:
            return data
        try:
            self._process.finish()
        except ConnectionFailed as error:
            self._process.__exit__(None, None, None)
            self._process = self._owner.fall_back(self._command, error)
            if self._is_killed:  # killed while the other process was being started
                self._process.kill()
            return self._process.read(size)
        return data

    def stderr_since(self, offset: int) -> bytes:
        return self._process.stderr_since(offset)

    def finish(self) -> Exit:
        return self._process.finish()

    def kill(self) -> None:
        self._may_fall_back = False
        self._is_killed = True
        self._process.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.__exit__(kind, error, at)
