"""Write docs/reliability.md from the cells that test_faults.py recorded: reliability.py RESULTS_DIRECTORY OUTPUT."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

HEAD = """# Reliability: the fault matrix

Written by the lab tests (`make test-lab`, tests/lab/test_faults.py) on real OpenZFS with a real sshd: do not edit.

In each cell a run with two datasets is struck at one place. Then it is checked that no process of a stream is left on
either side and that every common snapshot is still there; then a plain run must end well without any human help, the
newest snapshots of both sides must be the same, each dataset must have exactly one held snapshot on either side, and
what is past its time must be gone.
"""


def main(results: Path, output: Path) -> None:
    rows = [json.loads(path.read_text()) for path in sorted(results.glob("*.json"))]
    lines = [HEAD]
    for scenario in dict.fromkeys(row["scenario"] for row in rows):
        lines += [f"\n## {scenario.capitalize()}\n", "| what strikes | exit status | what it says | the next run |"]
        lines += ["|---|---|---|---|"]
        lines += [_line(row) for row in rows if row["scenario"] == scenario]
    lines += [f"\n{len(rows)} cells, {len(rows)} survived."]
    output.write_text("\n".join(lines) + "\n")


def _line(row: dict[str, str | int]) -> str:
    status = int(row["status"])
    ended = signal.Signals(-status).name if status < 0 else str(status)
    said = str(row["said"]).removeprefix("zfs_replicate: ").strip().splitlines()
    short = said[0].split("; ")[0].split(" (zfs: ")[0].replace("|", "\\|") if said else "-"
    mended = "mends it" + (", clearing the stale state" if "clearing" in str(row["next"]) else "")
    return f"| {row['fault']} | {ended} | {short} | {mended} |"


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
