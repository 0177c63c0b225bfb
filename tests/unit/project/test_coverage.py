"""The floor under the coverage of a room, on made-up figures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support import TOP, coverage_by_room
from tests.support.coverage_by_room import FLOORS, PACKAGE, Covered, by_room, main, rows, shortfalls


def summary(lines: int, lines_run: int, branches: int, branches_run: int) -> dict[str, int]:
    return {
        "num_statements": lines,
        "covered_lines": lines_run,
        "num_branches": branches,
        "covered_branches": branches_run,
    }


def test_files_add_up_to_rooms() -> None:
    files = {
        "zfs_replicate/errors.py": summary(10, 10, 0, 0),
        "zfs_replicate/zfs/parse.py": summary(10, 9, 4, 3),
        "zfs_replicate/zfs/names.py": summary(30, 30, 4, 4),
    }
    assert by_room(files) == {"base": Covered(10, 10, 0, 0), "zfs": Covered(40, 39, 8, 7)}


def test_each_room_has_a_row_and_the_total_is_last() -> None:
    rooms = {"base": Covered(10, 10, 0, 0), "zfs": Covered(30, 20, 10, 5)}
    assert [row.replace(" ", "") for row in rows(rooms)][2:] == [
        "|base|100.0%|100.0%|",
        "|zfs|66.7%|50.0%|",
        "|total|75.0%|50.0%|",
    ]


@pytest.mark.parametrize(
    ("covered", "is_enough"),
    [
        (Covered(100, 90, 10, 9), True),
        (Covered(100, 100, 10, 8), False),
        (Covered(100, 89, 10, 10), False),
        (Covered(100, 90, 0, 0), True),
    ],
)
def test_lines_and_branches_must_both_reach_the_floor(covered: Covered, is_enough: bool) -> None:
    assert (list(shortfalls({"actions": covered}, {"actions": 90})) == []) is is_enough


def test_a_floor_without_its_room_is_a_shortfall() -> None:
    assert list(shortfalls({}, {"actions": 90})) == ["actions: no such room was measured"]


@pytest.mark.parametrize(("branches_run", "status"), [(9, 0), (8, 1)])
def test_the_exit_status_is_1_below_the_floor(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    branches_run: int,
    status: int,
) -> None:
    monkeypatch.setattr(coverage_by_room, "FLOORS", {"actions": 90})
    report = tmp_path / "coverage.json"
    report.write_text(
        json.dumps({"files": {"zfs_replicate/actions/mirror.py": {"summary": summary(10, 10, 10, branches_run)}}})
    )
    assert main([str(report)]) == status
    stdout, stderr = capsys.readouterr()
    assert "| actions | 100.0 % |" in stdout
    assert ("coverage: actions: 100.0 % of the lines and 80.0 % of the branches" in stderr) is bool(status)


def test_every_floor_is_that_of_a_room() -> None:
    assert [room for room in FLOORS if not (TOP / PACKAGE / room).is_dir()] == []
