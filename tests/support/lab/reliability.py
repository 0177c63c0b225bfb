"""Write the fault matrix into docs/reliability.md, from the cells that the lab tests recorded, if none is missing.

Arguments: the directory of the results, the document, the version of OpenZFS.
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

from tests.support.lab.matrix import MATRIX
from tests.support.sections import renew_section
from zfs_replicate.signals import SIGNALLED

Row = dict[str, str | int]

HEAD = """## Fault matrix, OpenZFS {version}

Written by the lab tests (`make test-lab`, tests/lab/test_faults_*.py) on real OpenZFS with a real sshd: do not edit.

In each cell one fault strikes a run. It must strike, and the run must end with the exit status that README.md
documents for it; 143 is SIGTERM. Afterwards no process of a stream may be left on either side, the target must have
every snapshot that it had and that has not expired, and where a snapshot was held on both sides, one must still be.
Unless the run was killed, or a side was gone, or a signal came before the hold on what had been verified, that must be
the newest one that both have. Then a plain run must succeed, without human help beyond what undoes the fault: the
newest snapshots of both sides must be equal, each dataset must have exactly one held snapshot on each side, and expired
snapshots must be gone."""

PLANNED_ANEW = "planned anew at once, without what had vanished"


def main(results: Path, output: Path, version: str) -> None:
    rows: list[Row] = [json.loads(path.read_text()) for path in results.glob("*.json")]
    by_cell = {(row["scenario"], row["fault"]): row for row in rows}
    found = [by_cell[at] for cell in MATRIX if (at := (cell.scenario.name, cell.name)) in by_cell]
    if len(found) == len(MATRIX):
        renew_section(output, f"fault matrix {version}", text(found, version))


def text(rows: list[Row], version: str) -> str:
    """Given a row for each cell, return the section of the document."""
    lines = [HEAD.format(version=version)]
    for scenario in dict.fromkeys(str(row["scenario"]) for row in rows):
        lines += [f"\n### {scenario.capitalize()}\n", "| fault | exit status | message | the next run |"]
        lines += ["|---|---|---|---|"]
        lines += [_line(row) for row in rows if row["scenario"] == scenario]
    lines += [f"\n{len(rows)} cells, {len(rows)} passed."]
    return "\n".join(lines)


def _line(row: Row) -> str:
    status = int(row["status"])
    ended = signal.Signals(-status).name if status < 0 else str(status)
    stderr = str(row["stderr"]).removeprefix("zfs_replicate: ").strip().splitlines()
    line = -1 if status > SIGNALLED else 0  # the signal is reported last, after warnings
    short = stderr[line].split("; ")[0].split(" (zfs: ")[0].replace("|", "\\|") if stderr else "-"
    is_anew = status == 0 and int(row["passes"]) > 1
    recovery = "recovers" + (", clearing the stale state" if "clearing" in str(row["next"]) else "")
    return f"| {row['fault']} | {ended} | {PLANNED_ANEW if is_anew else short} | {recovery} |"


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
