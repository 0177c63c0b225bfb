"""Simulate a command that prints several streams (zfs_replicate.hosts.bundled)."""

from __future__ import annotations

import contextlib
from types import TracebackType
from typing import TYPE_CHECKING, Self

from tests.support.exits import exited
from zfs_replicate.errors import ConnectionFailed
from zfs_replicate.model import Exit

if TYPE_CHECKING:
    from tests.support.simulator.host import SimulatedHost, SimulatedProcess

Command = tuple[str, ...]


class SimulatedBundle:
    """Several sends in one command. For faults each is a separate command; it begins when the one before has ended.

    In reality it begins a little earlier, as far as pipes buffer its output.
    """

    def __init__(self, host: SimulatedHost, command: Command, mark: str, sends: list[Command]) -> None:
        self._host = host
        self._command = command
        self._mark = mark
        self._sends = sends
        self._pending = f"{mark}\n".encode()
        self._stream: SimulatedProcess | None = None
        self._is_killed = False

    @property
    def pipe(self) -> None:
        return None

    def read(self, size: int) -> bytes:
        while not self._is_killed and self._host.is_connected:
            self._host.world.faults.check_alive()
            if self._pending:
                data, self._pending = self._pending[:size], self._pending[size:]
                return data
            if self._stream is None and not self._begin():
                return b""
            data = self._stream.read(size) if self._stream else b""
            if data:
                return data
            self._end()
        return b""

    def _begin(self) -> bool:
        if not self._sends:
            return False
        with contextlib.suppress(ConnectionFailed):
            self._stream = self._host.start_one(self._sends.pop(0))
        return self._stream is not None

    def _end(self) -> None:
        if self._stream is not None and self._host.is_connected:
            ended, self._stream = self._stream.finish(), None
            status = ended.exit_status if ended.exit_status >= 0 else 128 - ended.exit_status
            stderr = ended.stderr.rstrip("\n")
            self._pending = f"{self._mark} {status}\n{stderr}\n{self._mark}\n".encode()

    def stderr_since(self, offset: int) -> bytes:  # noqa: ARG002 - a bundle prints nothing on stderr
        return b""

    def finish(self) -> Exit:
        self._host.world.faults.check_alive()
        self._host.check_connected()
        return exited(self._command, -13 if self._is_killed else 0, "")

    def kill(self) -> None:
        self._is_killed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.kill()
