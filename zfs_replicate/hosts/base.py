"""The seam to the outside: how a command is started on some host, read, and ended.

Commands are tuples of arguments. stdout and stderr are never merged. stdout is read as it comes, so a listing of any
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
"""How much is read at once; a pipe or SSH window gives less."""

MOST_LISTED_BYTES = 256 << 20
MOST_BYTES = 64 << 20
MOST_LINE_BYTES = 1 << 20
MOST_SECONDS = 3600
"""A host that prints for ever, or never ends, is cut off: a million snapshots are about 120 MiB of a listing; other
commands than listings print little; a line is long by the clones of a snapshot."""

MOST_STDERR_BYTES = 64 << 20
"""What a command says beyond this is dropped, or ends it; `zfs send -vP` says 5 MB a day."""

SBIN_PATH = "/usr/local/sbin:/usr/sbin:/sbin"
"""Where zfs lives on systems whose ordinary PATH leaves it out."""


class Process(Protocol):
    """A running command whose stdout is read. Leaving the `with` block ends it, if it still runs."""

    @property
    def pipe(self) -> int | None:
        """The file descriptor of its stdout, when all that is not read yet may be taken from there."""

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes, at least one; empty at the end. Raises: ConnectionFailed."""

    def stderr_since(self, offset: int) -> bytes:
        """What it has said on stderr beyond so many bytes, as far as that is known; it may still run."""

    def finish(self) -> Exit:
        """Wait for the end. Raises: ConnectionFailed when the exit status never came."""

    def kill(self) -> None:
        """End it now, from any thread; a `read` that waits returns or raises."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None: ...


class Sink(Protocol):
    """A running pipeline of commands, each reading what the one before it prints; we write to the first."""

    @property
    def pipe(self) -> int | None:
        """The file descriptor of its stdin, when the kernel may write to it in our place."""

    def write(self, data: bytes) -> None:
        """Write all of it. Raises: BrokenPipeError when the pipeline has ended."""

    def close_input(self) -> None: ...

    def finish(self) -> tuple[Exit, ...]:
        """Wait for all stages, in the order of the pipeline. The input must be closed."""

    def kill(self) -> None:
        """Cut the stream so that the receiver saves its state and ends; from any thread."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None: ...


class Host(Protocol):
    """A place where commands run. `name` is what messages call it."""

    @property
    def name(self) -> str: ...

    def start(self, command: Sequence[str]) -> Process:
        """Start a command with nothing on its stdin. Raises: ConnectionFailed."""


class TargetHost(Host, Protocol):
    """A host that can also take a stream in."""

    @property
    def is_root(self) -> bool:
        """Whether what changes something runs there with all rights."""

    def open_sink(self, pipeline: Sequence[Sequence[str]]) -> Sink: ...


def move(process: Process, sink: Sink, size: int) -> int:
    """Carry up to `size` bytes from the one to the other; return how many, 0 at the end.

    Between two pipes the kernel moves them (splice(2)), and we never see them. Raises: as `read` and `write`.
    """
    if process.pipe is not None and sink.pipe is not None and hasattr(os, "splice"):
        return os.splice(process.pipe, sink.pipe, size)
    data = process.read(size)
    if data:
        sink.write(data)
    return len(data)


def run(host: Host, command: Sequence[str]) -> tuple[str, Exit]:
    """Run a command to its end; return what it printed on stdout, and how it ended (any status).

    Raises: OutputError when it prints for ever.
    """
    with _bounded(host, command) as process:
        chunks = list(_chunks(process, MOST_BYTES))
        return _decode(b"".join(chunks)), process.finish()


def read_lines(host: Host, command: Sequence[str]) -> Iterator[str]:
    """Run a command and yield the lines of its stdout as they come.

    Raises: NonzeroExit when it ended badly, OutputError when it does not end.
    """
    with _bounded(host, command) as process:
        rest = b""
        for chunk in _chunks(process, MOST_LISTED_BYTES):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                yield _decode(line)
            if len(rest) > MOST_LINE_BYTES:
                raise OutputError(f"a line of more than {MOST_LINE_BYTES >> 20} MiB")
        if rest:
            yield _decode(rest)
        ended = process.finish()
        if ended.exit_status != 0:
            raise NonzeroExit(ended)


def _chunks(process: Process, most_bytes: int) -> Iterator[bytes]:
    left = most_bytes
    while chunk := process.read(CHUNK_BYTES):
        left -= len(chunk)
        if left < 0:
            raise OutputError(f"more than {most_bytes >> 20} MiB")
        yield chunk


@contextlib.contextmanager
def _bounded(host: Host, command: Sequence[str]) -> Iterator[Process]:
    """A running command that is ended when it takes too long, whatever its host says meanwhile."""
    with host.start(command) as process:
        is_overdue = threading.Event()

        def end() -> None:
            is_overdue.set()
            process.kill()

        with within(MOST_SECONDS, end):
            try:
                yield process
            except ReplicateError:
                if not is_overdue.is_set():
                    raise
        if is_overdue.is_set():
            raise CommandFailed(
                f"{host.name}: {' '.join(command[:2])} did not end within {MOST_SECONDS // 60} minutes, and was ended;"
                " look at that host and its pool, then run again"
            )


@contextlib.contextmanager
def within(seconds: float, end: Callable[[], object]) -> Iterator[None]:
    """Call `end` from another thread unless the block is left in time; what waits in the block then fails."""
    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


class NonzeroExit(CommandFailed):
    """A command ended with a status other than 0. Whoever knows what it was for turns it into a message."""

    def __init__(self, ended: Exit) -> None:
        super().__init__(f"{ended.command[0]} ended with status {ended.exit_status}: {ended.stderr.strip()}")
        self.ended = ended


def _decode(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise OutputError(f"a command printed what is no text: {raw[:200]!r}") from error
