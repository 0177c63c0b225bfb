"""Measure ways to carry a stream, in turns, in the namespace that bulk.py creates. Prints JSON on stdout."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from statistics import median
from typing import Any

from bench import tools
from bench.planning import stand_in
from bench.processes import Sshd, adopt_orphans, measure
from bench.tools import HOST, SOURCE, TARGET_POOL
from zfs_replicate.model import COMPRESSORS

MEBIBYTE = 1 << 20
SINGLE_BYTES, SEVERAL_BYTES = 1024 * MEBIBYTE, 512 * MEBIBYTE
ROUNDS = 4
LIMIT_SECONDS = 120
CIPHER = "aes128-gcm@openssh.com"
WORK = Path("/tmp/work")

BY_HAND = (
    f"ssh -c {CIPHER} {HOST} zfs send {SOURCE}@bench-20231114221320 | mbuffer -q -s 128k -m 128M |"
    f" zfs receive {TARGET_POOL}/hand/data"
)

HOW = (
    f"A stream of {SINGLE_BYTES // MEBIBYTE} MiB of random bytes over loopback. All tools run completely, with the"
    f" settings below and the cipher {CIPHER} first; their `zfs` is a stand-in whose send is `cat` of a file in memory"
    " and whose receive is `wc -c`, which checks that every byte arrives. The rate is that of the stream alone, from"
    f" the start of send to the end of receive. By hand is `{BY_HAND}`. Several at once:"
    f" {SEVERAL_BYTES // MEBIBYTE} MiB each."
)


def ways() -> dict[str, tuple[str, ...]]:
    left_out = ("bzfs", *COMPRESSORS)
    commands = {
        tool.name: tool.command
        for tool in tools.all_tools(has_transports=True)
        if not any(name in tool.name for name in left_out)
    }
    return {
        "by hand": ("bash", "-o", "pipefail", "-c", BY_HAND),
        **commands,
        "bzfs": tools.bzfs("bzfs", f"--ssh-cipher={CIPHER}").command,
    }


class Bulk:
    def __init__(self, datasets: int, size: int) -> None:
        shutil.rmtree(WORK, ignore_errors=True)
        WORK.mkdir()
        self._size, self._datasets = size, datasets
        stream = Path("/tmp/stream")
        if not stream.exists() or stream.stat().st_size != size:
            with stream.open("wb") as file:
                for _ in range(size // MEBIBYTE):
                    file.write(os.urandom(MEBIBYTE))
        os.environ["PATH"] = stand_in(WORK, datasets, 1, str(stream), keeps_answers=False)["PATH"]

    def run(self, name: str, command: tuple[str, ...]) -> dict[str, float] | None:
        """Return the figures of one run; None if it failed or lost bytes."""
        for path in (*(WORK / "received").iterdir(), WORK / "times"):
            path.unlink(missing_ok=True)
        for dataset in (TARGET_POOL, f"{TARGET_POOL}+{name.replace(' ', '')}"):
            (WORK / "received" / dataset).write_text("0")
        sshd = Sshd(WORK / "sshd.log", "PerSourcePenalties=no", f"SetEnv=PATH={os.environ['PATH']}")
        log = WORK / "log"
        measured = measure(command, LIMIT_SECONDS, log, frozenset({sshd.pid}))
        remote = sshd.stop()
        times = [line.split() for line in self._times()]
        began = [float(at) for at, what, *_ in times if what == "began"]
        ended = [float(at) for at, what, *_ in times if what == "ended"]
        arrived = [int(words[2]) for words in times if words[1] == "ended"]
        if measured.status != 0 or arrived != [self._size] * self._datasets:
            print(f"{name}: status {measured.status}, {arrived}: {log.read_text()[-1500:]}", file=sys.stderr)
            return None
        rate = self._size * self._datasets / MEBIBYTE / (max(ended) - min(began))
        print(f"{name}: {rate:.0f} MiB/s, {measured.seconds:.2f} s", file=sys.stderr, flush=True)
        return {
            "rate": rate,
            "seconds": measured.seconds,
            "local_cpu_seconds": measured.used.cpu_seconds,
            "remote_cpu_seconds": remote.cpu_seconds,
        }

    def _times(self) -> list[str]:
        path = WORK / "times"
        return path.read_text().splitlines() if path.exists() else []


def in_turns(bulk: Bulk, commands: dict[str, tuple[str, ...]]) -> dict[str, list[dict[str, float]]]:
    results: dict[str, list[dict[str, float]]] = {name: [] for name in commands}
    remaining = dict(commands)
    for _ in range(ROUNDS):
        for name, command in list(remaining.items()):
            figures = bulk.run(name, command)
            if figures is None:
                del remaining[name]
            else:
                results[name].append(figures)
    return results


def main() -> int:
    adopt_orphans()
    ssh = Path("/root/.ssh")
    (ssh / "config").write_text(f"Ciphers ^{CIPHER}\n")
    Path("/tmp/shared-connections").write_text(tools.SHARED_CONNECTIONS + f"    Ciphers ^{CIPHER}\n")
    result: dict[str, Any] = {"how": HOW, "single": in_turns(Bulk(1, SINGLE_BYTES), ways()), "several": {}}
    for count in (1, 2, 4):
        several = Bulk(count, SEVERAL_BYTES)
        runs = [several.run("zfs_replicate", tools.ours("zfs_replicate", "-j", str(count)).command) for _ in range(3)]
        result["several"][count] = [run for run in runs if run is not None]
    print(
        {name: median(run["rate"] for run in runs) for name, runs in result["single"].items() if runs},
        file=sys.stderr,
    )
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
