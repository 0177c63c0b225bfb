"""Run zfs commands: SimulatedZfs and OpenZfs. Tests see only the interface that both share."""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.exits import failed
from tests.support.simulator import SimulatedHost, World
from zfs_replicate.errors import CommandFailed
from zfs_replicate.hosts.base import Process, Sink, TargetHost, run
from zfs_replicate.hosts.local import LocalHost
from zfs_replicate.model import Exit
from zfs_replicate.run.hold_tags import read_tags
from zfs_replicate.zfs import messages

MIB = 1 << 20
CHUNK = 65_536
POOLS = ("ctank", "coff", "csmall")
SMALL_ROOM = 8 * MIB
"""Free space in csmall, about."""

STRANGER = "nobody"
"""A user with no permission except those that a test grants."""


@dataclass(frozen=True)
class Result:
    """Output and exit status of a command."""

    stdout: str
    stderr: str
    status: int

    @property
    def error(self) -> type[CommandFailed] | None:
        """The product's error for it; None if it succeeded."""
        if self.status == 0:
            return None
        return type(messages.explain("here", "it", failed(self.stderr), "do it"))

    @property
    def lines(self) -> list[str]:
        return self.stdout.splitlines()


@dataclass(frozen=True)
class Meanwhile:
    """Something that happens during a stream: at which byte, and what."""

    place: int
    act: Callable[[], object]


class Zfs(ABC):
    """A host with the pools ctank, coff and csmall. `source` and `target` are names for this test only."""

    host: TargetHost
    _numbers = itertools.count()

    def __init__(self) -> None:
        number = next(self._numbers)
        self.source = f"ctank/t{number}"
        self.target = f"coff/t{number}"

    @abstractmethod
    def write(self, dataset: str, size: int = 4096) -> None:
        """Write new data into a filesystem, as its users would."""

    @abstractmethod
    def delete(self, dataset: str) -> None:
        """Delete all data of a filesystem, as its users would."""

    @abstractmethod
    def mounted_snapshot(self, snapshot: str) -> contextlib.AbstractContextManager[None]:
        """Mount a snapshot meanwhile."""

    # --- commands ---

    def run(self, command: Sequence[str]) -> Result:
        text, ended = run(self.host, command)
        return Result(text, ended.stderr, ended.exit_status)

    def zfs(self, *arguments: str, user: str = "root") -> Result:
        prefix = () if user == "root" else ("setpriv", "--reuid", user, "--clear-groups", "--")
        return self.run((*prefix, "zfs", *arguments))

    def ok(self, *arguments: str) -> list[str]:
        """Run a zfs command that must succeed; return the lines of its stdout."""
        result = self.zfs(*arguments)
        assert result.status == 0, f"zfs {' '.join(arguments)}: {result}"
        return result.lines

    def pipe(
        self,
        send: Sequence[str],
        receive: Sequence[str],
        *,
        cut: int | None = None,
        meanwhile: Meanwhile | None = None,
        user: str = "root",
    ) -> tuple[Result, Result]:
        """Run `zfs send … | zfs receive …`; return both results. `cut`: end the stream after that many bytes."""
        prefix = () if user == "root" else ("setpriv", "--reuid", user, "--clear-groups", "--")
        with (
            self.host.start((*prefix, "zfs", "send", *send)) as sender,
            self.host.open_sink([(*prefix, "zfs", "receive", *receive)]) as sink,
        ):
            try:
                _copy(sender, sink, cut, meanwhile)
            except BrokenPipeError:
                _end(sender)
            sink.close_input()
            (received,) = sink.finish()
            sent = Exit((), 0, "") if cut is not None else sender.finish()
        return Result("", sent.stderr, sent.exit_status), Result("", received.stderr, received.exit_status)

    def feed(self, stream: bytes, receive: Sequence[str]) -> Result:
        """Run `zfs receive …` with these bytes on stdin."""
        with self.host.open_sink([("zfs", "receive", *receive)]) as sink:
            with contextlib.suppress(BrokenPipeError):
                sink.write(stream)
            sink.close_input()
            (received,) = sink.finish()
        return Result("", received.stderr, received.exit_status)

    def stream(self, *send: str) -> bytes:
        with self.host.start(("zfs", "send", *send)) as sender:
            return b"".join(iter(lambda: sender.read(CHUNK), b""))

    # --- queries ---

    def snapshots(self, dataset: str) -> list[str]:
        """Return the names after the @, oldest first."""
        lines = self.ok("list", "-Hp", "-t", "snapshot", "-o", "name", "-s", "createtxg", dataset)
        return [line.partition("@")[2] for line in lines]

    def column(self, name: str, column: str) -> str:
        (value,) = self.ok("list", "-Hp", "-t", "all", "-o", column, name)
        return value

    def setting(self, dataset: str, name: str) -> tuple[str, str]:
        """Return value and source of a property."""
        (line,) = self.ok("get", "-Hp", "-o", "value,source", name, dataset)
        value, source = line.split("\t")
        return value, source

    def guid(self, name: str) -> int:
        return int(self.column(name, "guid"))

    def written(self, name: str) -> int:
        return int(self.column(name, "written"))

    def token(self, dataset: str) -> str:
        """Return the resume token; empty if there is none."""
        value = self.column(dataset, "receive_resume_token")
        return "" if value == "-" else value

    def exists(self, name: str) -> bool:
        return self.zfs("list", "-Hp", "-t", "all", "-o", "name", name).status == 0

    def tags(self, snapshot: str) -> set[str]:
        return set(read_tags(self.host, {snapshot: int(self.column(snapshot, "userrefs"))}).get(snapshot, ()))

    # --- setup for most tests ---

    def make_source(self, *snapshots: str, size: int = 4096) -> None:
        """Create the source filesystem; write to it before each snapshot."""
        self.ok("create", self.source)
        for name in snapshots:
            self.write(self.source, size)
            self.ok("snapshot", f"{self.source}@{name}")

    def send(self, *send: str, cut: int | None = None) -> Result:
        """Send to an existing target as the product does; return the receiver's result."""
        return self.pipe(send, ("-s", "-u", self.target), cut=cut)[1]

    def copy_first(self, name: str = "a") -> None:
        """Make a full copy of a snapshot, as the product does."""
        options = ("-o", "readonly=on", "-o", "canmount=noauto")
        _sent, received = self.pipe((f"{self.source}@{name}",), ("-s", "-u", *options, self.target))
        assert received.status == 0, received


