"""Inject faults. A test arms a fault; at each command the host checks whether one fires.

    faults.arm(Fail("cannot hold: permission denied"), "zfs hold")             the first zfs hold anywhere fails
    faults.arm(HangUp(), "zfs send", host="source", at=5000)                   the connection breaks in the stream
    faults.arm(CrashClient(), lambda command: True, nth=7, at="after")         SIGKILL after the 7th command
    faults.arm(Die(), "mbuffer", at=5000)                                      that stage is killed after 5000 bytes

`at`: "before" the command runs, "after" it, or after a number of bytes of its stream.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

Command = tuple[str, ...]
Matching = str | Callable[[Command], bool]
At = Literal["before", "after"] | int


class Crash(BaseException):
    """The client is dead, as by SIGKILL. Threads of it that still run get this at every step, and change nothing."""


@dataclass(frozen=True, slots=True)
class Fail:
    """The command fails with this stderr and status; with "after", although it has done its work."""

    stderr: str
    status: int = 1


@dataclass(frozen=True, slots=True)
class HangUp:
    """The connection to the host is lost until `SimulatedHost.reconnect`."""


@dataclass(frozen=True, slots=True)
class Die:
    """The process is killed. Only for streams, at a number of bytes."""

    status: int = -9
    stderr: str = ""


@dataclass(frozen=True, slots=True)
class CrashClient:
    """SIGKILL of the program. Commands on other hosts go on; a receiver sees its stream end."""


@dataclass(frozen=True, slots=True)
class Signal:
    """The program gets SIGTERM, and ends in order. In a stream, it comes from the thread of that stream."""


@dataclass(frozen=True, slots=True)
class Call:
    """Call a function: somebody else acts on the machine at this moment."""

    function: Callable[[], object]


Action = Fail | HangUp | Die | CrashClient | Signal | Call


@dataclass(slots=True, eq=False)
class Fault:
    action: Action
    matches: Callable[[Command], bool]
    host: str | None
    nth: int
    at: At
    seen: int = 0

    @property
    def has_fired(self) -> bool:
        return self.seen >= self.nth

    def sees(self, host: str, commands: Sequence[Command]) -> bool:
        """Count a start of these commands if they match; return whether the fault fires now."""
        if self.has_fired or self.host not in (None, host) or not any(map(self.matches, commands)):
            return False
        self.seen += 1
        return self.has_fired


class Faults:
    """All armed faults, and whether the client has crashed."""

    def __init__(self) -> None:
        self._armed: list[Fault] = []
        self._at_crash: list[Callable[[], None]] = []
        self.is_crashed = False

    def arm(
        self, action: Action, matching: Matching, *, host: str | None = None, nth: int = 1, at: At = "before"
    ) -> Fault:
        """`matching`: how the command begins, such as "zfs hold", or a predicate."""
        matches = matching if callable(matching) else _begins_with(tuple(matching.split()))
        fault = Fault(action, matches, host, nth, at)
        self._armed.append(fault)
        return fault

    def clear(self) -> None:
        self._armed.clear()

    def firing(self, host: str, commands: Sequence[Command]) -> list[Fault]:
        return [fault for fault in self._armed if fault.sees(host, commands)]

    # --- a crash of the client ---

    def crash(self) -> None:
        """Kill the client and end its open streams. Raises: Crash."""
        self.is_crashed = True
        for end in self._at_crash:
            end()
        self._at_crash.clear()
        raise Crash

    def restart(self) -> None:
        """Start a new client; disarm all faults."""
        self.is_crashed = False
        self._at_crash.clear()
        self.clear()

    def at_crash(self, end: Callable[[], None]) -> None:
        self._at_crash.append(end)

    def no_longer_at_crash(self, end: Callable[[], None]) -> None:
        if end in self._at_crash:
            self._at_crash.remove(end)

    def check_alive(self) -> None:
        """Raises: Crash if the client has crashed."""
        if self.is_crashed:
            raise Crash


def _begins_with(start: Command) -> Callable[[Command], bool]:
    return lambda command: command[: len(start)] == start
