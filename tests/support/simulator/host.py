"""Implement the host protocol (zfs_replicate.hosts.base) with the simulator. No threads: a command runs when it is
started, a stream is received while it is written."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from tests.support.exits import exited
from tests.support.simulator import shell
from tests.support.simulator.bundle import SimulatedBundle
from tests.support.simulator.faults import Call, CrashClient, Die, Fail, Fault, HangUp, Signal
from tests.support.simulator.machine import ROOT, Machine, NotModelled
from tests.support.simulator.receiving import Receiver
from tests.support.simulator.scripts import bundled_sends
from tests.support.simulator.world import World
from zfs_replicate.errors import ConnectionFailed
from zfs_replicate.hosts.base import Process
from zfs_replicate.model import Exit
from zfs_replicate.signals import Interrupted

Command = tuple[str, ...]


class SimulatedHost:
    """A machine that has imported these pools. `commands` lists what was started here, in order."""

    def __init__(self, world: World, *pools: str, name: str = "source", user: str = ROOT) -> None:
        self.world = world
        self.machine = Machine(world, pools, user)
        self.commands: list[Command] = []
        self.is_connected = True
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    def reconnect(self) -> None:
        self.is_connected = True

    def run(self, *command: str) -> str:
        """For tests: run a command as an administrator here, without faults; return its stdout.

        Raises: AssertionError unless it succeeds.
        """
        stdout, stderr, status = shell.run(self.machine, command)
        if status != 0:
            raise AssertionError(f"{' '.join(command)}: status {status}: {stderr}")
        return stdout.decode()

    def start(self, command: Sequence[str]) -> Process:
        bundle = bundled_sends(command)
        if bundle is not None:
            with self.world.lock:
                self._begin([tuple(command)])
            return SimulatedBundle(self, tuple(command), *bundle)
        return self.start_one(command)

    def start_one(self, command: Sequence[str]) -> SimulatedProcess:
        with self.world.lock:
            firing = self._begin([tuple(command)])
            failure = self.apply([fault for fault in firing if fault.at == "before"])
            done = (b"", failure.stderr, failure.status) if failure else shell.run(self.machine, command)
            failure = self.apply([fault for fault in firing if fault.at == "after"], is_started=True)
            if failure:
                done = (b"", failure.stderr, failure.status)
            process = SimulatedProcess(self, tuple(command), done)
            process.faults = _by_place(firing)
            return process

    is_root = False
    """False, so that tests see no -x options; real OpenZFS tests those."""

    def open_sink(self, pipeline: Sequence[Sequence[str]]) -> SimulatedSink:
        with self.world.lock:
            stages = [tuple(command) for command in pipeline]
            firing = self._begin(stages)
            failure = self.apply([fault for fault in firing if fault.at == "before"])
            sink = SimulatedSink(self, stages, _by_place(firing))
            if failure:
                sink.fail(failure)
            sink.after = [fault for fault in firing if fault.at == "after"]
            return sink

    def _begin(self, stages: list[Command]) -> list[Fault]:
        self.world.faults.check_alive()
        self.check_connected()
        self.commands.extend(stages)
        return self.world.faults.firing(self._name, stages)

    def check_connected(self) -> None:
        if not self.is_connected:
            raise ConnectionFailed(f"{self._name}: the connection is lost; run again")

    def apply(self, faults: Sequence[Fault], is_started: bool = False) -> Fail | None:
        """Let faults happen; return the failure that replaces the command's result. Raises: Crash, ConnectionFailed."""
        failure = None
        for fault in faults:
            match fault.action:
                case Call(function):
                    function()
                case CrashClient():
                    self.world.faults.crash()
                case Signal():
                    raise Interrupted(signal.SIGTERM)
                case HangUp():
                    self.is_connected = False
                    if not is_started:
                        self.check_connected()
                case Fail():
                    failure = fault.action
                case Die():
                    raise NotModelled("Die needs a number of bytes")
        return failure


def _by_place(firing: Sequence[Fault]) -> list[tuple[int, Fault]]:
    """Return the faults that fire within the stream, in the order of their positions."""
    return sorted(((fault.at, fault) for fault in firing if isinstance(fault.at, int)), key=lambda pair: pair[0])