class SimulatedZfs(Zfs):
    """The simulator."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.world.add_pool("ctank")
        self.world.add_pool("coff")
        self.world.add_pool("csmall", SMALL_ROOM)
        self.host = SimulatedHost(self.world, *POOLS)

    def write(self, dataset: str, size: int = 4096) -> None:
        self.world.write(dataset, size)

    def delete(self, dataset: str) -> None:
        self.world.delete(dataset)

    @contextlib.contextmanager
    def mounted_snapshot(self, snapshot: str) -> Iterator[None]:
        self.world.mount(snapshot)
        yield
        self.world.mount(snapshot, is_mounted=False)


class OpenZfs(Zfs):
    """Real pools on files, made by `real_pools`."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self.host = LocalHost()
        self._mount = directory / "mount"

    def write(self, dataset: str, size: int = 4096) -> None:
        with self._mounted(dataset):
            (self._mount / os.urandom(4).hex()).write_bytes(os.urandom(size))

    def delete(self, dataset: str) -> None:
        with self._mounted(dataset):
            for path in self._mount.iterdir():
                path.unlink()

    @contextlib.contextmanager
    def _mounted(self, dataset: str) -> Iterator[None]:
        self._mount.mkdir(exist_ok=True)
        _must("mount", "-t", "zfs", "-o", "zfsutil", dataset, str(self._mount))
        try:
            yield
        finally:
            _must("umount", str(self._mount))

    @contextlib.contextmanager
    def mounted_snapshot(self, snapshot: str) -> Iterator[None]:
        with tempfile.TemporaryDirectory() as directory:
            _must("mount", "-t", "zfs", snapshot, directory)
            try:
                yield
            finally:
                _must("umount", directory)


@contextlib.contextmanager
def real_pools(directory: Path) -> Iterator[None]:
    """Create the pools, destroy them at the end; also let users other than root use /dev/zfs."""
    Path("/dev/zfs").chmod(0o666)
    for pool in POOLS:
        image = directory / f"{pool}.img"
        with image.open("wb") as file:
            file.truncate((64 if pool == "csmall" else 1024) * MIB)
        _must("zpool", "create", "-O", "mountpoint=none", "-O", "atime=off", pool, str(image))
    free = int(_must("zfs", "list", "-Hp", "-o", "available", "csmall"))
    _must("zfs", "create", "-o", f"refreservation={free - SMALL_ROOM}", "csmall/filler")
    try:
        yield
    finally:
        for pool in POOLS:
            _must("zpool", "destroy", "-f", pool)


def _must(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _end(sender: Process) -> None:
    """Kill the sender, and drain its pipe: in the kernel it gets no signal while the pipe is full."""
    sender.kill()
    while sender.read(CHUNK):
        continue


def _copy(sender: Process, sink: Sink, cut: int | None, meanwhile: Meanwhile | None) -> None:
    left = cut
    place = 0
    while left is None or left > 0:
        size = CHUNK if left is None else min(CHUNK, left)
        if meanwhile is not None and place < meanwhile.place:
            size = min(size, meanwhile.place - place)
        data = sender.read(size)
        if not data:
            return
        sink.write(data)
        place += len(data)
        left = None if left is None else left - len(data)
        if meanwhile is not None and place == meanwhile.place:
            meanwhile.act()
