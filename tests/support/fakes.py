"""Fake a host that answers from a table: what a command prints and how it ends, without running anything.

    nas1 = FakeHost("nas1", {"zfs hold": Answer(status=1, stderr="permission denied")})

The longest key that is a prefix of the command (its words joined by spaces) gives the answer; without one, the command
succeeds silently. `asked` lists all commands so far, in order, from all threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from tests.support.exits import exited
from zfs_replicate.model import Exit

HANG_SECONDS = 30


@dataclass(frozen=True)
class Answer:
    """What a command prints and how it ends. `error`: `read` raises it. `stalls`: it then waits to be killed."""

    stdout: bytes = b""
    status: int = 0
    stderr: str = ""
    error: Exception | None = None
    stalls: bool = False
    at_start: Callable[[], object] = lambda: None
    at_read: Callable[[], object] = lambda: None
    at_finish: Callable[[], object] = lambda: None
    """Called when the command starts, before each read, and when a stage of a sink is waited for: to change something
    meanwhile."""


@dataclass
class FakeProcess:
    command: tuple[str, ...]
    answer: Answer
    chunk_bytes: int | None = None
    is_left: bool = False
    _killed: threading.Event = field(default_factory=threading.Event)
    _at: int = 0

    @property
    def is_killed(self) -> bool:
        return self._killed.is_set()

    @property
    def pipe(self) -> None:
        return None

    def read(self, size: int) -> bytes:
        self.answer.at_read()
        if self.answer.stalls and self._at == len(self.answer.stdout):
            assert self._killed.wait(HANG_SECONDS), "nothing has killed it"
        if self.is_killed:
            return b""
        if self.answer.error is not None:
            raise self.answer.error
        data = self.answer.stdout[self._at : self._at + (self.chunk_bytes or size)]
        self._at += len(data)
        return data

    def stderr_since(self, offset: int) -> bytes:
        return self.answer.stderr.encode()[offset:]

    def finish(self) -> Exit:
        return exited(self.command, -15 if self.is_killed else self.answer.status, self.answer.stderr)

    def kill(self) -> None:
        self._killed.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.is_left = True


@dataclass
class FakeSink:
    """Receives a stream. `breaks_after`: number of writes before the pipe breaks."""

    pipeline: tuple[tuple[str, ...], ...]
    stages: tuple[Answer, ...]
    breaks_after: int | None = None
    received: bytes = b""
    writes: int = 0
    is_input_closed: bool = False
    is_killed: bool = False
    is_left: bool = False

    @property
    def pipe(self) -> None:
        return None

    def write(self, data: bytes) -> None:
        if self.breaks_after is not None and self.writes >= self.breaks_after:
            raise BrokenPipeError
        self.writes += 1
        self.received += data

    def close_input(self) -> None:
        self.is_input_closed = True

    def finish(self) -> tuple[Exit, ...]:
        assert self.is_input_closed, "it would wait forever"
        for stage in self.stages:
            stage.at_finish()
        return tuple(
            exited(command, stage.status, stage.stderr)
            for command, stage in zip(self.pipeline, self.stages, strict=True)
        )

    def kill(self) -> None:
        self.is_killed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.is_left = True


@dataclass
class FakeHost:
    """`breaks_after`: number of writes before a sink breaks. `chunk_bytes`: a read returns at most that many."""

    name: str
    answers: Mapping[str, Answer] = field(default_factory=dict)
    breaks_after: int | None = None
    chunk_bytes: int | None = None
    is_root: bool = False
    asked: list[str] = field(default_factory=list)
    processes: list[FakeProcess] = field(default_factory=list)
    sinks: list[FakeSink] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self, command: Sequence[str]) -> FakeProcess:
        answer = self._ask(command)
        answer.at_start()
        process = FakeProcess(tuple(command), answer, self.chunk_bytes)
        self.processes.append(process)
        return process

    def open_sink(self, pipeline: Sequence[Sequence[str]]) -> FakeSink:
        stages = tuple(self._ask(command) for command in pipeline)
        sink = FakeSink(tuple(map(tuple, pipeline)), stages, self.breaks_after)
        self.sinks.append(sink)
        return sink

    def asked_for(self, beginning: str) -> list[str]:
        return [command for command in self.asked if command.startswith(beginning)]

    def _ask(self, command: Sequence[str]) -> Answer:
        text = " ".join(command)
        with self._lock:
            self.asked.append(text)
        matches = [key for key in self.answers if text.startswith(key)]
        return self.answers[max(matches, key=len)] if matches else Answer()
