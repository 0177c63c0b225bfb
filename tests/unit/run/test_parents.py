"""Parents that are only placeholders: how they are created, and how their mark is cleared."""

from __future__ import annotations

from tests.support.executing import DENIED, run_plan
from tests.support.fakes import Answer
from tests.support.notation import target_tree, tree
from zfs_replicate.steps import ClearPlaceholder

FILLED = (tree("t", ":a", "p:a! b"), target_tree("o", ":placeholder", "p:placeholder a^"))
ARRIVED = Answer(b"o@a\t7097\no/p@b\t7098\n")


def test_a_mark_is_cleared_from_what_is_a_copy() -> None:
    run = run_plan(*FILLED)
    assert run.errors() == {"o": None, "o/p": None}
    assert sorted(run.target.asked_for("zfs inherit")) == [
        "zfs inherit zfs_replicate:placeholder o",
        "zfs inherit zfs_replicate:placeholder o/p",
    ]


def test_a_mark_that_cannot_be_cleared_fails_nothing() -> None:
    denied = {"zfs inherit": Answer(status=1, stderr=DENIED), "zfs list": ARRIVED}
    run = run_plan(*FILLED, at_target=denied)
    assert run.errors() == {"o": None, "o/p": None}
    assert "zfs hold offsite:target o@a o/p@b" in run.target.asked
    assert not any(isinstance(done.step, ClearPlaceholder) for outcome in run.outcomes for done in outcome.done)
