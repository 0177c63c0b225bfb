"""The status of a mirror is formatted as monitoring expects: first line, table, data."""

from __future__ import annotations

import json

import jsonschema
import pytest

from tests.support import TOP
from tests.support.notation import NOW, SOURCE, TARGET
from tests.support.statuses import LIMITS, status
from zfs_replicate.model import SECONDS_PER_DAY
from zfs_replicate.plan.clocks import ClockDoubt
from zfs_replicate.plan.status import DatasetStatus, Level, Status
from zfs_replicate.report.status import as_data, first_line, table, unknown_data, unknown_line

SCHEMA = json.loads((TOP / "docs" / "status.schema.json").read_text())


def test_the_first_line_when_all_is_well() -> None:
    assert first_line(status("a!:1 b", "a^:1"), LIMITS) == (
        f"ZFS_REPLICATE OK - {TARGET}: 1 dataset, oldest copy 1 day old ({TARGET}@a)"
        " | age=86400s;172800;432000;0 behind=1;;;0 datasets=1;;;0 problems=0;;;0"
    )


def test_the_first_line_begins_with_the_worst_datasets() -> None:
    warning = DatasetStatus("off/w", Level.WARNING, problems=("3 days old",))
    critical = DatasetStatus("off/c", Level.CRITICAL, problems=("9 days old",))
    line = first_line(Status("off", (warning, warning, warning, warning, critical)), LIMITS)
    assert line.startswith(
        "ZFS_REPLICATE CRITICAL - 5 of 5 datasets below off: off/c: 9 days old; off/w: 3 days old; off/w"
    )
    assert "; and 2 more |" in line


def test_a_target_that_does_not_exist_is_critical() -> None:
    absent = status(None, "absent")
    assert absent.level is Level.CRITICAL
    assert first_line(absent, LIMITS).startswith(f"ZFS_REPLICATE CRITICAL - {TARGET}: there is no copy")
    assert list(table(absent, is_coloured=False)) == []


def test_a_wrong_clock_is_a_warning_and_a_mere_doubt_is_not() -> None:
    copy = DatasetStatus("off/a", newest="a", age_seconds=1)
    wrong = Status("off", (copy,), ClockDoubt("the clocks disagree", "compare them"))
    assert first_line(wrong, LIMITS).startswith("ZFS_REPLICATE WARNING - off: 1 dataset")
    assert "the clocks disagree |" in first_line(wrong, LIMITS)
    doubtful = Status("off", (copy,), ClockDoubt("no news", "look", is_certain=False))
    assert first_line(doubtful, LIMITS).startswith("ZFS_REPLICATE OK - off: 1 dataset")
    assert list(table(doubtful, is_coloured=False))[-1] == "warning: no news; nothing expires meanwhile: look"
    assert as_data(doubtful, LIMITS, None, NOW)["warnings"] == ["no news; nothing expires meanwhile: look"]


def test_an_error_text_cannot_begin_the_performance_data() -> None:
    assert unknown_line("nas1: it | said\nso") == "ZFS_REPLICATE UNKNOWN - nas1: it / said so"


def test_the_table_is_aligned_and_coloured_only_when_asked() -> None:
    late = status("a!:3 b", "a^:3")
    head, row = table(late, is_coloured=False)
    assert head.split() == ["DATASET", "NEWEST", "AGE", "BEHIND", "HOLDS", "STATE"]
    assert head.index("NEWEST") == row.index("@a")
    assert row.endswith("  ok     WARNING: 3 days old")
    assert "\033" not in head + row
    assert "\033[33mWARNING\033[0m" in "".join(table(late, is_coloured=True))


def test_the_table_shows_behind_only_if_the_source_was_asked() -> None:
    assert "BEHIND" not in next(table(status(None, "a^"), is_coloured=False))


def test_the_data_agrees_with_the_table() -> None:
    data = as_data(status("a!:1 b", "a^:1"), LIMITS, SOURCE, NOW)
    assert (data["level"], data["exit_status"], data["target"], data["source"]) == ("OK", 0, TARGET, SOURCE)
    datasets = data["datasets"]
    assert isinstance(datasets, list)
    (dataset,) = datasets
    assert dataset["age_seconds"] == SECONDS_PER_DAY
    assert dataset["behind_snapshots"] == 1
    assert dataset["source_hold"] is dataset["target_hold"] is True


@pytest.mark.parametrize(
    ("source", "target"), [(None, "a"), ("a", "absent"), ("a! b", "a^ o"), ("b", "a resume(a..b)"), (None, "absent")]
)
def test_the_data_matches_its_schema(source: str | None, target: str) -> None:
    jsonschema.validate(as_data(status(source, target), LIMITS, SOURCE, NOW), SCHEMA)
    jsonschema.validate(unknown_data("lost", TARGET, NOW), SCHEMA)
