"""How much a copy may count as written without being changed depends on the sectors of its pool."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.notation import SOURCE, TARGET, context, source, target
from zfs_replicate.model import PlanContext
from zfs_replicate.plan.divergence import residue_limit
from zfs_replicate.plan.pair import Pair
from zfs_replicate.plan.planner import plan_dataset
from zfs_replicate.plans import DatasetPlan

KIB = 1 << 10


def planned_with(written: int, plan_context: PlanContext) -> DatasetPlan:
    copy = target("a^", TARGET)
    assert copy is not None
    return plan_dataset(Pair.of(source("a! b", SOURCE), TARGET, replace(copy, written=written)), False, plan_context)


@pytest.mark.parametrize(
    ("sector_bytes", "residue", "change"),
    [
        # what a rollback leaves at most, and what the smallest change leaves at least (docs/zfs-facts.md, 10)
        (512, 2046, 12_288),
        (4 * KIB, 17_856, 56 * KIB),
        (8 * KIB, 32_736, 112 * KIB),
        (16 * KIB, 48 * KIB, 224 * KIB),
        (64 * KIB, 192 * KIB, 896 * KIB),
        # dRAID with four data disks and sectors of 4 KiB
        (16 * KIB, 49_080, 229_040),
        # unknown: whatever a rollback leaves on a pool without redundancy, up to sectors of 16 KiB
        (None, 48 * KIB, 56 * KIB),
    ],
)
def test_a_residue_is_no_conflict_and_a_change_is_one(sector_bytes: int | None, residue: int, change: int) -> None:
    plan_context = replace(context(), sector_bytes=sector_bytes)
    assert residue <= residue_limit(sector_bytes) < change
    assert planned_with(residue, plan_context).conflict is None
    assert planned_with(change, plan_context).conflict is not None


@pytest.mark.parametrize(("newer", "flag"), [("", ""), ("x+512", "-r "), ("#x", "-r ")])
def test_a_plan_has_the_answer_to_a_refusal(newer: str, flag: str) -> None:
    plan = plan_dataset(Pair.of(source("a! b"), TARGET, target(f"a^ {newer} touched")), False, context())
    assert plan.conflict is None
    assert plan.unforeseen is not None
    assert "since the newest common snapshot @a (" in plan.unforeseen.what
    assert f"zfs rollback {flag}off/copy@a (or run once with --rollback)" in plan.unforeseen.next_step


@pytest.mark.parametrize(("source_text", "target_text"), [("a!", "a^ touched"), ("a", "absent"), ("a", "placeholder")])
def test_where_no_increment_is_sent_nothing_is_foreseen(source_text: str, target_text: str) -> None:
    assert plan_dataset(Pair.of(source(source_text), TARGET, target(target_text)), False, context()).unforeseen is None


def test_bookmarks_in_the_way_are_named() -> None:
    conflict = plan_dataset(Pair.of(source("a! b"), TARGET, target("a^ #x=mark changed")), False, context()).conflict
    assert conflict is not None
    assert "64.0 KiB were written; it has newer bookmarks of its own: #mark" in conflict.what
    assert conflict.rollback is not None
    assert conflict.rollback.text.endswith("written since then, and the bookmarks off/copy#mark")
