"""The section on the fault matrix is written from a row for each cell, and only if none is missing."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.lab import reliability
from tests.support.lab.cells import Cell
from tests.support.lab.matrix import MATRIX


def row(cell: Cell) -> reliability.Row:
    stderr = "" if cell.status <= 0 else "zfs_replicate: off on localhost: cannot receive; run again (zfs: no)\n"
    passes = 0 if cell.status < 0 else cell.passes
    what = {"scenario": cell.scenario.name, "fault": cell.name}
    return {**what, "status": cell.status, "passes": passes, "stderr": stderr, "next": ""}


def written(directory: Path, rows: list[reliability.Row]) -> str:
    document = directory / "reliability.md"
    document.write_text("before\n")
    for index, one in enumerate(rows):
        (directory / f"{index:03}.json").write_text(json.dumps(one))
    reliability.main(directory, document, "2.4")
    return document.read_text()


def test_all_cells_make_the_section(tmp_path: Path) -> None:
    text = written(tmp_path, [row(cell) for cell in MATRIX])
    assert f"{len(MATRIX)} cells, {len(MATRIX)} passed." in text
    assert "| client killed: verifying | SIGKILL | - | recovers |" in text
    assert "| SIGTERM: verifying | 143 | off on localhost: cannot receive | recovers |" in text
    assert f"| source snapshot destroyed before its hold | 0 | {reliability.PLANNED_ANEW} | recovers |" in text


def test_a_missing_cell_leaves_the_document_as_it_is(tmp_path: Path) -> None:
    assert written(tmp_path, [row(cell) for cell in MATRIX[:-1]]) == "before\n"


def test_a_cell_that_is_no_more_is_left_out(tmp_path: Path) -> None:
    rows = [row(cell) for cell in MATRIX]
    assert "of old" not in written(tmp_path, [*rows, {**rows[-1], "fault": "of old"}])


def test_each_cell_has_a_name_of_its_own() -> None:
    assert len({(cell.scenario.name, cell.name) for cell in MATRIX}) == len(MATRIX)
