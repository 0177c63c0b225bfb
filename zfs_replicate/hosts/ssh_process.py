"""Read a command that runs in a channel of an SSH connection, and get its exit."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import paramiko

from zfs_replicate.errors import ConnectionFailed
from zfs_replicate.hosts.base import MAX_STDERR_BYTES, is_killed
from zfs_replicate.hosts.ssh_transport import CHANNEL_ERRORS
from zfs_replicate.model import Exit

READ_SECONDS = 5
"""How long a read waits for stdout before it drains stderr."""

KILLED_STATUS = 255
"""The status of a remote command that died of a signal: sshd then sends none, and paramiko drops the signal."""


class SSHProcess:
    """A command on the remote host, in its own channel."""

    def __init__(self, host: str, command: tuple[str, ...], channel: paramiko.Channel) -> None:
        self._host = host
        self._command = command
        self._channel = channel
        self._stderr = bytearray()
        channel.settimeout(READ_SECONDS)

    @property
    def pipe(self) -> None:
        return None

    def read(self, size: int) -> bytes:
        with self._lost_when_broken():
            while True:
                try:
                    data = self._channel.recv(size)
                except TimeoutError:
                    self._drain_stderr()
                    continue
                self._drain_stderr()
                return data

    def stderr_since(self, offset: int) -> bytes:
        return bytes(self._stderr[offset:])

    def finish(self) -> Exit:
        with self._lost_when_broken():
            status = self._channel.recv_exit_status()
            self._drain_stderr()
        stderr = self._stderr.decode(errors="replace")
        if status == -1:  # paramiko: the channel was closed before a status came
            transport = self._channel.get_transport()
            if transport is None or not transport.is_active():
                raise self._lost()
            return Exit(self._command, KILLED_STATUS, stderr, is_killed=True)
        return Exit(self._command, status, stderr, is_killed(status))

    def kill(self) -> None:
        # sshd closes the pipes of the remote command, which then dies of SIGPIPE
        with contextlib.suppress(*CHANNEL_ERRORS):
            self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.kill()

    def _drain_stderr(self) -> None:
        while self._channel.recv_stderr_ready():
            data = self._channel.recv_stderr(65536)
            self._stderr += data[: MAX_STDERR_BYTES - len(self._stderr)]

    @contextlib.contextmanager
    def _lost_when_broken(self) -> Iterator[None]:
        """Turn any error into ConnectionFailed: paramiko also writes in its read calls, which raises other errors."""
        try:
            yield
        except CHANNEL_ERRORS as error:
            raise self._lost() from error

    def _lost(self) -> ConnectionFailed:
        running = " ".join(self._command[:2]) if self._command[0] == "zfs" else self._command[0]
        return ConnectionFailed(f"{self._host}: the connection was lost while {running} was running; run again")
