"""One stream: `zfs send` on the source → SSH → here → mbuffer → `zfs receive`. A step in, the number of bytes out.

Both ends are believed only together: a stream counts only when the sender and every stage of the receiver ended well.
"""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from zfs_replicate.errors import ReplicateError, StreamBroken
from zfs_replicate.hosts.base import CHUNK_BYTES, Host, Process, Sink, TargetHost, move
from zfs_replicate.model import Exit
from zfs_replicate.observer import Observer
from zfs_replicate.run.gauge import Gauge
from zfs_replicate.steps import Resume, Send
from zfs_replicate.zfs import commands, messages, properties
from zfs_replicate.zfs.send_progress import without_progress

log = logging.getLogger(__name__)


class Cancellation:
    """Ends all running streams at once, from any thread; those that start later end at once too."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kills: set[Callable[[], None]] = set()
        self._is_fired = False

    @contextlib.contextmanager
    def covering(self, kill: Callable[[], None]) -> Iterator[None]:
        with self._lock:
            self._kills.add(kill)
            is_fired = self._is_fired
        try:
            if is_fired:
                kill()
            yield
        finally:
            with self._lock:
                self._kills.discard(kill)

    @property
    def is_fired(self) -> bool:
        return self._is_fired

    def fire(self) -> None:
        with self._lock:
            self._is_fired = True
            kills = tuple(self._kills)
        for kill in kills:
            kill()


MAX_LEFT_BYTES = 16 << 20
"""More than pipes and windows hold: what a sender may still send when its receiver has ended well."""

NOBODY = Observer()
"""Who wants to know nothing."""

TINY_BYTES = 1 << 20
"""Below that the pipes are buffer enough, and mbuffer is one process more for each of many small datasets."""


@dataclass(frozen=True, slots=True)
class Pipe:
    """How streams run. `mbuffer_size` None: without mbuffer. `stall_seconds` None: wait for ever.

    `bytes_per_second` is the limit of one stream (None: none), on the bytes that come over the network.
    """

    mbuffer_size: str | None = None
    stall_seconds: float | None = None
    bytes_per_second: int | None = None
    compressor: str | None = None
    observer: Observer = NOBODY
    settings: properties.Settings = commands.PLAIN

    @property
    def is_plain(self) -> bool:
        """Whether streams go as they come, neither compressed on the way nor slowed down."""
        return self.compressor is None and self.bytes_per_second is None

    def sending(self, step: Send | Resume) -> commands.Command:
        send = commands.send(step, has_progress=self.observer.wants_bytes)
        return send if self.compressor is None else commands.compressed(send, self.compressor)

    def receiving(self, step: Send | Resume) -> list[commands.Command]:
        """The stages on the target, in their order: what is buffered is what came, still compressed."""
        is_tiny = step.byte_estimate < TINY_BYTES and self.bytes_per_second is None
        stages = []
        if self.mbuffer_size is not None and not is_tiny:
            stages.append(commands.mbuffer(self.mbuffer_size, self.bytes_per_second))
        if self.compressor is not None:
            stages.append(commands.decompress(self.compressor))
        return [*stages, commands.receive(step.receiving, self.settings)]


def transfer(source: Host, target: TargetHost, step: Send | Resume, pipe: Pipe, cancellation: Cancellation) -> int:
    """Carry one stream; return its length in bytes. Raises: the error of the side that failed first."""
    pipe.observer.stream_began(step)
    try:
        return _transfer(source, target, step, pipe, cancellation)
    finally:
        pipe.observer.stream_ended(step)


def _transfer(source: Host, target: TargetHost, step: Send | Resume, pipe: Pipe, cancellation: Cancellation) -> int:
    with source.start(pipe.sending(step)) as sender, target.open_sink(pipe.receiving(step)) as sink:

        def kill() -> None:
            sender.kill()
            sink.kill()

        with cancellation.covering(kill), _Watch(pipe.stall_seconds, kill) as watch:
            byte_count, is_receiver_gone = _copy(sender, sink, watch, Gauge(pipe.observer, step, sender))
            watch.rest()
            sink.close_input()
            received = sink.finish()
            if watch.is_stalled:
                raise _stalled(source, step, pipe)
            if is_receiver_gone:
                if any(stage.exit_status != 0 for stage in received):
                    sender.kill()
                    raise _receiver_error(target, step, received)
                _read_away(sender, source, step, pipe)
            sent = sender.finish()
    if sent.exit_status != 0:
        raise messages.explain(source.name, step.snapshot, replace(sent, stderr=without_progress(sent.stderr)), "send")
    if any(stage.exit_status != 0 for stage in received):
        raise _receiver_error(target, step, received)
    for line in received[-1].stderr.splitlines():
        log.warning("%s on %s: received, but: %s", step.receiving.target, target.name, line)
    return byte_count


class _Watch:
    """Ends a stream through which nothing passes for `seconds`, from a thread of its own."""

    def __init__(self, seconds: float | None, kill: Callable[[], None]) -> None:
        self._seconds = seconds
        self._kill = kill
        self._last = time.monotonic()
        self._over = threading.Event()
        self.is_stalled = False

    def __enter__(self) -> Self:
        if self._seconds is not None:
            threading.Thread(target=self._run, args=(self._seconds,), daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.rest()

    def passed(self) -> None:
        """Some bytes went through."""
        self._last = time.monotonic()

    def rest(self) -> None:
        """All bytes went through: what takes long now is the receiver's own business."""
        self._over.set()

    def _run(self, seconds: float) -> None:
        while (left := self._last + seconds - time.monotonic()) > 0:
            if self._over.wait(left):
                return
        self.is_stalled = True
        self._kill()


