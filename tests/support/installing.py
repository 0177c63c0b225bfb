"""Commands that packaging tests run."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path


def run(*command: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command; without the tool it fails, by name: a check that is left out would look like one that passed."""
    program = shutil.which(str(command[0]))
    assert program, f"this test needs {command[0]}; see tests/make-tools"
    environment = {**os.environ, **variables}
    return subprocess.run(
        [program, *map(str, command[1:])], capture_output=True, text=True, env=environment, check=False
    )


def said(*command: str | Path, **variables: str) -> str:
    done = run(*command, **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
