"""Manage the pools in the guest: the source tree, a target for each tool, the delay, the check of guids."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from random import Random

from bench.records import Cell
from bench.tools import BACKUP_NAME, SOURCE, TARGET_POOL, Tool

NEW_BYTES = 16 << 10
"""Written into every dataset before each snapshot."""

ROUNDS_AT_MOST, TOOLS_AT_MOST = 5, 7

FIRST_NAME = 1_700_000_000
"""The time in the name of the first snapshot; the others follow at intervals of a minute."""


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
    return done.stdout


class Pools:
    """`tank` with the mounted source tree, and `offsite` with a parent for each tool's mirror."""

    def __init__(self, directory: Path, cell: Cell) -> None:
        self._directory = directory
        self._cell = cell
        self._taken = 0

    def make(self) -> None:
        compression = "off" if self._cell.text_megabytes else "lz4"
        for pool, options in (("tank", ()), (TARGET_POOL, ("-O", "mountpoint=none", "-O", "canmount=off"))):
            image = self._directory / f"{pool}.img"
            image.unlink(missing_ok=True)
            with image.open("wb") as file:
                file.truncate(self._size())
            run("zpool", "create", "-O", "atime=off", "-O", f"compression={compression}", *options, pool, str(image))
        run("zfs", "create", "-o", f"autobackup:{BACKUP_NAME}=true", SOURCE)
        for number in range(1, self._cell.datasets):
            run("zfs", "create", f"{SOURCE}/d{number:04}")
        if self._cell.text_megabytes:
            for directory in self._mounted():
                _write_text(directory / "text", self._cell.text_megabytes << 20)
        for _ in range(self._cell.snapshots):
            self.take()

    def _size(self) -> int:
        """Return a small size, so that zfs reuses space: the images are in the guest's memory and never shrink."""
        snapshots = self._cell.snapshots + ROUNDS_AT_MOST
        dataset_bytes = snapshots * 2 * NEW_BYTES * TOOLS_AT_MOST + (self._cell.text_megabytes << 21)
        return (512 << 20) + self._cell.datasets * dataset_bytes

    def take(self) -> None:
        """Write something into every dataset, then take a snapshot of all."""
        for directory in self._mounted():
            (directory / "file").write_bytes(os.urandom(NEW_BYTES))
        stamp = time.strftime("%Y%m%d%H%M%S", time.gmtime(FIRST_NAME + 60 * self._taken))
        run("zfs", "snapshot", "-r", f"{SOURCE}@{BACKUP_NAME}-{stamp}")
        self._taken += 1

    def _mounted(self) -> list[Path]:
        top = Path("/") / SOURCE
        return [top, *(top / f"d{number:04}" for number in range(1, self._cell.datasets))]

    def clear(self, tool: Tool) -> None:
        """Remove everything of a tool but the parent of its mirror."""
        subprocess.run(["zfs", "release", "-r", "bench:target", tool.target], capture_output=True, check=False)
        held = run("zfs", "list", "-Hpr", "-t", "snapshot", "-o", "name,userrefs", TARGET_POOL).splitlines()
        for name, count in (line.split("\t") for line in held if line.startswith(tool.parent + "/")):
            if count != "0":
                for line in run("zfs", "holds", "-H", name).splitlines():
                    run("zfs", "release", line.split("\t")[1], name)
        subprocess.run(["zfs", "destroy", "-r", tool.parent], capture_output=True, check=False)
        run("zfs", "create", "-u", tool.parent)

    def seed(self, tool: Tool) -> None:
        """Make a tool's mirror with a local stream, when its first mirror is not measured."""
        self.clear(tool)
        newest = run("zfs", "list", "-Hp", "-d1", "-t", "snapshot", "-o", "name", "-s", "createtxg", SOURCE).split()[-1]
        options = ("-u", "-x", f"autobackup:{BACKUP_NAME}", "-o", "readonly=on", "-o", "canmount=noauto")
        run(
            "bash",
            "-o",
            "pipefail",
            "-c",
            'zfs send -R "$1" | zfs receive "${@:2}"',
            "-",
            newest,
            *options,
            tool.target,
        )

    def is_equal(self, tool: Tool) -> bool:
        """Whether the mirror has every snapshot of the source with the same guid, and no others."""
        source_guids = _guids(SOURCE)
        return bool(source_guids) and source_guids == _guids(tool.target)

    def destroy(self) -> None:
        for pool in ("tank", TARGET_POOL):
            subprocess.run(["zpool", "destroy", "-f", pool], capture_output=True, check=False)


def _guids(root: str) -> dict[str, str]:
    """Return the guids by name below the root."""
    done = subprocess.run(
        ["zfs", "list", "-Hpr", "-t", "snapshot", "-o", "name,guid", root], capture_output=True, text=True, check=False
    )
    return {name[len(root) :]: guid for name, guid in (line.split("\t") for line in done.stdout.splitlines())}


def _write_text(path: Path, size: int) -> None:
    """Write lines like a server's log."""
    random = Random(size)  # noqa: S311 - the same text each time
    with path.open("w") as file:
        while size > 0:
            at, user, took = random.randrange(10**9), random.randrange(5000), random.randrange(10**6)
            status = random.choice(("200 OK", "304 Not Modified", "404 Not Found"))
            size -= file.write(f"2023-11-14T22:13:20.{at:09} GET /users/{user}/inbox HTTP/1.1 {status} {took} us\n")


def delay(cell: Cell) -> None:
    """Delay and limit all traffic over loopback as the cell says."""
    no_delay()
    if cell.rtt_milliseconds:
        delay_each_way = f"{cell.rtt_milliseconds * 500}us"
        rate = ("rate", f"{cell.megabits_per_second}mbit") if cell.megabits_per_second else ()
        run("tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", delay_each_way, *rate, "limit", "100000")


def no_delay() -> None:
    subprocess.run(["tc", "qdisc", "del", "dev", "lo", "root"], capture_output=True, check=False)
