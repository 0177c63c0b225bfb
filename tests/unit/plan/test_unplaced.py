"""Copies beside their places whose source, place or neighbours have changed since."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.beside import BESIDE, COPIES, SOURCE
from tests.support.notation import NOW, plan_of, target_tree, tree, tree_steps
from tests.support.rendering import rendered
from zfs_replicate.config import StatusOptions
from zfs_replicate.plan.status import Level, evaluate


@pytest.mark.parametrize("place", ["placeholder", "absent"])
def test_a_copy_is_known_by_what_has_moved_below_it(place: str) -> None:
    """Also when the source has lost all that the copy itself has."""
    moved = (f"p:{place}", "p.zfs_replicate:encrypted x^", "p.zfs_replicate/c:encrypted a^")
    for words, steps in (("b", "conflict; take place"), ("empty", "take place")):
        source = tree("t", ":a!", f"p:encrypted {words}", "p/c:encrypted a!")
        plan = plan_of(source, target_tree("o", ":a^", *moved))
        acts = " -." if place == "placeholder" else ""
        assert {dataset.target: rendered(dataset) for dataset in plan.datasets} == {
            "o": "nothing",
            "o/p": f"{steps}{acts}",
            "o/p/c": "nothing",
        }
        assert (plan.orphans, plan.warnings) == ((), ())


def test_a_copy_of_the_root_is_known_by_what_has_moved() -> None:
    source = tree("t", ":encrypted b", "c:encrypted a!")
    beside = target_tree("o/p.zfs_replicate", ":encrypted x^", "c:encrypted a^").datasets
    texts = tree_steps(source, replace(target_tree("o/p"), beside=beside))
    assert texts == {"o/p": "conflict; take place", "o/p/c": "nothing"}


@pytest.mark.parametrize(
    ("place", "reason"),
    [("absent", "nothing shows that it is a copy of t/p"), ("encrypted b^", "o/p is there already")],
)
def test_unknown_datasets_beside_a_place_are_reported(place: str, reason: str) -> None:
    copies = target_tree("o", *COPIES[:1], f"p:{place}", "p.zfs_replicate:encrypted x^", "p.zfs_replicate/z:x^")
    (warning,) = plan_of(SOURCE, copies).warnings
    (shown,) = evaluate(copies, SOURCE, StatusOptions(), NOW).unplaced
    assert f"{BESIDE} on this machine: " in warning
    assert reason in warning
    assert warning == shown
    assert warning.endswith(f"zfs rename {BESIDE} o/p.old-20231114-2213")


def test_an_unknown_dataset_beside_the_root_is_reported() -> None:
    beside = target_tree("o/p.zfs_replicate", ":encrypted x^", "z:x^").datasets
    (warning,) = plan_of(tree("t", ":b"), replace(target_tree("o/p"), beside=beside)).warnings
    assert "o/p.zfs_replicate on this machine: " in warning


def test_status_without_the_source_knows_a_copy_beside_the_root() -> None:
    """Both while the placeholder is there, and after."""
    beside = target_tree(BESIDE, ":encrypted b", "c:encrypted a^").datasets
    for place in (target_tree("o/p"), target_tree("o/p", ":placeholder")):
        report = evaluate(replace(place, beside=beside), None, StatusOptions(), NOW)
        root, child = report.datasets
        assert (root.name, root.newest, child.name, child.newest) == ("o/p", "b", "o/p/c", "a")
        assert root.notes == (
            f"its copy is {BESIDE} until the next run, which brings it and those below to their places",
        )
        assert (report.level, child.level) == (Level.WARNING, Level.OK)


def test_status_without_the_source_knows_nested_copies_beside() -> None:
    lines = (":placeholder", "p.zfs_replicate:b^", "p.zfs_replicate/q.zfs_replicate:b^", "q.zfs_replicate:empty")
    report = evaluate(target_tree("o", *lines), None, StatusOptions(), NOW)
    assert [one.name for one in report.datasets] == ["o", "o/p", "o/p/q", "o/q.zfs_replicate"]


def test_status_of_what_has_such_a_name_itself_leaves_it_there() -> None:
    report = evaluate(target_tree(BESIDE, ":b^", "c:b^"), None, StatusOptions(), NOW)
    assert [one.name for one in report.datasets] == [BESIDE, f"{BESIDE}/c"]
