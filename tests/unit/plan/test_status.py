"""How a mirror stands: worlds in the notation, verdicts read back; and the lines that monitoring reads."""

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


def status(source: str | None, target: str, wishes: StatusOptions = LIMITS) -> Status:
    """Of one dataset; source None: not asked."""
    theirs, ours = inventories(source or "empty", target)
    return evaluate(ours, None if source is None else theirs, wishes, NOW)


def one(source: str | None, target: str, wishes: StatusOptions = LIMITS) -> DatasetStatus:
    (found,) = status(source, target, wishes).datasets
    return found


def told(found: DatasetStatus) -> str:
    """`LEVEL newest behind: problems`."""
    behind = "" if found.behind is None else f" {found.behind}"
    problems = f": {'; '.join(found.problems)}" if found.problems else ""
    return f"{found.level.name} {found.newest}{behind}{problems}"


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("a b^", "OK b"),
        ("a:9 b^:1", "OK b"),
        ("b^:2", "WARNING b: 2 days old"),
        ("b^:5", "CRITICAL b: 5 days old"),
        # what was taken on the target itself says nothing of the mirror
        ("a^:3 o", "WARNING a: 3 days old"),
        ("a b", f"WARNING b: the hold {TAG}:target on the target is missing"),
        ("a:6", f"CRITICAL a: 6 days old; the hold {TAG}:target on the target is missing"),
        ("a%", f"WARNING a: the hold {TAG}:target on the target is missing"),
        ("empty", "WARNING None: there is no snapshot on it"),
        ("placeholder", "OK None"),
        ("a^ resume(a..b)", "OK a"),
    ],
)
def test_a_target_alone(target: str, expected: str) -> None:
    assert told(one(None, target)) == expected


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("a!", "a^", "OK a 0"),
        ("a!:1 b c", "a^:1", "OK a 2"),
        ("a!:3 b", "a^:3", "WARNING a 1: 3 days old"),
        # the hold may stand on the one before, while a run is at work
        ("a! b", "a^ b", "OK b 0"),
        ("a b", "a^ b", f"WARNING b 0: the hold {TAG} on the source is missing"),
        ("a! b", "a b", f"WARNING b 0: the hold {TAG}:target on the target is missing"),
        ("#a b", "a^", "WARNING a 1: the source has only a bookmark of it left, which cannot be held"),
        ("b! c", "a^", "CRITICAL None 2: no common snapshot is left"),
        ("a b", "absent", "OK None 2"),
        ("a:3 b", "absent", "WARNING None 2: not mirrored yet; its first snapshot is 3 days old"),
        ("a:7 b", "placeholder", "CRITICAL None 2: not mirrored yet; its first snapshot is 7 days old"),
        ("empty", "placeholder", "OK None"),
    ],
)
def test_a_target_and_its_source(source: str, target: str, expected: str) -> None:
    assert told(one(source, target)) == expected


def test_without_limits_what_was_never_mirrored_is_a_warning() -> None:
    assert one("a", "absent", StatusOptions(TAG)).level is Level.WARNING


def test_without_a_tag_any_mirror_will_do() -> None:
    assert one(None, "a^:1 o", StatusOptions()).newest == "a"
    assert one("a", "a^", StatusOptions()).has_source_hold is None


def test_a_source_without_snapshot_and_without_copy_is_not_told() -> None:
    assert status("empty", "absent").datasets == ()


def test_an_orphan_is_told_but_never_too_old() -> None:
    theirs, ours = inventories("a!", "a^")
    orphan = replace(ours.datasets[TARGET], name=f"{TARGET}/gone")
    old = replace(orphan, snapshots=tuple(replace(each, creation=0) for each in orphan.snapshots))
    ours = replace(ours, datasets={**ours.datasets, old.name: old})
    found = evaluate(ours, theirs, LIMITS, NOW)
    assert found.level is Level.OK
    assert [(each.name, each.is_orphan) for each in found.datasets] == [(TARGET, False), (f"{TARGET}/gone", True)]
    assert found.oldest is not None
    assert found.oldest.name == TARGET


def test_excluded_datasets_are_not_told() -> None:
    theirs, ours = inventories("a!", "a^")
    child = replace(ours.datasets[TARGET], name=f"{TARGET}/swap", snapshots=())
    ours = replace(ours, datasets={**ours.datasets, child.name: child})
    wishes = replace(LIMITS, excludes=("swap",))
    assert [each.name for each in evaluate(ours, theirs, wishes, NOW).datasets] == [TARGET]
    assert [each.name for each in evaluate(ours, None, wishes, NOW).datasets] == [TARGET]


def test_an_unfinished_receive_is_told_and_no_problem() -> None:
    found = one(None, "a^ resume(a..b)")
    assert found.is_unfinished
    assert "a receive is unfinished" in found.notes[0]


# --- what is read ---


def test_the_first_line_when_all_is_well() -> None:
    assert first_line(status("a!:1 b", "a^:1"), LIMITS) == (
        f"ZFS_REPLICATE OK - {TARGET}: 1 dataset, oldest copy 1 day old ({TARGET}@a)"
        " | age=86400s;172800;432000;0 behind=1;;;0 datasets=1;;;0 problems=0;;;0"
    )


def test_the_first_line_names_the_worst_first_and_counts_the_rest() -> None:
    warning = DatasetStatus("off/w", Level.WARNING, problems=("3 days old",))
    critical = DatasetStatus("off/c", Level.CRITICAL, problems=("9 days old",))
    line = first_line(Status("off", (warning, warning, warning, warning, critical)), LIMITS)
    assert line.startswith("ZFS_REPLICATE CRITICAL - 5 of 5 below off: off/c: 9 days old; off/w: 3 days old; off/w")
    assert "; and 2 more |" in line


def test_a_target_that_does_not_exist_is_critical() -> None:
    found = status(None, "absent")
    assert found.level is Level.CRITICAL
    assert first_line(found, LIMITS).startswith(f"ZFS_REPLICATE CRITICAL - {TARGET}: there is no copy")
    assert list(table(found, is_coloured=False)) == []


def test_an_error_has_no_bar_that_would_begin_figures() -> None:
    assert unknown_line("nas1: it | said\nso") == "ZFS_REPLICATE UNKNOWN - nas1: it / said so"


def test_the_table_is_aligned_and_coloured_only_when_asked() -> None:
    found = status("a!:3 b", "a^:3")
    head, row = table(found, is_coloured=False)
    assert head.split() == ["DATASET", "NEWEST", "AGE", "BEHIND", "HOLDS", "STATE"]
    assert head.index("NEWEST") == row.index("@a")
    assert row.endswith("  stand  WARNING: 3 days old")
    assert "\033" not in head + row
    assert "\033[33mWARNING\033[0m" in "".join(table(found, is_coloured=True))


def test_the_table_says_behind_only_when_the_source_was_asked() -> None:
    assert "BEHIND" not in next(table(status(None, "a^"), is_coloured=False))


def test_data_says_what_the_table_says() -> None:
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
def test_data_is_as_its_schema_says(source: str | None, target: str) -> None:
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