def _copy(sender: Process, sink: Sink, watch: _Watch, gauge: Gauge) -> tuple[int, bool]:
    """Return how many bytes went through, and whether the receiver stopped taking them."""
    byte_count = 0
    try:
        while moved := move(sender, sink, CHUNK_BYTES):
            byte_count += moved
            watch.passed()
            gauge.passed(moved)
    except BrokenPipeError:
        return byte_count, True
    return byte_count, False


def _read_away(sender: Process, source: Host, step: Send | Resume, pipe: Pipe) -> None:
    """Read what is left of a stream whose receiver has all it wants, so that the sender can end well.

    `zfs receive` ends at the record that ends its stream, and does not wait for what may follow: that is no failure.
    """
    left = MAX_LEFT_BYTES
    with _Watch(pipe.stall_seconds, sender.kill) as watch:
        while data := sender.read(CHUNK_BYTES):
            watch.passed()
            left -= len(data)
            if left < 0:
                raise StreamBroken(
                    f"{step.snapshot} on {source.name}: the stream goes on after its end, and was cut off; look at what"
                    " zfs send prints there, then run again"
                )
    if watch.is_stalled:
        raise _stalled(source, step, pipe)


def _stalled(source: Host, step: Send | Resume, pipe: Pipe) -> StreamBroken:
    return StreamBroken(
        f"{step.snapshot} on {source.name}: no byte passed for {pipe.stall_seconds:g} seconds: the stream was ended;"
        " look at the network and at both pools, then run again: it continues where it stopped"
    )


def _receiver_error(target: TargetHost, step: Send | Resume, stages: tuple[Exit, ...]) -> ReplicateError:
    """`zfs receive` is the last stage and knows best why; a stage before it may have died of its end."""
    receive = stages[-1]
    if receive.exit_status != 0 and receive.stderr.strip():
        return messages.explain(target.name, step.receiving.target, receive, "receive")
    for stage in stages:
        if stage.exit_status not in (0, -signal.SIGPIPE):
            how = f"was killed by signal {-stage.exit_status}" if stage.exit_status < 0 else "failed"
            said = " ".join(stage.stderr.split())
            return StreamBroken(
                f"{step.receiving.target} on {target.name}: cannot receive: {stage.command[0]} {how}"
                f"{f' ({said})' if said else ''}; run again: it continues where it stopped"
            )
    return StreamBroken(
        f"{step.receiving.target} on {target.name}: cannot receive: the receiver stopped without a word; run again"
    )
