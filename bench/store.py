"""Keep figures between runs, beside the document: a JSON file for each part, with a description of the machine."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.lab import TOP
from bench.records import Run, from_line, to_line

DIRECTORY = TOP / "docs" / "benchmarks"


@dataclass(frozen=True, slots=True)
class About:
    """When and on what a part was measured, and the versions. It does not identify the machine."""

    date: str
    commit: str
    machine: str
    load: float
    versions: tuple[str, ...]


def about(peers: Path | None = None) -> About:
    """Describe this machine, its current load, and the versions in use."""
    cpu = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "?"
    )
    memory = next(int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")) // 1048576
    machine = f"{os.cpu_count()} x {cpu}, {memory} GiB, Linux {platform.release().split('-')[0]}"
    return About(
        time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
        _commit(),
        machine,
        round(os.getloadavg()[0], 1),
        tuple(_versions(peers)) if peers else (f"Python {platform.python_version()}",),
    )


def _commit() -> str:
    """Return the newest commit that changed the program, with a + if there are uncommitted changes."""
    git = ("git", "-C", str(TOP))
    log = subprocess.run((*git, "log", "-1", "--format=%h", "--", "zfs_replicate"), capture_output=True, check=True)
    changed = subprocess.run((*git, "status", "--porcelain", "zfs_replicate"), capture_output=True, check=True)
    return log.stdout.decode().strip() + ("+" if changed.stdout else "")


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


def _versions(peers: Path) -> Iterable[str]:
    lab = Path(os.environ.get("ZFS_LAB", Path.home() / ".cache" / "zfs_replicate" / "lab"))
    yield from _lines(str(lab / os.environ.get("ZFS_LAB_VARIANT", "2.4") / "ready" / "about"))
    yield f"sanoid {(peers / 'sanoid' / 'version').read_text().strip()}"
    for name in ("bzfs", "zfs-autobackup"):
        directory = next((peers / name).glob(f"{name.replace('-', '_')}-*.dist-info"))
        yield f"{name} {directory.name.removesuffix('.dist-info').rpartition('-')[2]}"


def save(part: str, description: About, data: Any) -> None:
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"about": dataclasses.asdict(description), "data": data}, indent=1)
    temporary = DIRECTORY / f".{part}.json"
    temporary.write_text(text + "\n")
    temporary.replace(DIRECTORY / f"{part}.json")


def load(part: str) -> tuple[About, Any] | None:
    path = DIRECTORY / f"{part}.json"
    if not path.exists():
        return None
    stored = json.loads(path.read_text())
    return About(**{**stored["about"], "versions": tuple(stored["about"]["versions"])}), stored["data"]


def save_runs(part: str, description: About, runs: Iterable[Run]) -> None:
    """Save runs. An empty list, from a failed run, keeps the old figures."""
    lines = [to_line(run) for run in runs]
    if lines:
        save(part, description, lines)
    else:
        print(f"bench: no figures for {part}", file=sys.stderr)


def load_runs(part: str) -> tuple[About, list[Run]] | None:
    stored = load(part)
    return None if stored is None else (stored[0], [from_line(line) for line in stored[1]])
