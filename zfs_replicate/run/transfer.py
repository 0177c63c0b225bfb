"""Transfer one stream. transfer(source, target, Send | Resume, Pipe, Cancellation) → bytes.

`zfs send` on the source → SSH → here → mbuffer → `zfs receive`. A stream succeeds only if the sender and every stage of
the receiver do.
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

from zfs_replicate.errors import CommandFailed, ReplicateError, StreamBroken
from zfs_replicate.hosts.base import CHUNK_BYTES, Host, Process, Sink, TargetHost, move
from zfs_replicate.model import Exit
from zfs_replicate.observer import Observer
from zfs_replicate.run.gauge import Gauge
from zfs_replicate.steps import Resume, Send
from zfs_replicate.zfs import commands, mbuffer, messages, properties
from zfs_replicate.zfs.send_progress import without_progress

log = logging.getLogger(__name__)


class Cancellation:
    """Stops all running streams, from any thread; streams that start later stop immediately."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kills: set[Callable[[], None]] = set()
        self._is_fired = False

    @contextlib.contextmanager
    def covering(self, kill: Callable[[], None]) -> Iterator[None]:
        """Call `kill` if the cancellation fires meanwhile, or has fired already."""
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
"""How much a sender may still send after its receiver has succeeded: more than all pipes and windows hold."""

NO_OBSERVER = Observer()

TINY_BYTES = 1 << 20
"""Below this size the pipes buffer enough, and mbuffer would only be one more process per small dataset."""


@dataclass(frozen=True, slots=True)
class Pipe:
    """What streams go through. `mbuffer_size` None: no mbuffer. `stall_seconds` None: wait forever.

    `bytes_per_second` limits one stream (None: no limit); it counts the bytes on the network.
    """

    mbuffer_size: str | None = None
    stall_seconds: float | None = None
    bytes_per_second: int | None = None
    compressor: str | None = None
    observer: Observer = NO_OBSERVER
    settings: properties.Settings = commands.PLAIN

    @property
    def is_plain(self) -> bool:
        """Whether streams are neither compressed for the network nor limited."""
        return self.compressor is None and self.bytes_per_second is None

    def sending(self, step: Send | Resume) -> commands.Command:
        """Return the command on the source."""
        send = commands.send(step, has_progress=self.observer.wants_bytes)
        return send if self.compressor is None else commands.compressed(send, self.compressor)

    def receiving(self, step: Send | Resume) -> list[commands.Command]:
        """Return the commands on the target, in order. mbuffer comes first: it buffers the stream still compressed."""
        is_tiny = step.byte_estimate < TINY_BYTES and self.bytes_per_second is None
        stages = []
        if self.mbuffer_size is not None and not is_tiny:
            stages.append(mbuffer.command(self.mbuffer_size, self.bytes_per_second))
        if self.compressor is not None:
            stages.append(commands.decompress(self.compressor))
        return [*stages, commands.receive(step.receiving, self.settings)]


def transfer(source: Host, target: TargetHost, step: Send | Resume, pipe: Pipe, cancellation: Cancellation) -> int:
    """Transfer one stream; return its length in bytes. Raises: the error of the side that failed first."""
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

        with cancellation.covering(kill), _StallWatch(pipe.stall_seconds, kill) as watch:
            byte_count, is_receiver_gone = _copy(sender, sink, watch, Gauge(pipe.observer, step, sender))
            watch.stop()
            sink.close_input()
            received = sink.finish()
            if watch.is_stalled:
                raise _stalled(source, step, pipe)
            if is_receiver_gone:
                if any(stage.exit_status != 0 for stage in received):
                    sender.kill()
                    raise _receiver_error(target, step, received)
                _drain(sender, source, step, pipe)
            sent = sender.finish()
    if sent.exit_status != 0:
        raise messages.explain(source.name, step.snapshot, replace(sent, stderr=without_progress(sent.stderr)), "send")
    if any(stage.exit_status != 0 for stage in received):
        raise _receiver_error(target, step, received)
    for line in received[-1].stderr.splitlines():
        log.warning("%s on %s: received, but: %s", step.receiving.target, target.name, line)
    return byte_count


