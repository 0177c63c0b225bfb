"""Run commands on this machine. (argument tuples) → running processes. Never through a shell.

Each process gets its own session, so Ctrl-C reaches only us and we end the stream in order.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shlex
import signal
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import IO, Self

from zfs_replicate.config import THIS_MACHINE
from zfs_replicate.errors import CommandFailed
from zfs_replicate.hosts.base import SBIN_PATH, Process, Sink, is_killed
from zfs_replicate.model import Exit

log = logging.getLogger(__name__)

STDERR_BYTES = 1 << 16
"""How much stderr one call of `stderr_since` returns."""

GRACE_SECONDS = 20
"""How long a receiver may take to save its state after its input has ended."""

PIPE_BYTES = 512 << 10
"""More than the default 64 KiB means fewer context switches. Any user may have some pipes of 1 MiB (pipe(7))."""


class LocalHost:
    """This machine. Needs no connection and no login."""

    def __init__(self, name: str = THIS_MACHINE) -> None:
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    @property
    def is_root(self) -> bool:
        return os.geteuid() == 0

    def start(self, command: Sequence[str]) -> Process:
        return LocalProcess(command)

    def open_sink(self, pipeline: Sequence[Sequence[str]]) -> Sink:
        return LocalPipeline(pipeline)


class _Child:
    """One child process whose stderr goes to an unlinked file, so no thread has to drain it."""

    def __init__(self, command: Sequence[str], stdin: int | IO[bytes], stdout: int = subprocess.PIPE) -> None:
        log.debug("%s", shlex.join(command), extra={"host": THIS_MACHINE})
        self.command = tuple(command)
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        path = os.environ.get("PATH", os.defpath)
        try:
            self.popen = subprocess.Popen(
                self.command,
                stdin=stdin,
                stdout=stdout,
                stderr=self._stderr,
                env={**os.environ, "LC_ALL": "C", "PATH": f"{path}:{SBIN_PATH}"},
                start_new_session=True,
                pipesize=PIPE_BYTES,
            )
        except OSError as error:
            self._stderr.close()
            raise CommandFailed(
                f"cannot run {command[0]} on this machine: {error.strerror}; is it installed?"
            ) from error

    def stderr_since(self, offset: int) -> bytes:
        # pread does not move the file offset, which the child shares
        return os.pread(self._stderr.fileno(), STDERR_BYTES, offset)

    def ended(self) -> Exit:
        status = self.popen.wait()
        self._stderr.seek(0)
        stderr = self._stderr.read().decode(errors="replace")
        return Exit(self.command, status, stderr, is_killed(status))

    def signal(self, number: int) -> None:
        if self.popen.poll() is None:
            # we may not signal what sudo runs; it ends when its input or output does
            with contextlib.suppress(ProcessLookupError, PermissionError):
                self.popen.send_signal(number)

    def close_pipes(self) -> None:
        for pipe in (self.popen.stdin, self.popen.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    def close(self) -> None:
        self.close_pipes()
        self._stderr.close()


class LocalProcess:
    """A running command whose stdout we read."""

    def __init__(self, command: Sequence[str]) -> None:
        self._child = _Child(command, subprocess.DEVNULL)

    @property
    def pid(self) -> int:
        return self._child.popen.pid

    @property
    def pipe(self) -> int | None:
        stdout = self._child.popen.stdout
        return None if stdout is None else stdout.fileno()

    def read(self, size: int) -> bytes:
        return b"" if self.pipe is None else os.read(self.pipe, size)

    def stderr_since(self, offset: int) -> bytes:
        return self._child.stderr_since(offset)

    def finish(self) -> Exit:
        return self._child.ended()

    def kill(self) -> None:
        self._child.signal(signal.SIGTERM)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._child.popen.poll() is None:
            self._child.signal(signal.SIGTERM)
            self._child.close_pipes()
            _wait_or_kill(self._child)
        self._child.close()


class LocalPipeline:
    """Commands joined by pipes; we write to the first."""

    def __init__(self, pipeline: Sequence[Sequence[str]]) -> None:
        self._stages: list[_Child] = []
        self._input_lock = threading.Lock()
        stdin: int | IO[bytes] = subprocess.PIPE
        try:
            for number, command in enumerate(pipeline, start=1):
                is_last = number == len(pipeline)
                stage = _Child(command, stdin, subprocess.DEVNULL if is_last else subprocess.PIPE)
                self._stages.append(stage)
                if not isinstance(stdin, int):
                    stdin.close()  # while we keep it open, a stage does not notice that its neighbour has ended
                if stage.popen.stdout is not None:
                    stdin = stage.popen.stdout
        except BaseException:
            self.__exit__(None, None, None)
            raise

    @property
    def pipe(self) -> int | None:
        stdin = self._stages[0].popen.stdin
        return None if stdin is None or stdin.closed else stdin.fileno()

    def write(self, data: bytes) -> None:
        if self.pipe is None:
            raise BrokenPipeError
        left = memoryview(data)
        while left:
            left = left[os.write(self.pipe, left) :]

    def close_input(self) -> None:
        stdin = self._stages[0].popen.stdin if self._stages else None
        with self._input_lock, contextlib.suppress(BrokenPipeError):
            if stdin is not None:
                stdin.close()

    def finish(self) -> tuple[Exit, ...]:
        return tuple(stage.ended() for stage in self._stages)

    def kill(self) -> None:
        # kill all but the receiver at once, so that it gets nothing of what they have buffered; it sees the stream end
        for stage in self._stages[:-1]:
            stage.signal(signal.SIGKILL)
        if len(self._stages) == 1:
            self._stages[0].signal(signal.SIGTERM)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if any(stage.popen.poll() is None for stage in self._stages):
            self.kill()
            self.close_input()
        for stage in self._stages:
            _wait_or_kill(stage)
            stage.close()


def _wait_or_kill(child: _Child) -> None:
    try:
        child.popen.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        log.warning("%s does not end; killing it", shlex.join(child.command))
        child.signal(signal.SIGKILL)
        child.popen.wait()
