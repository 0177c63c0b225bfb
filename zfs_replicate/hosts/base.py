"""Start a command on a host, read its output, end it: the protocols that every host implements.

Commands are tuples of arguments. stdout and stderr are never merged. stdout is read as it arrives, so a listing of any
length needs no more memory than its parsed values.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Protocol, Self

from zfs_replicate.errors import CommandFailed, OutputError, ReplicateError
from zfs_replicate.model import Exit

CHUNK_BYTES = 1 << 20
"""Read size; a pipe or an SSH window returns less."""

MAX_LISTING_BYTES = 256 << 20
MAX_OUTPUT_BYTES = 64 << 20
MAX_LINE_BYTES = 1 << 20
MAX_SECONDS = 3600
"""Limits against a host that prints without end or never ends a command. A listing of a million snapshots is about
120 MiB; other commands print little; only the clones of a snapshot make a line long."""

MAX_STDERR_BYTES = 64 << 20
"""stderr beyond this is dropped, or the command is ended; `zfs send -vP` prints 5 MB a day."""

SIGNAL_STATUS_BASE = 128
"""A shell reports a death by signal as this plus the signal's number."""

ERROR_STATUS = 255

SBIN_PATH = "/usr/local/sbin:/usr/sbin:/sbin"
"""Where zfs is on systems whose default PATH does not include it."""


class Process(Protocol):
    """A running command whose stdout is read. Leaving the `with` block ends it if it still runs."""

    @property
    def pipe(self) -> int | None:
        """The file descriptor of its stdout, if all unread output can be read from it."""

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes, at least one; empty at the end. Raises: ConnectionFailed."""

    def stderr_since(self, offset: int) -> bytes:
        """Return its stderr so far from byte `offset` on; the command may still be running."""

    def finish(self) -> Exit:
        """Wait for it to end. Raises: ConnectionFailed when no exit status arrived."""

    def kill(self) -> None:
        """End it now, from any thread; a waiting `read` returns or raises."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None: ...


class Sink(Protocol):
    """A running pipeline of commands, each reading the output of the one before; we write to the first."""

    @property
    def pipe(self) -> int | None:
        """The file descriptor of its stdin, if the kernel may write to it for us."""

    def write(self, data: bytes) -> None:
        """Write all of `data`. Raises: BrokenPipeError when the pipeline has ended."""

    def close_input(self) -> None: ...

    def finish(self) -> tuple[Exit, ...]:
        """Wait for all stages; return their exits in pipeline order. The input must be closed."""

    def kill(self) -> None:
        """Cut the stream, from any thread, so that the receiver saves its state and ends."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None: ...


class Host(Protocol):
    """A machine where commands run. Messages call it by its `name`."""

    @property
    def name(self) -> str: ...

    def start(self, command: Sequence[str]) -> Process:
        """Start a command with nothing on its stdin. Raises: ConnectionFailed."""


class TargetHost(Host, Protocol):
    """A host that can also receive a stream."""

    @property
    def is_root(self) -> bool:
        """Whether commands that change something run as root there."""

    def open_sink(self, pipeline: Sequence[Sequence[str]]) -> Sink: ...


def move(process: Process, sink: Sink, size: int) -> int:
    """Copy up to `size` bytes from process to sink; return how many, 0 at the end.

    Between two pipes the kernel moves them (splice(2)) without copying them to us. Raises: as `read` and `write`.
    """
    if process.pipe is not None and sink.pipe is not None and hasattr(os, "splice"):
        return os.splice(process.pipe, sink.pipe, size)
    data = process.read(size)
    if data:
        sink.write(data)
    return len(data)


def run(host: Host, command: Sequence[str]) -> tuple[str, Exit]:
    """Run a command to its end; return its stdout and its exit, whatever the status.

    Raises: OutputError when it prints not UTF-8; otherwise as `run_for_bytes`.
    """
    stdout, ended = run_for_bytes(host, command)
    return _decode(stdout), ended


def run_for_bytes(host: Host, command: Sequence[str]) -> tuple[bytes, Exit]:
    """Run a command to its end, as `run`, but return its stdout as bytes.

    Raises: OutputError when it prints too much, CommandFailed when it takes too long, ConnectionFailed.
    """
    with _bounded(host, command) as process:
        chunks = list(_chunks(process, MAX_OUTPUT_BYTES))
        return b"".join(chunks), process.finish()


def read_lines(host: Host, command: Sequence[str]) -> Iterator[str]:
    r"""Run a command and yield the lines of its stdout as they arrive, without line ends.

    Bytes that are not UTF-8 are written as `\xe9`. Raises: NonzeroExit at the end when it failed; otherwise as `run`.
    """
    with _bounded(host, command) as process:
        rest = b""
        for chunk in _chunks(process, MAX_LISTING_BYTES):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                yield line.decode(errors="backslashreplace")
            if len(rest) > MAX_LINE_BYTES:
                raise OutputError(f"a line of more than {MAX_LINE_BYTES >> 20} MiB")
        if rest:
            yield rest.decode(errors="backslashreplace")
        ended = process.finish()
        if ended.exit_status != 0:
            raise NonzeroExit(ended)


def _chunks(process: Process, max_bytes: int) -> Iterator[bytes]:
    left = max_bytes
    while chunk := process.read(CHUNK_BYTES):
        left -= len(chunk)
        if left < 0:
            raise OutputError(f"more than {max_bytes >> 20} MiB")
        yield chunk


@contextlib.contextmanager
def _bounded(host: Host, command: Sequence[str]) -> Iterator[Process]:
    """Start a command, and end it after MAX_SECONDS even if it still prints. Raises: CommandFailed then."""
    with host.start(command) as process:
        is_overdue = threading.Event()

        def end() -> None:
            is_overdue.set()
            process.kill()

        with within(MAX_SECONDS, end):
            try:
                yield process
            except ReplicateError:
                if not is_overdue.is_set():
                    raise
        if is_overdue.is_set():
            raise CommandFailed(
                f"{host.name}: {' '.join(command[:2])} was still running after {MAX_SECONDS // 60} minutes and was"
                " stopped; look at that host and its pool, then run again"
            )


@contextlib.contextmanager
def within(seconds: float, end: Callable[[], object]) -> Iterator[None]:
    """Call `end` from another thread after `seconds`, unless the block is left before; `end` makes the block fail."""
    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def is_killed(status: int) -> bool:
    """Given an exit status, return whether a signal ended the command: below 0 in Python, 129 to 254 in a shell.

    No zfs command ends with one of those: 255, that of a send which cannot be resumed, is the only one above 2.
    """
    return status < 0 or SIGNAL_STATUS_BASE < status < ERROR_STATUS


class NonzeroExit(CommandFailed):
    """A command ended with a status other than 0. The caller, who knows its purpose, turns it into a message."""

    def __init__(self, ended: Exit) -> None:
        super().__init__(f"{ended.command[0]} ended with status {ended.exit_status}: {ended.stderr.strip()}")
        self.ended = ended


def _decode(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise OutputError(f"a command printed bytes that are not UTF-8: {raw[:200]!r}") from error
