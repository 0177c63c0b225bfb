"""Copies beside their places whose source, place or neighbours have changed since."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.beside import BESIDE, COPIES, SOURCE
from tests.support.notation import NOW, plan_of, target_tree, tree, tree_steps
from tests.support.rendering import rendered
from zfs_replicate.config import StatusOptions
from zfs_replicate.plan.status import evaluate


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
