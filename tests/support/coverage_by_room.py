"""Print how much of each room the fast tests run, from coverage's JSON report. `make coverage` calls it.

A room is a folder of zfs_replicate; `base` is the modules beside the folders. The lines are rows of the table in
tests/README.md. Status 1 where a room is below its floor.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

PACKAGE = "zfs_replicate"
FLOORS = {"actions": 90}
"""Percent, of lines and of branches alike. What goes wrong while a run starts or ends has nobody else to report it."""


@dataclass(frozen=True)
class Covered:
    """How many lines and branches there are, and how many of them were run."""

    lines: int = 0
    lines_run: int = 0
    branches: int = 0
    branches_run: int = 0

    def __add__(self, other: Covered) -> Covered:
        return Covered(
            self.lines + other.lines,
            self.lines_run + other.lines_run,
            self.branches + other.branches,
            self.branches_run + other.branches_run,
        )

    @property
    def line_percent(self) -> float:
        return _percent(self.lines_run, self.lines)

    @property
    def branch_percent(self) -> float:
        return _percent(self.branches_run, self.branches)


def _percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 100.0


def by_room(summaries: Mapping[str, Mapping[str, int]]) -> dict[str, Covered]:
    """Given coverage's summary of each file, return the sums of each room, by name.

    `{"zfs_replicate/errors.py": …, "zfs_replicate/zfs/parse.py": …}` gives `{"base": …, "zfs": …}`.
    """
    rooms: defaultdict[str, Covered] = defaultdict(Covered)
    for file, summary in summaries.items():
        inside = PurePath(file).parts
        inside = inside[inside.index(PACKAGE) + 1 :]
        room = inside[0] if len(inside) > 1 else "base"
        rooms[room] += Covered(
            summary["num_statements"], summary["covered_lines"], summary["num_branches"], summary["covered_branches"]
        )
    return dict(sorted(rooms.items()))


def rows(rooms: Mapping[str, Covered]) -> Iterator[str]:
    yield "| room    | lines   | branches |"
    yield "|---------|---------|----------|"
    for name, covered in [*rooms.items(), ("total", sum(rooms.values(), Covered()))]:
        yield f"| {name:7} | {covered.line_percent:5.1f} % | {covered.branch_percent:6.1f} % |"


def shortfalls(rooms: Mapping[str, Covered], floors: Mapping[str, float]) -> Iterator[str]:
    """What is wrong, in words: each room below its floor, and each floor without a room."""
    for name, floor in floors.items():
        covered = rooms.get(name)
        if covered is None:
            yield f"{name}: no such room was measured"
        elif min(covered.line_percent, covered.branch_percent) < floor:
            yield (
                f"{name}: {covered.line_percent:.1f} % of the lines and {covered.branch_percent:.1f} % of the branches"
                f" are tested; each must reach {floor} %"
            )


def main(arguments: Iterable[str]) -> int:
    (report,) = arguments
    files = json.loads(Path(report).read_text())["files"]
    rooms = by_room({name: file["summary"] for name, file in files.items()})
    print("\n".join(rows(rooms)))
    problems = list(shortfalls(rooms, FLOORS))
    for problem in problems:
        print(f"coverage: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
