"""Write the fault matrix into docs/reliability.md, from the cells that test_faults.py recorded.

Arguments: the directory of the results, the document, the version of OpenZFS.
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

from tests.support.sections import renew_section

HEAD = """## Fault matrix, OpenZFS {version}

Written by the lab tests (`make test-lab`, tests/lab/test_faults.py) on real OpenZFS with a real sshd: do not edit.

In each cell one fault strikes a run with two datasets. Afterwards no process of a stream may be left on either side,
and every common snapshot must still exist. Then a plain run must succeed without human help: the newest snapshots of
both sides must be equal, each dataset must have exactly one held snapshot on each side, and expired snapshots must be
gone."""


def main(results: Path, output: Path, version: str) -> None:
    rows = [json.loads(path.read_text()) for path in sorted(results.glob("*.json"))]
    lines = [HEAD.format(version=version)]
    for scenario in dict.fromkeys(row["scenario"] for row in rows):
        lines += [f"\n### {scenario.capitalize()}\n", "| fault | exit status | message | the next run |"]
        lines += ["|---|---|---|---|"]
        lines += [_line(row) for row in rows if row["scenario"] == scenario]
    lines += [f"\n{len(rows)} cells, {len(rows)} passed."]
    renew_section(output, f"fault matrix {version}", "\n".join(lines))


def _line(row: dict[str, str | int]) -> str:
    status = int(row["status"])
    ended = signal.Signals(-status).name if status < 0 else str(status)
    stderr = str(row["stderr"]).removeprefix("zfs_replicate: ").strip().splitlines()
    short = stderr[0].split("; ")[0].split(" (zfs: ")[0].replace("|", "\\|") if stderr else "-"
    recovery = "recovers" + (", clearing the stale state" if "clearing" in str(row["next"]) else "")
    return f"| {row['fault']} | {ended} | {short} | {recovery} |"


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
