"""Break the program in plausible ways, one at a time, and check that the fast tests notice: `make mutants`.

The mutants are in tests/support/mutants.py. A surviving one is a gap in the tests.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support import TOP
from tests.support.mutants import MUTANTS, Mutant, broken

TESTS = ("tests/unit", "tests/simulator")
NOT_RUN = ("tests/unit/project/test_mutants.py",)
"""No mutant applies twice, so this one fails with every mutant."""

NOT_COPIED = (".git", ".venv", ".*_cache", ".hypothesis", "__pycache__", "build", "dist", "*.egg-info")


def survives(mutant: Mutant | None) -> bool:
    """Whether the fast tests pass with the mutant in place (None: the program as it is)."""
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory) / "checkout"
        shutil.copytree(TOP, copy, ignore=shutil.ignore_patterns(*NOT_COPIED), symlinks=True)
        if mutant is not None:
            path = copy / mutant.file
            path.write_text(broken(path.read_text(), mutant))
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-x",
            "-n",
            "auto",
            "--timeout",
            "60",
            "-p",
            "no:cacheprovider",
            *(f"--ignore={path}" for path in NOT_RUN),
            *TESTS,
        ]
        return subprocess.run(command, cwd=copy, capture_output=True, check=False).returncode == 0


def main() -> int:
    if not survives(None):
        raise SystemExit("the fast tests fail without any mutant: fix them first")
    survivors = []
    for mutant in MUTANTS:
        is_alive = survives(mutant)
        print(f"{'SURVIVED' if is_alive else 'caught  '}  {mutant.name} ({mutant.file})", flush=True)
        survivors += [mutant] if is_alive else []
    print(f"{len(MUTANTS)} mutants, {len(MUTANTS) - len(survivors)} caught")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
