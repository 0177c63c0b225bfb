"""Run the commands of packaging tests."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path


def run(*command: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command. A missing tool fails the test by name: a skipped check would look like a passed one."""
    program = shutil.which(str(command[0]))
    assert program, f"this test needs {command[0]}; see tests/make-tools"
    environment = {**os.environ, **variables}
    return subprocess.run(
        [program, *map(str, command[1:])], capture_output=True, text=True, env=environment, check=False
    )


def output_of(*command: str | Path, **variables: str) -> str:
    process = run(*command, **variables)
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout
