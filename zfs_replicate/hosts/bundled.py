"""Many small streams out of one command of another host, one after the other: two round trips for all of them.

The command (commands.bundle) prints a mark behind each stream, with its exit status and what it said. The mark is a
random number made for that one command, so data cannot hold it.
"""

from __future__ import annotations

import contextlib
import logging
import re
import secrets
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from zfs_replicate.errors import StreamBroken
from zfs_replicate.hosts.base import CHUNK_BYTES, Host, Process, within
from zfs_replicate.model import Exit
from zfs_replicate.zfs import commands

log = logging.getLogger(__name__)

MARK_BYTES = 16
GREETING_SECONDS = 30
MOST_SAID_BYTES = 1 << 20
"""What zfs send says of one stream is a line or two."""

DIED_OF_SIGNAL = 128
"""sh adds the signal's number to this."""


class Bundled:
    """A host for some sends, started in their order. Each of the streams is a process like any other.

    Where one is not read to its end, what follows comes out of another command. A host that does not know the command
    (an older gate, say) starts each send by itself. Leaving the `with` block ends what still runs.
    """

    def __init__(self, host: Host, sends: Sequence[commands.Command]) -> None:
        self._host = host
        self._sends = tuple(sends)
        self._open = contextlib.ExitStack()
        self._output: _Output | None = None
        self._is_known = True

    @property
    def name(self) -> str:
        return self._host.name

    def start(self, command: Sequence[str]) -> Process:
        """Start the send of the same snapshot, whatever else the command asks for. Raises: ConnectionFailed."""
        snapshot = command[-1]
        if self._is_known and (self._output is None or self._output.expected != snapshot):
            self._begin(snapshot)
        if self._output is None:
            return self._host.start(command)
        return _Stream(self._host.name, self._output, tuple(command))

    def _begin(self, snapshot: str) -> None:
        """Start the command for this send and all behind it."""
        self._open.close()
        self._output = None
        snapshots = [send[-1] for send in self._sends]
        place = snapshots.index(snapshot)
        mark = secrets.token_hex(MARK_BYTES)
        process = self._open.enter_context(self._host.start(commands.bundle(mark, self._sends[place:])))
        output = _Output(process, mark.encode(), snapshots[place:])
        with within(GREETING_SECONDS, process.kill):
            self._is_known = output.greets()
        if self._is_known:
            self._output = output
            return
        said = process.finish().stderr.strip()
        log.info("%s: streams one by one, since it does not take many in one command: %s", self._host.name, said)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._open.close()


class _Output:
    """What the command prints, as far as it has been read and not yet taken."""

    def __init__(self, process: Process, mark: bytes, snapshots: Sequence[str]) -> None:
        self.process = process
        self._mark = mark
        self._snapshots = list(snapshots)
        self._held = b""
        self._is_over = False

    @property
    def expected(self) -> str | None:
        """The snapshot whose stream comes next; None: nothing more comes."""
        return self._snapshots[0] if self._snapshots and not self._is_over else None

    def greets(self) -> bool:
        greeting = self._mark + b"\n"
        while len(self._held) < len(greeting) and self._fill():
            continue
        is_greeting = self._held.startswith(greeting)
        self._held = self._held[len(greeting) :]
        return is_greeting

    def take(self, size: int) -> bytes:
        """Up to `size` bytes of the stream that is under way; empty before its mark, or where all ends."""
        while True:
            place = self._held.find(self._mark)
            ready = place if place >= 0 else len(self._held) - len(self._mark) + 1
            if place == 0 or ready > 0:
                break
            if not self._fill():
                ready = len(self._held)
                break
        taken, self._held = self._held[: min(size, ready)], self._held[min(size, ready) :]
        return taken

    def end_of_stream(self) -> bytes | None:
        """Once `take` returned nothing, return what stands between the marks, and go on; None: all has ended."""
        end = b"\n" + self._mark + b"\n"
        while end not in self._held:
            if len(self._held) > MOST_SAID_BYTES:
                return b""
            if not self._fill():
                return None
        about, self._held = self._held.split(end, 1)
        self._snapshots.pop(0)
        return about[len(self._mark) :]

    def give_up(self) -> None:
        """End the command, from any thread: nothing more comes out of it, whatever of it still prints."""
        self._is_over = True
        self.process.kill()

    def _fill(self) -> bool:
        if self._is_over:
            return False
        data = self.process.read(CHUNK_BYTES)
        self._held += data
        return bool(data)


class _Stream:
    """One of the sends."""

    def __init__(self, host: str, output: _Output, command: commands.Command) -> None:
        self._host = host
        self._output = output
        self._command = command
        self._ended: Exit | None = None

    @property
    def pipe(self) -> None:
        return None

    def read(self, size: int) -> bytes:
        if self._ended is not None:
            return b""
        data = self._output.take(size)
        if not data:
            self._end()
        return data

    def _end(self) -> None:
        end = self._output.end_of_stream()
        if end is None:
            return
        found = re.fullmatch(r" ([0-9]{1,3})\n(.*)", end.decode(errors="replace"), re.DOTALL)
        if found is None:
            raise StreamBroken(
                f"{self._command[-1]} on {self._host}: what follows the stream is not what zfs_replicate has asked for;"
                " look at what zfs send prints there, then run again"
            )
        status, said = int(found[1]), found[2]
        is_killed = status > DIED_OF_SIGNAL and not said
        self._ended = Exit(self._command, status, f"{said}\n" if said else "", is_killed)

    def stderr_since(self, offset: int) -> bytes:  # noqa: ARG002 - it comes at the end only
        return b""

    def finish(self) -> Exit:
        if self._ended is not None:
            return self._ended
        ended = self._output.process.finish()
        self._output.give_up()
        return Exit(self._command, ended.exit_status or 1, ended.stderr, ended.is_killed or not ended.stderr)

    def kill(self) -> None:
        self._output.give_up()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._ended is None:
            self._output.give_up()
