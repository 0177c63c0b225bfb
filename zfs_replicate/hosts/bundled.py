"""Read many small streams, one after the other, from one command on another host: two round trips for all.

The command (commands.bundle) prints a mark after each stream, with the exit status and stderr of its send. The mark is
a random number made for that one command, so no stream contains it.
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
from zfs_replicate.hosts.base import CHUNK_BYTES, Host, Process, is_killed, within
from zfs_replicate.model import Exit
from zfs_replicate.zfs import commands

log = logging.getLogger(__name__)

MARK_BYTES = 16
GREETING_SECONDS = 30
MAX_TRAILER_BYTES = 1 << 20
"""The trailer holds what zfs send printed on stderr: a line or two."""


class Bundled:
    """A host for the given sends, to be started in their order. Each stream is a process like any other.

    If a stream is not read to its end, or a send is left out, a new command is started for the rest. On a host that
    refuses the command (an older gate, say) each send runs by itself. Leaving the `with` block ends what still runs.
    """

    def __init__(self, host: Host, sends: Sequence[commands.Command]) -> None:
        self._host = host
        self._sends = tuple(sends)
        self._open = contextlib.ExitStack()
        self._output: _Output | None = None
        self._is_supported = True

    @property
    def name(self) -> str:
        return self._host.name

    def start(self, command: Sequence[str]) -> Process:
        """Start the send whose snapshot the command names; a bundle ignores its options. Raises: ConnectionFailed."""
        snapshot = command[-1]
        if self._is_supported and (self._output is None or self._output.expected != snapshot):
            self._begin(snapshot)
        if self._output is None:
            return self._host.start(command)
        return _Stream(self._host.name, self._output, tuple(command))

    def _begin(self, snapshot: str) -> None:
        """Start a command for this send and all after it."""
        self._open.close()
        self._output = None
        snapshots = [send[-1] for send in self._sends]
        place = snapshots.index(snapshot)
        mark = secrets.token_hex(MARK_BYTES)
        process = self._open.enter_context(self._host.start(commands.bundle(mark, self._sends[place:])))
        output = _Output(process, mark.encode(), snapshots[place:])
        with within(GREETING_SECONDS, process.kill):
            self._is_supported = output.read_greeting()
        if self._is_supported:
            self._output = output
            return
        stderr = process.finish().stderr.strip()
        log.info("%s: refuses to send several streams in one command, so each gets its own: %s", self.name, stderr)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._open.close()


class _Output:
    """The output of the command, buffered as far as it has been read."""

    def __init__(self, process: Process, mark: bytes, snapshots: Sequence[str]) -> None:
        self.process = process
        self._mark = mark
        self._snapshots = list(snapshots)
        self._buffer = b""
        self._is_over = False

    @property
    def expected(self) -> str | None:
        """The snapshot whose stream comes next; None after the last one."""
        return self._snapshots[0] if self._snapshots and not self._is_over else None

    def read_greeting(self) -> bool:
        """Read the first line; return whether it is the mark."""
        greeting = self._mark + b"\n"
        while len(self._buffer) < len(greeting) and self._fill():
            continue
        is_greeting = self._buffer.startswith(greeting)
        self._buffer = self._buffer[len(greeting) :]
        return is_greeting

    def take(self, size: int) -> bytes:
        """Return up to `size` bytes of the current stream; empty at its mark, or when the command has ended."""
        while True:
            place = self._buffer.find(self._mark)
            ready = place if place >= 0 else len(self._buffer) - len(self._mark) + 1
            if place == 0 or ready > 0:
                break
            if not self._fill():
                ready = len(self._buffer)
                break
        taken, self._buffer = self._buffer[: min(size, ready)], self._buffer[min(size, ready) :]
        return taken

    def trailer(self) -> bytes | None:
        """Once `take` returned nothing, return the text between the marks; None when the command has ended.

        Afterwards `take` reads the next stream.
        """
        end = b"\n" + self._mark + b"\n"
        while end not in self._buffer:
            if len(self._buffer) > MAX_TRAILER_BYTES:
                return b""
            if not self._fill():
                return None
        trailer, self._buffer = self._buffer.split(end, 1)
        self._snapshots.pop(0)
        return trailer[len(self._mark) :]

    def give_up(self) -> None:
        """End the command, from any thread; output that still arrives is ignored."""
        self._is_over = True
        self.process.kill()

    def _fill(self) -> bool:
        if self._is_over:
            return False
        data = self.process.read(CHUNK_BYTES)
        self._buffer += data
        return bool(data)


class _Stream:
    """One of the sends, as a process."""

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
        trailer = self._output.trailer()
        if trailer is None:
            return
        match = re.fullmatch(r" ([0-9]{1,3})\n(.*)", trailer.decode(errors="replace"), re.DOTALL)
        if match is None:
            raise StreamBroken(
                f"{self._command[-1]} on {self._host}: unexpected output after the stream;"
                " look at what zfs send prints there, then run again"
            )
        status, stderr = int(match[1]), match[2]
        self._ended = Exit(self._command, status, f"{stderr}\n" if stderr else "", is_killed(status))

    def stderr_since(self, offset: int) -> bytes:  # noqa: ARG002 - stderr arrives only in the trailer
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
