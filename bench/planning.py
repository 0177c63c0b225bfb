"""Measure planning at scale on the machine itself: reading, parsing and planning long listings.

The stand-in for zfs makes the listings beforehand, and cat prints them. Timed are read_both and make_plan in a separate
process: probes, both inventories, plan. The peak memory is that of the whole process.

    python3 -m bench.planning DATASETS SNAPSHOTS_OF_EACH       prints one point as JSON
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.lab import TOP

POINTS = ((10, 10), (10, 100), (100, 100), (250, 100), (500, 100), (1000, 100), (10, 10_000))
"""Datasets and snapshots of each, on either side."""

ROUNDS = 3


def measure() -> list[dict[str, Any]]:
    """Return a point for each size: datasets, snapshots, seconds, plan_seconds, cpu_seconds, peak_bytes."""
    return [_point(datasets, snapshots) for datasets, snapshots in POINTS]


def _point(datasets: int, snapshots: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="bench.") as name:
        environment = stand_in(Path(name), datasets, snapshots, "/dev/null", keeps_answers=True)
        mirror = Path(name) / "received"
        for number in range(datasets):
            (mirror / f"offsite+data{f'+d{number:04}' if number else ''}").write_text(str(snapshots - 1))
        command = [sys.executable, "-m", "bench.planning", str(datasets), str(snapshots)]
        rounds = []
        for _ in range(ROUNDS + 1):
            done = subprocess.run(command, cwd=TOP, env=environment, capture_output=True, text=True, check=True)
            rounds.append(json.loads(done.stdout))
        measured: dict[str, Any] = sorted(rounds[1:], key=lambda point: point["seconds"])[ROUNDS // 2]
        return measured


def stand_in(directory: Path, datasets: int, snapshots: int, stream: str, keeps_answers: bool) -> dict[str, str]:
    """Make a directory with stand-ins for `zfs` and `zpool`; return an environment that uses them."""
    (directory / "received").mkdir(exist_ok=True)
    (directory / "received" / "offsite").write_text("0")
    (directory / "world.json").write_text(json.dumps({"datasets": datasets, "snapshots": snapshots}))
    (directory / "stream").symlink_to(stream)
    if keeps_answers:
        (directory / "answers").mkdir()
    for program in ("zfs", "zpool"):
        script = directory / "bin" / program
        script.parent.mkdir(exist_ok=True)
        script.write_text(SCRIPT.format(directory=directory, program=program, python=sys.executable, top=TOP))
        script.chmod(0o755)
    return {**os.environ, "PATH": f"{directory}/bin:{os.environ['PATH']}", "STAND_IN": str(directory)}


SCRIPT = """#!/bin/sh
export STAND_IN={directory}
run() {{ {python} -S -E {top}/bench/stand_in.py {program} "$@"; }}
[ -d $STAND_IN/answers ] || exec {python} -S -E {top}/bench/stand_in.py {program} "$@"
file=$STAND_IN/answers/$(printf '%s\\n' {program} "$@" | cksum | tr -d ' ')
[ -e "$file" ] || {{ run "$@" >"$file.new" && mv "$file.new" "$file"; }} || exit
exec cat "$file"
"""


def child(datasets: int, snapshots: int) -> dict[str, Any]:
    """Read and plan once, in this process."""
    from zfs_replicate.cli import arguments
    from zfs_replicate.config import MirrorRequest
    from zfs_replicate.hosts.local import LocalHost
    from zfs_replicate.plan.planner import make_plan
    from zfs_replicate.run.survey import Place, read_both

    words = ["-h", "localhost", "-r", "tank/data", "-l", "offsite/data", "-t", "bench", "-k", "1", "-n"]
    request = arguments.parse(words)
    if not isinstance(request, MirrorRequest):
        raise TypeError("not a mirror run")
    began, cpu = time.perf_counter(), time.process_time()
    survey = read_both(Place(LocalHost(), request.remote), Place(LocalHost(), request.local))
    read = time.perf_counter()
    plan = make_plan(survey, request, int(time.time()))
    ended, cpu_seconds = time.perf_counter(), time.process_time() - cpu
    if len(plan.datasets) != datasets or any(dataset.conflict for dataset in plan.datasets):
        raise AssertionError("unexpected plan")
    return {
        "datasets": datasets,
        "snapshots": datasets * snapshots,
        "seconds": ended - began,
        "cpu_seconds": cpu_seconds,
        "plan_seconds": ended - read,
        "peak_bytes": _peak_bytes(),
    }


def _peak_bytes() -> int:
    """Return the peak memory of this program alone: ru_maxrss includes the process before exec."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    print(json.dumps(child(int(sys.argv[1]), int(sys.argv[2]))))
