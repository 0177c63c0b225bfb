"""A command that several sends come out of (zfs_replicate.hosts.bundled), over the simulator."""

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
    """Several sends in one command. Each is a command of its own for faults, and begins when the one before has ended.

    In truth it begins a little earlier, as far as pipes hold what it prints.
    """

    def __init__(self, host: SimulatedHost, command: Command, mark: str, sends: list[Command]) -> None:
        self._host = host
        self._command = command
        self._mark = mark
        self._sends = sends
        self._talk = f"{mark}\n".encode()
        self._stream: SimulatedProcess | None = None
        self._is_killed = False

    @property
    def pipe(self) -> None:
        return None

    def read(self, size: int) -> bytes:
        while not self._is_killed and self._host.is_connected:
            self._host.world.faults.check_alive()
            if self._talk:
                data, self._talk = self._talk[:size], self._talk[size:]
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
            said = ended.stderr.rstrip("\n")
            self._talk = f"{self._mark} {status}\n{said}\n{self._mark}\n".encode()

    def stderr_since(self, offset: int) -> bytes:  # noqa: ARG002 - nothing but streams speaks
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
