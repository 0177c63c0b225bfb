"""A valid resume token is continued before anything else; a stale one is cleared, with a reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.notation import SOURCE, TARGET, context, planned, source, steps, target
from zfs_replicate.model import Snapshot
from zfs_replicate.plan.pair import Pair
from zfs_replicate.plan.resume import after_abort, resumable
from zfs_replicate.steps import AbortReceive, Resume


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        # a first receive
        ("a", "resume(a)", "hold a; resume a as new; verify a; hold-target a"),
        ("a b c", "resume(a)", "hold a c; resume a as new; send a..c (2); verify c; hold-target c; release a"),
        # one that began inside the keep window
        (
            "a b c",
            "resume(b)",
            "hold b c; resume b as new; send b..c; verify c; hold-target c; release b",
        ),
        # an incremental one
        ("a! b", "a^ resume(a..b)", "hold b; resume b; verify b; hold-target b; release a; release-target a"),
        (
            "a! b c d",
            "a^ resume(a..b)",
            "hold b d; resume b; send b..d (2); verify d; hold-target d; release a b; release-target a",
        ),
        # from a bookmark; the rest starts from the snapshot that has arrived then
        (
            "#a b c",
            "a resume(a..b)",
            "hold b c; hold-target a; resume b; send b..c; verify c; hold-target c; release b; release-target a",
        ),
        # raw goes on raw
        (
            "encrypted a b",
            "encrypted a^ resume(a..b,raw)",
            "hold a b; resume b; verify b; hold-target b; release a; release-target a",
        ),
        # onto our placeholder
        (
            "a b",
            "placeholder resume(a)",
            "hold a b; resume a as new onto placeholder; send a..b; clear placeholder; verify b; hold-target b;"
            " release a",
        ),
    ],
)
def test_a_valid_token_is_continued_first(source: str, target: str, expected: str) -> None:
    assert steps(source, target) == expected


def test_a_resumed_stream_carries_the_token() -> None:
    (resume,) = (step for step in planned("a b", "a resume(a..b)").steps if isinstance(step, Resume))
    assert (resume.snapshot, resume.token, resume.receiving.target) == (f"{SOURCE}@b", "1-token", TARGET)


@pytest.mark.parametrize(
    ("source", "target", "reason"),
    [
        ("a b", "a resume(damaged)", "the saved state is damaged"),
        ("a b", "a resume(a..c)", "the source no longer has tank/data@c"),
        ("a b=new", "a resume(a..b)", "tank/data@b is now tank/data@new"),
        ("a b c", "a b resume(a..b)", "@b has already arrived"),
        ("a b c", "a resume(b)", "it continues a full send, but the target already has snapshots"),
        ("a b c", "a resume(b..c)", "the target no longer has the snapshot that it starts from"),
        ("a c", "a b resume(b..c)", "the source no longer has the snapshot that it starts from"),
        ("encrypted a b", "encrypted a resume(a..b)", "it would mix raw and plain streams"),
        ("a b", "a resume(a..b,raw)", "it would mix raw and plain streams"),
        ("encrypted a", "resume(a)", "it would mix raw and plain streams"),
    ],
)
def test_a_stale_token_is_cleared_with_its_reason(source: str, target: str, reason: str) -> None:
    (abort,) = (step for step in planned(source, target).steps if isinstance(step, AbortReceive))
    assert abort == AbortReceive(TARGET, reason)


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        # an unfinished first receive is discarded with its dataset, which is then created anew
        ("a b", "resume(damaged)", "hold a b; abort; send a as new; send a..b; verify b; hold-target b; release a"),
        ("a b", "resume(x)", "hold a b; abort; send a as new; send a..b; verify b; hold-target b; release a"),
        # after an incremental one, the earlier snapshots are left
        (
            "a b",
            "a^ resume(damaged)",
            "hold a b; abort; send a..b; verify b; hold-target b; release a; release-target a",
        ),
        (
            "a! b c!",
            "a^ b^ resume(a..b)",
            "hold b; abort; send b..c; verify c; hold-target c; release a b; release-target a b",
        ),
        # the saved state is cleared even if there is nothing to send
        ("a!", "a^ resume(a..x)", "abort"),
        # a placeholder stays a placeholder
        (
            "a",
            "placeholder resume(damaged)",
            "hold a; abort; send a as new onto placeholder; clear placeholder; verify a; hold-target a",
        ),
    ],
)
def test_after_clearing_the_dataset_is_planned_as_usual(source: str, target: str, expected: str) -> None:
    assert steps(source, target) == expected


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("a b", "a resume(unread)", "conflict; hold a; hold-target a"),
        ("a", "resume(unread)", "conflict"),
        ("a", "placeholder resume(unread)", "conflict"),
        ("empty", "a resume(unread)", "conflict"),
    ],
)
def test_a_token_that_was_not_read_is_kept(source: str, target: str, expected: str) -> None:
    assert steps(source, target, plan_context=context(may_roll_back=True)) == expected
    conflict = planned(source, target).conflict
    assert conflict is not None
    assert conflict.is_transient


def test_a_conflict_leaves_even_a_stale_token_alone() -> None:
    assert steps("a! b", "a^ changed resume(damaged)") == "conflict"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("resume(a)", "absent"),
        ("a resume(a..b)", "a"),
        ("placeholder resume(a)", "placeholder"),
    ],
)
def test_after_abort_knows_what_clearing_leaves(before: str, after: str) -> None:
    dataset = target(before)
    assert dataset is not None
    assert after_abort(dataset) == target(after)


def resumable_on_top_of(name: str) -> tuple[Snapshot | None, str]:
    """Return whether a token for a..b can be continued if this snapshot of the target `a x` has the saved state."""
    copy = target("a x resume(a..b)")
    assert copy is not None
    assert copy.resume_token is not None
    snapshots = tuple(replace(old, has_partial_receive=old.name == name) for old in copy.snapshots)
    return resumable(Pair.of(source("a! b"), copy.name, replace(copy, snapshots=snapshots)), copy.resume_token)


def test_saved_state_below_a_newer_target_snapshot_is_stale() -> None:
    assert resumable_on_top_of("a") == (None, "a snapshot has since been taken on the target: @x")


def test_saved_state_on_top_of_the_newest_snapshot_is_continued() -> None:
    snapshot, reason = resumable_on_top_of("x")
    assert (snapshot and snapshot.name, reason) == ("b", "")
