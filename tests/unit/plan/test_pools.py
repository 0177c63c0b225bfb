"""What a pool cannot do, because it is read-only or old, changes the plan and is said once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.command_lines import parsed
from tests.support.notation import NOW, TAG, context, target_tree, tree
from tests.support.rendering import rendered
from zfs_replicate import errors
from zfs_replicate.model import Capabilities, Survey
from zfs_replicate.plan.planner import make_plan, plan_trees
from zfs_replicate.plans import DatasetPlan


def plan_from_read_only(source: str, target: str, keep_days: int | None = None) -> DatasetPlan:
    trees = replace(tree("tank/data", f":{source}"), is_read_only=True), target_tree("off/copy", f":{target}")
    (plan,) = plan_trees(*trees, context(keep_days, has_bookmarks=True)).datasets
    return plan


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("a b", "absent", "send a as new; send a..b; verify b; hold-target b"),
        ("a! b", "a^", "send a..b; verify b; hold-target b"),
        ("a! b!", "a^ b^", "release-target a"),
        ("a b", "a b^", "nothing"),
        ("a b", "a changed", "conflict; hold-target a"),
        ("a b", "a resume(a..b)", "hold-target a; resume b; verify b; hold-target b; release-target a"),
        ("a! b c", "a^ b^", "send b..c; verify c; hold-target c; release-target b"),
    ],
)
def test_a_read_only_source_is_left_as_it_is(source: str, target: str, expected: str) -> None:
    assert rendered(plan_from_read_only(source, target)) == expected


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("a!:40 b", "a^:40", "send a..b; verify b; hold-target b"),
        ("z:50 a!:40 b", "z:50 a^:40", "send a..b; verify b; hold-target b; expire z"),
        ("a:40 b", "a:40", "hold-target a; send a..b; verify b; hold-target b; release-target a; expire a"),
    ],
)
def test_a_base_held_on_a_read_only_source_does_not_expire(source: str, target: str, expected: str) -> None:
    assert rendered(plan_from_read_only(source, target, keep_days=30)) == expected


def test_holds_on_a_read_only_source_are_those_that_were_there() -> None:
    plan = plan_from_read_only("a! b c", "a^")
    assert [snapshot.name for snapshot in plan.held] == ["a"]
    assert plan.arrivals is not None
    assert (plan.arrivals.source_tag, plan.arrivals.target_tag) == (None, f"{TAG}:target")


def survey(source: Capabilities, target: Capabilities) -> Survey:
    return Survey("nas1", tree("tank/my data", ":a"), target_tree("off/copy"), source, target)


def capabilities(pool_guid: int, is_read_only: bool = False, features: dict[str, str] | None = None) -> Capabilities:
    return Capabilities("zfs-2.3.9-1", frozenset({"zfs"}), pool_guid, features or {}, is_read_only=is_read_only)


def test_a_read_only_source_is_said_once() -> None:
    (warning,) = make_plan(survey(capabilities(1, True), capabilities(2)), parsed(), NOW).warnings
    assert warning.startswith("tank/my data on nas1: its pool was imported read-only; ")


def test_nothing_arrives_in_a_read_only_pool() -> None:
    with pytest.raises(
        errors.ReplicateError, match=r"off/copy on this machine: .* zpool export off && zpool import off"
    ):
        make_plan(survey(capabilities(1), capabilities(2, True)), parsed(), NOW)


@pytest.mark.parametrize(
    ("features", "can_resume"),
    [({"extensible_dataset": "disabled"}, False), ({"extensible_dataset": "enabled"}, True), ({}, True)],
)
def test_a_pool_that_cannot_save_a_receive_is_said_once(features: dict[str, str], can_resume: bool) -> None:
    target = capabilities(2, features=features)
    warnings = make_plan(survey(capabilities(1), target), parsed(), NOW).warnings
    assert (target.can_resume, len(warnings)) == (can_resume, 0 if can_resume else 1)
