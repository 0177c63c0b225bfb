"""Each row of the planning table: which streams bring a dataset to the source's newest snapshot.

Holds and expiry are tested in test_protection, conflicts in test_conflicts, tokens in test_resume.
"""

from __future__ import annotations

import pytest

from tests.support.notation import SOURCE, TARGET, plan_of, planned, steps, target_tree, tree
from zfs_replicate.model import Kind
from zfs_replicate.steps import Receiving, Send


def streams(text: str) -> str:
    """Given rendered steps, return those that move data or create datasets."""
    moving = ("abort", "create", "send", "resume", "clear", "conflict", "nothing")
    return "; ".join(step for step in text.split("; ") if step.startswith(moving))


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        # the target is absent: a full stream, then everything after it in one
        ("a", "absent", "send a as new"),
        ("a b", "absent", "send a as new; send a..b"),
        ("a b c d", "absent", "send a as new; send a..d (3)"),
        ("volume a b", "absent", "send a as new; send a..b"),
        ("a #a b", "absent", "send a as new; send a..b"),
        # the target has the tip
        ("a", "a", ""),
        ("a b", "a b", ""),
        ("b", "a b", ""),
        ("a b", "b", ""),
        # the base is the target's newest
        ("a b", "a", "send a..b"),
        ("a b c", "a", "send a..c (2)"),
        ("a b c d", "a b", "send b..d (2)"),
        ("b c", "a b", "send b..c"),
        ("a c d", "a b c", "send c..d"),
        # the target has newer snapshots of its own, unmodified
        ("a b", "a x", "send a..b"),
        ("a b c", "a x y", "send a..c (2)"),
        ("a", "a x", ""),
        # our placeholder is filled
        ("a", "placeholder", "send a as new onto placeholder; clear placeholder"),
        ("a b c", "placeholder", "send a as new onto placeholder; send a..c (2); clear placeholder"),
        # a placeholder that has snapshots is a real copy
        ("a b", "placeholder a", "clear placeholder; send a..b"),
        ("a", "placeholder a", "clear placeholder"),
        ("a #b", "placeholder a b", "clear placeholder"),
        # an odd name that would be sent along by -I
        ("a b c? d", "a", "send a..b; send b..d"),
        ("a b c d? e f", "a", "send a..c (2); send c..e; send e..f"),
        ("a b? c? d e g", "a", "send a..d; send d..g (2)"),
        ("a b? c", "absent", "send a as new; send a..c"),
        ("a b? c", "a", "send a..c"),
        ("#a b? c d e", "a", "send #a..c; send c..e (2)"),
        ("a b? c d", "a resume(a..c)", "resume c; send c..d"),
        # one that is in no stream
        ("a? b c d", "b", "send b..d (2)"),
        ("a b c d?", "a", "send a..c (2)"),
        ("a b c", "a x?", "send a..c (2)"),
    ],
)
def test_streams_lead_to_the_tip(source: str, target: str, expected: str) -> None:
    assert streams(steps(source, target)) == expected


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("a=old b", "a", "send old..b"),
        ("a b", "a=old", "send a..b"),
        ("a=x b=y c", "a=y b=x", "send y..c"),
        ("a=b b=c c", "a", "send b..c (2)"),
        ("a=old", "a", ""),
        ("#a=mark b", "a", "send #mark..b"),
    ],
)
def test_renamed_snapshots_are_common_by_guid(source: str, target: str, expected: str) -> None:
    assert streams(steps(source, target)) == expected


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("#a b", "a", "send #a..b"),
        ("#a b c", "a", "send #a..b; send b..c"),
        ("#a b c d", "a", "send #a..b; send b..d (2)"),
        ("a #b c d", "a b", "send #b..c; send c..d"),
        # a snapshot is the better base: it can be held
        ("a #a b", "a", "send a..b"),
        # but the newer one is the base, whatever it is
        ("#a b c", "a b", "send b..c"),
        ("a #b c", "a b", "send #b..c"),
        ("a #b", "a b", ""),
        # a bookmark is not a base if the target does not have its snapshot
        ("a #b c", "a", "send a..c"),
    ],
)
def test_a_bookmark_is_a_base(source: str, target: str, expected: str) -> None:
    assert streams(steps(source, target)) == expected


