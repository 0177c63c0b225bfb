"""Put a program in front of the real zfs, so that something happens just when a run is about to change something."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.lab.faults import REAL


def shim(directory: Path, pattern: str, action: str) -> dict[str, str]:
    """Return an environment in which a zfs command that matches the pattern runs `action` first, once.

    `pattern`: of the shell, for all arguments in one string. `action`: shell text, in which $zfs is the real zfs; after
    an `exit` the real command does not run.
    """
    file = directory / "shim" / "zfs"
    file.parent.mkdir()
    once = f"mkdir {file.parent}/done 2>/dev/null"
    case = f'case "$*" in {pattern}) if {once}; then {action}; fi ;; esac'
    file.write_text(f'#!/bin/sh\nzfs={REAL}\n{case}\nexec $zfs "$@"\n')
    file.chmod(0o755)
    return {"PATH": f"{file.parent}:{os.environ['PATH']}"}
