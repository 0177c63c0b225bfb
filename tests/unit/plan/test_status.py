"""The status of a mirror is judged correctly, and formatted as monitoring expects."""

from __future__ import annotations

import json
from dataclasses import replace

import jsonschema
import pytest

from tests.support import TOP
from tests.support.notation import NOW, SOURCE, TAG, TARGET, target_tree, tree
from zfs_replicate.config import StatusOptions
from zfs_replicate.model import SECONDS_PER_DAY, Inventory
from zfs_replicate.plan.status import DatasetStatus, Level, Status, evaluate
from zfs_replicate.report.status import as_data, first_line, table, unknown_data, unknown_line
from zfs_replicate.units import age

HOUR = 3600
SCHEMA = json.loads((TOP / "docs" / "status.schema.json").read_text())
LIMITS = StatusOptions(TAG, warn_seconds=2 * SECONDS_PER_DAY, crit_seconds=5 * SECONDS_PER_DAY)


def inventories(source: str, target: str) -> tuple[Inventory, Inventory]:
    return tree(SOURCE, f": {source}"), target_tree(TARGET, f": {target}")


def status(source: str | None, target: str, options: StatusOptions = LIMITS) -> Status:
    """Return the status of one dataset. `source` None: not asked."""
    source_tree, copy_tree = inventories(source or "empty", target)
    return evaluate(copy_tree, None if source is None else source_tree, options, NOW)


def status_of(source: str | None, target: str, options: StatusOptions = LIMITS) -> DatasetStatus:
    (dataset,) = status(source, target, options).datasets
    return dataset


def as_text(dataset: DatasetStatus) -> str:
    """Return `LEVEL newest behind: problems`."""
    behind = "" if dataset.behind is None else f" {dataset.behind}"
    problems = f": {'; '.join(dataset.problems)}" if dataset.problems else ""
    return f"{dataset.level.name} {dataset.newest}{behind}{problems}"


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("a b^", "OK b"),
        ("a:9 b^:1", "OK b"),
        ("b^:2", "WARNING b: 2 days old"),
        ("b^:5", "CRITICAL b: 5 days old"),
        # snapshots taken on the target itself do not count
        ("a^:3 o", "WARNING a: 3 days old"),
        ("a b", f"WARNING b: the hold {TAG}:target on the target is missing"),
        ("a:6", f"CRITICAL a: 6 days old; the hold {TAG}:target on the target is missing"),
        ("a%", f"WARNING a: the hold {TAG}:target on the target is missing"),
        ("empty", "WARNING None: it has no snapshots"),
        ("placeholder", "OK None"),
        ("a^ resume(a..b)", "OK a"),
    ],
)
def test_status_of_a_target_alone(target: str, expected: str) -> None:
    assert as_text(status_of(None, target)) == expected


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("a!", "a^", "OK a 0"),
        ("a!:1 b c", "a^:1", "OK a 2"),
        ("a!:3 b", "a^:3", "WARNING a 1: 3 days old"),
        # during a run, the hold may still be on the previous snapshot
        ("a! b", "a^ b", "OK b 0"),
        ("a b", "a^ b", f"WARNING b 0: the hold {TAG} on the source is missing"),
        ("a! b", "a b", f"WARNING b 0: the hold {TAG}:target on the target is missing"),
        ("#a b", "a^", "WARNING a 1: only a bookmark of it is left on the source, and a bookmark cannot be held"),
        ("b! c", "a^", "CRITICAL None 2: no common snapshot is left"),
        ("a b", "absent", "OK None 2"),
        ("a:3 b", "absent", "WARNING None 2: not mirrored yet; its first snapshot is 3 days old"),
        ("a:7 b", "placeholder", "CRITICAL None 2: not mirrored yet; its first snapshot is 7 days old"),
        ("empty", "placeholder", "OK None"),
    ],
)
def test_status_of_a_target_beside_its_source(source: str, target: str, expected: str) -> None:
    assert as_text(status_of(source, target)) == expected


def test_without_limits_what_was_never_mirrored_is_a_warning() -> None:
    assert status_of("a", "absent", StatusOptions(TAG)).level is Level.WARNING


def test_without_a_tag_the_hold_of_any_mirror_counts() -> None:
    assert status_of(None, "a^:1 o", StatusOptions()).newest == "a"
    assert status_of("a", "a^", StatusOptions()).has_source_hold is None


def test_a_source_without_snapshots_or_copy_is_not_listed() -> None:
    assert status("empty", "absent").datasets == ()


def test_an_orphan_is_listed_but_never_too_old() -> None:
    source, target = inventories("a!", "a^")
    orphan = replace(target.datasets[TARGET], name=f"{TARGET}/gone")
    old = replace(orphan, snapshots=tuple(replace(snapshot, creation=0) for snapshot in orphan.snapshots))
    target = replace(target, datasets={**target.datasets, old.name: old})
    result = evaluate(target, source, LIMITS, NOW)
    assert result.level is Level.OK
    assert {dataset.name: dataset.is_orphan for dataset in result.datasets} == {TARGET: False, f"{TARGET}/gone": True}
    assert result.oldest is not None
    assert result.oldest.name == TARGET


def test_excluded_datasets_are_not_listed() -> None:
    source, target = inventories("a!", "a^")
    child = replace(target.datasets[TARGET], name=f"{TARGET}/swap", snapshots=())
    target = replace(target, datasets={**target.datasets, child.name: child})
    options = replace(LIMITS, excludes=("swap",))
    assert [dataset.name for dataset in evaluate(target, source, options, NOW).datasets] == [TARGET]
    assert [dataset.name for dataset in evaluate(target, None, options, NOW).datasets] == [TARGET]


def test_an_unfinished_receive_is_a_note_and_not_a_problem() -> None:
    dataset = status_of(None, "a^ resume(a..b)")
    assert dataset.is_unfinished
    assert "a receive is unfinished" in dataset.notes[0]
    assert dataset.level is Level.OK


# --- formatting ---


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


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0 s"),
        (45, "45 s"),
        (60, "1 min"),
        (61, "1 min 1 s"),
        (2 * HOUR + 5, "2 h"),
        (93_784, "1 day 2 h"),
        (172_800, "2 days"),
    ],
)
def test_age_in_words(seconds: int, expected: str) -> None:
    assert age(seconds) == expected
