"""Run a profile in one guest of the lab, with copies of this checkout and of the peers. Profile → Runs."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.profiles import Profile
from bench.records import Run, from_lines

TOP = Path(__file__).resolve().parents[1]
CACHE = Path(os.environ.get("ZFS_BENCH", Path.home() / ".cache" / "zfs_replicate" / "bench"))

IN_GUEST = """mkdir /tmp/checkout && cp -r /snapshot/* /tmp/checkout && cp -r /peers /tmp/peers
cd /tmp/checkout && python3 -m compileall -q . /tmp/peers
exec python3 -m bench.guest /results/plan.json /results/runs.jsonl"""
"""Run everything from the guest's memory, compiled, as if installed."""


def fetch_peers() -> Path:
    """Return the directory with all peers; fetch them the first time."""
    directory = CACHE / "peers"
    subprocess.run([str(TOP / "lab" / "build")], check=True, env={**os.environ, "PYTHON": sys.executable})
    subprocess.run(
        [str(TOP / "bench" / "peers"), str(directory)], check=True, env={**os.environ, "PYTHON": sys.executable}
    )
    return directory


def run(profile: Profile, only: tuple[str, ...] = ()) -> list[Run]:
    """Run a profile in one guest; return its runs, also if it was ended early, for example by Ctrl-C."""
    peers = fetch_peers()
    with tempfile.TemporaryDirectory(prefix="bench.") as name:
        directory = Path(name)
        snapshot, results = directory / "snapshot", directory / "results"
        results.mkdir()
        for part in ("bench", "bin", "zfs_replicate"):
            shutil.copytree(TOP / part, snapshot / part, ignore=shutil.ignore_patterns("__pycache__"))
        plan = {
            "has_transports": "--transport" in (TOP / "zfs_replicate" / "cli" / "options.py").read_text(),
            "tools": only,
            "effort": dataclasses.asdict(profile.effort),
            "cells": [dataclasses.asdict(cell) for cell in profile.cells],
            "scenarios": [str(scenario) for scenario in profile.scenarios],
        }
        (results / "plan.json").write_text(json.dumps(plan))
        mounts = (f"{snapshot}:/snapshot:ro", f"{peers}:/peers:ro", f"{results}:/results")
        command = [str(TOP / "lab" / "run"), "--mem", profile.memory, "--timeout", str(int(profile.hours * 3600))]
        for mount in mounts:
            command += ["--mount", mount]
        done = subprocess.run([*command, "--", "bash", "-c", IN_GUEST], stdin=subprocess.DEVNULL, check=False)
        if done.returncode:
            print(f"bench: the guest ended with status {done.returncode}", file=sys.stderr)
        written = results / "runs.jsonl"
        return from_lines(written.read_text().splitlines()) if written.exists() else []
