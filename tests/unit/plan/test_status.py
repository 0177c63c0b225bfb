"""The status of a mirror is judged correctly."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.notation import NOW, TAG, TARGET
from tests.support.statuses import LIMITS, inventories, status
from zfs_replicate.config import StatusOptions
from zfs_replicate.plan.status import DatasetStatus, Level, evaluate

USED = "it was created as an empty parent, but data has been written to it since"


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
        ("placeholder used", f"WARNING None: {USED}"),
        # a mark that stayed on a copy means nothing
        ("placeholder b^", "OK b"),
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
        ("empty", "placeholder used", "OK None"),
        ("a", "placeholder used", f"WARNING None 1: {USED}"),
        ("a!", "placeholder a^", "OK a 0"),
    ],
)
def test_status_of_a_target_beside_its_source(source: str, target: str, expected: str) -> None:
    assert as_text(status_of(source, target)) == expected


def test_a_read_only_source_needs_no_hold() -> None:
    source, target = inventories("a b", "a^ b")
    (dataset,) = evaluate(target, replace(source, is_read_only=True), LIMITS, NOW).datasets
    assert (dataset.level, dataset.problems, dataset.has_source_hold) == (Level.OK, (), False)
    assert dataset.notes == ("no hold is needed on the source, whose pool was imported read-only",)


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