class _StallWatch:
    """Kills a stream through which nothing passes for `seconds`, from a thread of its own. None: never."""

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
        self.stop()

    def note_progress(self) -> None:
        """Start waiting anew, because some bytes went through."""
        self._last = time.monotonic()

    def stop(self) -> None:
        """Stop watching: after the last byte the receiver may take as long as it needs."""
        self._over.set()

    def _run(self, seconds: float) -> None:
        while (left := self._last + seconds - time.monotonic()) > 0:
            if self._over.wait(left):
                return
        if not self._over.is_set():
            self.is_stalled = True
            self._kill()


def _copy(sender: Process, sink: Sink, watch: _StallWatch, gauge: Gauge) -> tuple[int, bool]:
    """Return how many bytes went through, and whether the receiver closed its end early."""
    byte_count = 0
    try:
        while moved := move(sender, sink, CHUNK_BYTES):
            byte_count += moved
            watch.note_progress()
            gauge.add(moved)
    except BrokenPipeError:
        return byte_count, True
    return byte_count, False


def _drain(sender: Process, source: Host, step: Send | Resume, pipe: Pipe) -> None:
    """Read the rest of a stream whose receiver has succeeded, so that the sender can finish.

    `zfs receive` ends at the last record of the stream and does not read on: that is not a failure.
    """
    left = MAX_LEFT_BYTES
    with _StallWatch(pipe.stall_seconds, sender.kill) as watch:
        while data := sender.read(CHUNK_BYTES):
            watch.note_progress()
            left -= len(data)
            if left < 0:
                raise StreamBroken(
                    f"{step.snapshot} on {source.name}: the source kept sending after the end of the stream, and was"
                    " cut off; check what zfs send prints there, then run again"
                )
    if watch.is_stalled:
        raise _stalled(source, step, pipe)


def _stalled(source: Host, step: Send | Resume, pipe: Pipe) -> StreamBroken:
    return StreamBroken(
        f"{step.snapshot} on {source.name}: no data for {pipe.stall_seconds:g} seconds, so the stream was aborted;"
        " check the network and both pools, then run again: it continues where it stopped"
    )


def _receiver_error(target: TargetHost, step: Send | Resume, stages: tuple[Exit, ...]) -> ReplicateError:
    """Return why the receiver failed. `zfs receive`, the last stage, knows best: the others may only have lost it.

    Unless mbuffer did not even start: then `zfs receive` only says that its stream has ended.
    """
    receive, name = stages[-1], step.receiving.target
    refusal = _mbuffer_refusal(name, target.name, stages)
    if receive.is_killed or (receive.exit_status != 0 and receive.stderr.strip()):
        error = messages.explain(target.name, name, receive, "receive")
        has_lost_stream = isinstance(error, StreamBroken) and not receive.is_killed
        return refusal if refusal is not None and has_lost_stream else error
    if refusal is not None:
        return refusal
    for stage in stages:
        if stage.exit_status not in (0, -signal.SIGPIPE):
            how = f"was killed by signal {-stage.exit_status}" if stage.exit_status < 0 else "failed"
            stderr = " ".join(stage.stderr.split())
            return StreamBroken(
                f"{name} on {target.name}: cannot receive: {stage.command[0]} {how}{f' ({stderr})' if stderr else ''};"
                " run again: it continues where it stopped"
            )
    return StreamBroken(
        f"{name} on {target.name}: cannot receive: the receiver stopped without an error message; run again"
    )


def _mbuffer_refusal(name: str, host: str, stages: tuple[Exit, ...]) -> CommandFailed | None:
    """Return why mbuffer did not start: a size that it, or the memory of this machine, does not allow. Else None."""
    for stage in stages:
        reason = mbuffer.reason_not_to_start(stage.stderr)
        if reason is not None and "-m" in stage.command:
            size = stage.command[stage.command.index("-m") + 1]
            return CommandFailed(
                f"{name} on {host}: cannot receive: mbuffer does not start with -b {size}; choose a smaller one, then"
                f" run again (mbuffer: {reason[: messages.MAX_QUOTED]})"
            )
    return None
