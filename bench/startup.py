"""Measure what a start costs on the machine itself: CPU time, and whether it imports paramiko."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from statistics import median
from typing import Any

from bench.lab import TOP

PROGRAM = str(TOP / "bin" / "zfs_replicate")
ROUNDS = 9

CASES: tuple[tuple[str, float | None, tuple[str, ...]], ...] = (
    ("--help", 0.15, ("--help",)),
    ("bad usage", 0.15, ("-h", "nas1", "--no-such-option")),
    (
        "a run on localhost, up to its first command",
        None,
        ("-h", "localhost", "-r", "nowhere/a", "-l", "elsewhere/b", "-t", "bench", "-n"),
    ),
)


def measure() -> list[dict[str, Any]]:
    """Return for each case: what, limit, cpu_seconds (median), imports_paramiko."""
    return [
        {
            "what": what,
            "limit": limit,
            "cpu_seconds": median(_cpu(arguments) for _ in range(ROUNDS)),
            "imports_paramiko": _imports_paramiko(arguments),
        }
        for what, limit, arguments in CASES
    ]


def _cpu(arguments: tuple[str, ...]) -> float:
    process = subprocess.Popen(
        [sys.executable, PROGRAM, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _pid, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return _seconds(used)


def _seconds(used: resource.struct_rusage) -> float:
    return used.ru_utime + used.ru_stime


def _imports_paramiko(arguments: tuple[str, ...]) -> bool:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", PROGRAM, *arguments], capture_output=True, text=True, check=False
    )
    return any(line.rpartition("|")[2].strip() == "paramiko" for line in done.stderr.splitlines())
