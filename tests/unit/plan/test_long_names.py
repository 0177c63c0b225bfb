"""Names that the target cannot have: too long with its snapshot, too long by itself, too deep."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.notation import TARGET, context, guid_of, source, target
from tests.support.rendering import rendered
from zfs_replicate.model import Snapshot
from zfs_replicate.plan.pair import Pair
from zfs_replicate.plan.planner import plan_dataset
from zfs_replicate.plans import Conflict


def test_a_name_that_becomes_too_long_keeps_the_common_snapshot() -> None:
    """The copy is there; a later snapshot of the source has a name that does not fit."""
    name = "off/" + "x" * 200
    dataset = source("a")
    snapshots = (*dataset.snapshots, Snapshot("s" * 51, guid_of("b"), 9999, 1))
    pair = Pair.of(replace(dataset, snapshots=snapshots), name, target("a", name))
    assert rendered(plan_dataset(pair, False, context())) == "conflict; hold a; hold-target a"


@pytest.mark.parametrize(
    ("source_text", "target_text", "expected"),
    [
        ("a b", "b", "hold b; hold-target b"),
        ("a b!", "a b^", "nothing"),
        ("a b! c", "a b^", "hold c; send b..c; verify c; hold-target c; release b; release-target b"),
    ],
)
def test_an_old_name_that_is_too_long_is_never_sent(source_text: str, target_text: str, expected: str) -> None:
    """The first snapshot of the source has it."""
    name = "off/" + "x" * 200
    dataset, copy = source(source_text), target(target_text, name)
    first = replace(dataset.snapshots[0], name="s" * 51)
    pair = Pair.of(replace(dataset, snapshots=(first, *dataset.snapshots[1:])), name, copy)
    assert rendered(plan_dataset(pair, False, context())).replace(f"{name}@", "") == expected


def test_a_long_name_outside_the_keep_window_is_not_sent() -> None:
    dataset = source("a:50 b c")
    first = replace(dataset.snapshots[0], name="s" * 51)
    pair = Pair.of(replace(dataset, snapshots=(first, *dataset.snapshots[1:])), "off/" + "x" * 200, None)
    assert plan_dataset(pair, False, context(keep_days=30)).conflict is None
    assert plan_dataset(pair, False, context()).conflict is not None


def conflict_with_names(target_name: str, snapshot_name: str) -> Conflict | None:
    dataset = source("a")
    snapshot = Snapshot(snapshot_name, guid_of("a"), 1, 1)
    pair = Pair.of(type(dataset)(dataset.name, dataset.kind, snapshots=(snapshot,)), target_name, None)
    return plan_dataset(pair, False, context()).conflict


def test_a_name_of_255_bytes_with_its_snapshot_is_accepted() -> None:
    assert conflict_with_names("off/" + "x" * 200, "s" * 50) is None


def test_a_longer_name_is_a_conflict_that_names_the_snapshot() -> None:
    conflict = conflict_with_names("off/" + "x" * 200, "s" * 51)
    assert conflict is not None
    assert "256 bytes long with @sss" in conflict.what
    assert "-x" in conflict.next_step


def test_a_name_that_is_too_long_by_itself_is_a_conflict() -> None:
    conflict = conflict_with_names("off/" + "x" * 252, "s")
    assert conflict is not None
    assert "256 bytes" in conflict.what


@pytest.mark.parametrize(("depth", "is_accepted"), [(49, True), (50, False)])
def test_a_name_that_is_too_deep_is_a_conflict(depth: int, is_accepted: bool) -> None:
    conflict = conflict_with_names("/".join(["o"] * depth), "s")
    assert (conflict is None) is is_accepted


def test_a_bad_target_name_is_reported_before_other_conflicts() -> None:
    long_name = f"{TARGET}/{'x' * 250}"
    conflict = plan_dataset(Pair.of(source("a"), long_name, target("volume x", long_name)), False, context()).conflict
    assert conflict is not None
    assert "target name" in conflict.what