@pytest.mark.parametrize(
    ("source", "keep_days", "expected"),
    [
        ("a:40 b:20 c:10", 30, "send b as new; send b..c"),
        ("a:40 b:30 c:10", 30, "send c as new"),
        ("a:40 b:29 c:10 d", 30, "send b as new; send b..d (2)"),
        ("a:40 b:35", 30, "send b as new"),
        ("a:40 b", 0, "send b as new"),
        ("a:4000 b", None, "send a as new; send a..b"),
    ],
)
def test_the_first_stream_begins_inside_the_keep_window(source: str, keep_days: int | None, expected: str) -> None:
    assert streams(steps(source, "absent", keep_days)) == expected


def test_incrementals_bring_all_snapshots_whatever_their_age() -> None:
    assert streams(steps("a:90 b:80 c:70 d", "a:90", keep_days=30)) == "send a..d (3)"


@pytest.mark.parametrize(
    ("source", "target", "is_parent", "expected"),
    [
        ("empty", "absent", True, "create placeholder"),
        ("empty", "absent", False, "nothing"),
        ("empty", "placeholder", True, "nothing"),
        ("empty", "empty", True, "nothing"),
        ("empty", "empty changed", False, "nothing"),
        ("empty", "resume(a)", True, "abort; create placeholder"),
        ("empty", "resume(a)", False, "abort"),
        ("empty", "placeholder resume(a)", True, "abort"),
    ],
)
def test_a_source_without_snapshots_needs_at_most_a_placeholder(
    source: str, target: str, is_parent: bool, expected: str
) -> None:
    assert steps(source, target, is_parent=is_parent) == expected


def test_a_source_without_snapshots_is_noted() -> None:
    assert planned("empty", "absent").notes == ("the source has no snapshots yet",)


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("encrypted a b", "absent", "send a raw as new; send a..b raw"),
        ("encrypted a b", "encrypted a", "send a..b raw"),
        ("encrypted #a b c", "encrypted a", "send #a..b raw; send b..c raw"),
        ("encrypted a", "placeholder", "send a raw as new onto placeholder; clear placeholder"),
        # a plain source stays plain, even below an encrypted target
        ("a b", "encrypted a", "send a..b"),
        ("a", "absent", "send a as new"),
    ],
)
def test_encrypted_sources_are_sent_raw(source: str, target: str, expected: str) -> None:
    assert streams(steps(source, target)) == expected


def test_a_stream_carries_full_names_and_its_receiver() -> None:
    (send,) = (step for step in planned("volume a b c", "volume a").steps if isinstance(step, Send))
    assert (send.base, send.snapshot, send.snapshot_count) == (f"{SOURCE}@a", f"{SOURCE}@c", 2)
    assert send.receiving == Receiving(TARGET, Kind.VOLUME)


@pytest.mark.parametrize(
    ("source", "target", "count", "creates"),
    [
        ("a b c", "absent", 3, True),
        ("a b c", "a", 2, False),
        ("a b c", "resume(a)", 3, True),
        ("a b c", "a resume(a..b)", 2, False),
        ("a", "placeholder", 1, True),
        ("a", "a", 0, False),
    ],
)
def test_a_plan_counts_arrivals_and_makes_children_wait(source: str, target: str, count: int, creates: bool) -> None:
    plan = planned(source, target)
    assert (plan.snapshot_count, plan.creates_target) == (count, creates)


@pytest.mark.parametrize(
    ("source", "target", "estimates"),
    [
        ("a+100 b+20 c+3", "", [100, 23]),
        ("a+100! b+20 c+3", "a^", [23]),
        ("a+100 #b b+20 c+3 d+4", "a b^", [7]),
    ],
)
def test_streams_carry_what_was_written_since_their_base(source: str, target: str, estimates: list[int]) -> None:
    (plan,) = plan_of(tree(SOURCE, f":{source}"), target_tree(TARGET, *([f":{target}"] if target else []))).datasets
    assert [step.byte_estimate for step in plan.steps if isinstance(step, Send)] == estimates