class SimulatedProcess:
    """A command that has already run; its stdout is read. A lost connection ends stdout, as over SSH."""

    def __init__(self, host: SimulatedHost, command: Command, done: tuple[bytes, str, int]) -> None:
        self._host = host
        self._stdout, stderr, status = done
        self._ended = exited(command, status, stderr)
        self._place = 0
        self.faults: list[tuple[int, Fault]] = []

    @property
    def pipe(self) -> None:
        return None

    def read(self, size: int) -> bytes:
        with self._host.world.lock:
            self._host.world.faults.check_alive()
            while self.faults and self.faults[0][0] <= self._place:
                self._strike(self.faults.pop(0)[1])
            if not self._host.is_connected:
                return b""
            end = min(self._place + size, len(self._stdout), *(place for place, _fault in self.faults[:1]))
            data = self._stdout[self._place : end]
            self._place = end
            return data

    def stderr_since(self, offset: int) -> bytes:  # noqa: ARG002 - it comes at the end only
        return b""

    def _strike(self, fault: Fault) -> None:
        if isinstance(fault.action, Die | Fail):
            self._end(fault.action.status, fault.action.stderr)
        else:
            self._host.apply([fault], is_started=True)

    def _end(self, status: int, stderr: str) -> None:
        self._stdout = self._stdout[: self._place]
        self._ended = exited(self._ended.command, status, stderr)

    def finish(self) -> Exit:
        self._host.world.faults.check_alive()
        self._host.check_connected()
        return self._ended

    def kill(self) -> None:
        if self._place < len(self._stdout):
            self._end(-13, "")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.kill()


class SimulatedSink:
    """A pipeline that ends in `zfs receive`; the stages before it (mbuffer) pass data through."""

    def __init__(self, host: SimulatedHost, stages: list[Command], faults: list[tuple[int, Fault]]) -> None:
        machine, receive = shell.as_user(host.machine, stages[-1])
        if not shell.is_receive(receive) or any(stage[0] != "mbuffer" for stage in stages[:-1]):
            raise NotModelled(f"pipeline {stages}")
        self._host = host
        self._stages = stages
        self._faults = faults
        self._receiver = Receiver(machine, receive[2:])
        self._killed: dict[Command, Die] = {}
        self._place = 0
        self._is_broken = False
        self.after: list[Fault] = []
        host.world.faults.at_crash(self._cut)

    def fail(self, failure: Fail) -> None:
        self._killed[self._stages[-1]] = Die(failure.status, failure.stderr)
        self._receiver.kill()

    @property
    def pipe(self) -> None:
        return None

    def write(self, data: bytes) -> None:
        with self._host.world.lock:
            self._host.world.faults.check_alive()
            if self._receiver.reply is not None:
                self._is_broken = True
                raise BrokenPipeError
            left = memoryview(data)
            while self._faults and self._faults[0][0] <= self._place + len(left):
                place, fault = self._faults.pop(0)
                head = place - self._place
                self._receiver.feed(bytes(left[:head]))
                left = left[head:]
                self._place = place
                self._strike(fault)
            self._receiver.feed(bytes(left))
            self._place += len(left)

    def _strike(self, fault: Fault) -> None:
        if not isinstance(fault.action, Die | Fail):
            self._host.apply([fault], is_started=True)
            return
        stage = next(stage for stage in self._stages if fault.matches(stage))
        self._killed[stage] = Die(fault.action.status, fault.action.stderr)
        if stage is self._stages[-1]:
            self._receiver.kill()
        else:
            self._receiver.end()
        self._is_broken = True
        raise BrokenPipeError

    def close_input(self) -> None:
        self._cut()

    def finish(self) -> tuple[Exit, ...]:
        with self._host.world.lock:
            self._host.world.faults.check_alive()
            failure = self._host.apply(self.after, is_started=True)
            reply = self._receiver.reply
            if reply is None:
                raise AssertionError("finish before close_input: the receiver would wait forever")
            last = exited(self._stages[-1], reply.status, reply.stderr)
            ended = [self._passing(stage) for stage in self._stages[:-1]] + [self._own(last)]
            if failure:
                ended[-1] = exited(self._stages[-1], failure.status, failure.stderr)
            return tuple(ended)

    def _passing(self, stage: Command) -> Exit:
        """mbuffer fails if the next stage ends while there is more to write (lab: status 1)."""
        stderr = "mbuffer: error: outputThread: error writing to <stdout> at offset 0x0: Broken pipe\n"
        return self._own(exited(stage, 1, stderr) if self._is_broken else exited(stage, 0, ""))

    def _own(self, ended: Exit) -> Exit:
        killed = self._killed.get(ended.command)
        return exited(ended.command, killed.status, killed.stderr) if killed else ended

    def kill(self) -> None:
        if self._receiver.reply is None and len(self._stages) == 1:
            self._killed[self._stages[0]] = Die(-15)
        self._cut()

    def _cut(self) -> None:
        with self._host.world.lock:
            self._host.world.faults.no_longer_at_crash(self._cut)
            self._receiver.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._cut()
