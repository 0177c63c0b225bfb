"""Snapshots that the source has renamed are renamed on the copy, where their names are in the way of what arrives."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.notation import MIRROR, SOURCE, TARGET, context, guid_of, planned, source, steps, target
from tests.support.rendering import rendered
from zfs_replicate.plan.pair import Pair
from zfs_replicate.plan.planner import plan_dataset
from zfs_replicate.steps import Expire


@pytest.mark.parametrize(
    ("source_text", "target_text", "expected"),
    [
        # the newest was daily.0, which is the name of the next one now
        ("a=daily.1! b=daily.0", "a=daily.0^", "rename daily.0>daily.1; send daily.1..daily.0"),
        # from the oldest on, so that each name is free when it is needed
        (
            "a=daily.2 b=daily.1! c=daily.0",
            "a=daily.1 b=daily.0^",
            "rename daily.1>daily.2 daily.0>daily.1; send daily.1..daily.0",
        ),
        # two nights at once
        ("a=daily.2! b=daily.1 c=daily.0", "a=daily.0^", "rename daily.0>daily.2; send daily.2..daily.0 (2)"),
        # the source no longer has the oldest, whose name is needed: it gets its date
        (
            "b=daily.1! c=daily.0",
            "a=daily.1:1 b=daily.0^",
            "rename daily.1>daily.1.2023-11-13_22:13 daily.0>daily.1; send daily.1..daily.0",
        ),
        (
            "c=two! d=one e=zero",
            "a=two:2 b=one:1 c=zero^",
            "rename two>two.2023-11-12_22:13 one>one.2023-11-13_22:13 zero>two; send two..zero (2)",
        ),
        (
            "a=y b=z c=q! d=x",
            "a=x b=y c=z^",
            "rename z>q y>z x>y; send q..x",
        ),
        # only as far as it is needed: b was renamed, but is in nobody's way
        ("a=y b=w! c=x", "a=x b=b^", "rename x>y; send w..x"),
        # a resumed stream continues under the name of its token
        ("a=y! b c=x", "a=x^ resume(a..b)", "rename x>y; resume b; send b..x"),
    ],
)
def test_the_copy_follows_renames_of_the_source(source_text: str, target_text: str, expected: str) -> None:
    assert expected in steps(source_text, target_text)


def test_names_that_were_exchanged_are_in_nobodys_way() -> None:
    assert steps("a=y b=x! c", "a=x b=y^").startswith("hold c; send x..c")
    assert "rename u>v; send v..u" in steps("a=y b=x c=v! d=u", "a=x b=y c=u^")


def test_a_name_with_its_date_may_be_taken_too() -> None:
    copy = target("z=old a=y:1 b=x^")
    assert copy is not None
    first, *others = copy.snapshots
    copy = replace(copy, snapshots=(replace(first, name="y.2023-11-13_22:13"), *others))
    plan = plan_dataset(Pair.of(source("b=y! c=x"), TARGET, copy), False, context())
    assert f"rename y>y.2023-11-13_22:13.{guid_of('a')} x>y; send y..x" in rendered(plan)


@pytest.mark.parametrize(
    ("source_text", "target_text"),
    [
        # a snapshot of the copy's own, newer than the base, has the name
        ("a=y! b=x", "a=x^ z=y"),
        ("a=y! b=x c=w", "a=x^ z=w"),
        # the source has renamed nothing
        ("a! b", "z=b a^"),
        ("a! b", "a^ z=b"),
    ],
)
def test_a_name_of_the_copy_itself_stays_a_conflict(source_text: str, target_text: str) -> None:
    assert steps(source_text, target_text) == "conflict"


def test_a_conflict_has_the_names_of_today() -> None:
    plan = planned("a=y! b=x", "a=x^ changed")
    assert plan.conflict is not None
    assert "zfs rollback off/copy@x" in plan.conflict.next_step


def test_a_rotated_copy_is_rolled_back_under_its_new_names() -> None:
    rolling_back = context(may_roll_back=True)
    expected = "hold x; rename x>y; rollback y; send y..x"
    assert steps("a=y! b=x", "a=x^ changed", plan_context=rolling_back).startswith(expected)


def test_the_holds_of_the_copy_are_named_anew() -> None:
    assert steps("a=y b=x", "a=x") == (
        "hold y x; rename x>y; hold-target y; send y..x; verify x; hold-target x; release y; release-target y"
    )


def test_a_renamed_snapshot_expires_by_its_new_name() -> None:
    plan = planned("b=y! c=x", "a=y:90 b=x:80^", keep_days=30)
    (expire,) = (step for step in plan.steps if isinstance(step, Expire))
    assert [old.name for old in expire.snapshots] == ["y.2023-08-16_22:13", "y"]


def test_a_name_that_would_be_too_long_is_left_alone() -> None:
    name = "off/" + "x" * 230
    pair = Pair.of(source(f"a={'y' * 18} b=x", SOURCE), name, target("a=x", name))
    assert rendered(plan_dataset(pair, False, context())).startswith("hold")
    pair = Pair.of(source(f"a={'y' * 30} b=x", SOURCE), name, target("a=x", name))
    assert rendered(plan_dataset(pair, False, context())).startswith("conflict")


@pytest.mark.parametrize(
    ("source_text", "expected"),
    [
        (
            f"a=y #a=zfs_replicate_offsite_{MIRROR}_x b=x!",
            f"bookmark x as #zfs_replicate_offsite_{MIRROR}_x.{guid_of('b')} -#zfs_replicate_offsite_{MIRROR}_x",
        ),
        (f"a=y b=x! #b=zfs_replicate_offsite_{MIRROR}_x", "nothing"),
    ],
)
def test_a_bookmark_of_the_same_name_is_replaced(source_text: str, expected: str) -> None:
    """Destroyed only once the new one is there, which therefore needs another name."""
    assert steps(source_text, "a=y b=x^", plan_context=context(has_bookmarks=True)) == expected
