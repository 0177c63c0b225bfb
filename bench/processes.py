"""Measure one run of a tool: its processes on this side, and those of the run's own sshd on the other."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
PATIENCE_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Used:
    """The CPU time of a process tree, and the memory of its largest process."""

    cpu_seconds: float = 0.0
    peak_bytes: int = 0

    def and_(self, other: Used) -> Used:
        return Used(self.cpu_seconds + other.cpu_seconds, max(self.peak_bytes, other.peak_bytes))


@dataclass(frozen=True, slots=True)
class Measured:
    """`status` None: the run exceeded its limit."""

    status: int | None
    seconds: float
    used: Used


def adopt_orphans() -> None:
    """Become the parent of processes that a tool leaves in the background, to end and count them."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def measure(command: Sequence[str], limit_seconds: float, log: Path, keep: frozenset[int]) -> Measured:
    """Run a command to its end, then end all processes that it left, except those in `keep`."""
    with log.open("w") as file:
        began = time.monotonic()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True)
        used, status = _wait(process, limit_seconds)
        seconds = time.monotonic() - began
    for pid in children(os.getpid()):
        if pid not in keep and pid != process.pid:
            used = used.and_(end(pid))
    return Measured(status, seconds, used)


def _wait(process: subprocess.Popen[bytes], limit_seconds: float) -> tuple[Used, int | None]:
    def late(_number: int, _frame: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, limit_seconds)
    try:
        _pid, status, used = os.wait4(process.pid, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
    except TimeoutError:
        os.killpg(process.pid, signal.SIGKILL)
        _pid, status, used = os.wait4(process.pid, 0)
        process.returncode = -signal.SIGKILL
        return _used(used), None
    finally:
        signal.signal(signal.SIGALRM, before)
    process.returncode = os.waitstatus_to_exitcode(status)
    return _used(used), process.returncode


def end(pid: int) -> Used:
    """End one of our children, and its children; return what they used."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return Used()
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            done, _status, used = os.wait4(pid, os.WNOHANG)
            if done:
                return _used(used)
            time.sleep(0.01)
    raise TimeoutError(f"process {pid} did not end")


def _used(usage: resource.struct_rusage) -> Used:
    return Used(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def children(parent: int) -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # ended meanwhile
                continue
            if int(fields[1]) == parent:
                yield int(entry.name)


class Sshd:
    """An sshd for one run, with root's own keys; its log shows the connections and commands."""

    def __init__(self, log: Path, *options: str, port: int = 22) -> None:
        self._log = log
        log.unlink(missing_ok=True)
        words = [
            word
            for option in (f"ListenAddress=127.0.0.1:{port}", "LogLevel=VERBOSE", *options)
            for word in ("-o", option)
        ]
        self._process = subprocess.Popen(["/usr/sbin/sshd", "-D", "-E", str(log), *words])
        until = time.monotonic() + PATIENCE_SECONDS
        while "Server listening" not in self._text():
            if time.monotonic() > until or self._process.poll() is not None:
                raise TimeoutError(f"sshd did not start: {self._text()}")
            time.sleep(0.01)

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> Used:
        """Wait for the sessions to end, then end sshd; return what all its processes used."""
        until = time.monotonic() + PATIENCE_SECONDS
        while any(True for _ in children(self.pid)) and time.monotonic() < until:
            time.sleep(0.01)
        used = end(self.pid)
        self._process.returncode = 0
        return used

    def connections(self) -> int:
        return self._text().count("Accepted publickey")

    def commands(self) -> int:
        return self._text().count("Starting session: command")

    def _text(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""
