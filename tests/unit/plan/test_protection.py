"""Holds, verification, releases and expiry around the streams keep the copy safe at every step."""

from __future__ import annotations

import pytest

from tests.support.notation import TARGET, context, guid_of, planned, steps
from zfs_replicate.plans import KeptSnapshot
from zfs_replicate.steps import Expire, ExpiringSnapshot, Verify


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        # a first run
        ("a", "absent", "hold a; send a as new; verify a; hold-target a"),
        ("a b c", "absent", "hold a c; send a as new; send a..c (2); verify c; hold-target c; release a"),
        # the run after it
        ("a! b", "a^", "hold b; send a..b; verify b; hold-target b; release a; release-target a"),
        ("a! b c", "a^", "hold c; send a..c (2); verify c; hold-target c; release a; release-target a"),
        # an existing hold is not placed again
        ("a! b!", "a^", "send a..b; verify b; hold-target b; release a; release-target a"),
        # a bookmark cannot be held; the stream's end is
        ("#a b c", "a^", "hold b c; send #a..b; send b..c; verify c; hold-target c; release b; release-target a"),
        # a renamed snapshot has its own name on each side
        ("a=x! b", "a^", "hold b; send x..b; verify b; hold-target b; release x; release-target a"),
        ("a! b", "a=x^", "hold b; send a..b; verify b; hold-target b; release a; release-target x"),
    ],
)
def test_streams_are_held_before_and_verified_after(source: str, target: str, expected: str) -> None:
    assert steps(source, target) == expected


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        # somebody has released it
        ("a!* b", "a", "hold b; hold-target a; send a..b; verify b; hold-target b; release a; release-target a"),
        # a stream was cut after b, and nothing could be held
        (
            "a! b c!",
            "a^ b",
            "hold b; hold-target b; send b..c; verify c; hold-target c; release a b; release-target a b",
        ),
        (
            "a! b c d!",
            "a^ b resume(b..c)",
            "hold b c; hold-target b; resume c; send c..d; verify d; hold-target d; release a b c; release-target a b",
        ),
        # under another name
        (
            "a=x!* b",
            "a=y",
            "hold b; hold-target y; send x..b; verify b; hold-target b; release x; release-target y",
        ),
        # the base of a bookmark
        (
            "#a b",
            "a",
            "hold b; hold-target a; send #a..b; verify b; hold-target b; release-target a",
        ),
    ],
)
def test_lost_holds_are_placed_before_the_streams(source: str, target: str, expected: str) -> None:
    assert steps(source, target) == expected


def test_a_rolled_back_copy_holds_its_base_first() -> None:
    plan_context = context(may_roll_back=True)
    assert steps("a!* b", "a x^ changed", plan_context=plan_context) == (
        "hold b; hold-target a; rollback a -x; send a..b; verify b; hold-target b; release a; release-target a"
    )


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [("a! b c", "a^", "bc"), ("a b", "absent", "ab"), ("a b c", "a resume(a..b)", "bc"), ("a", "a", None)],
)
def test_the_plan_names_what_its_streams_bring(source: str, target: str, expected: str | None) -> None:
    arrivals = planned(source, target).arrivals
    names = None if arrivals is None else "".join(snapshot.name for snapshot in arrivals.snapshots)
    assert names == expected


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("a!", "a^", "nothing"),
        ("a", "a^", "hold a"),
        ("a!*", "a", "hold-target a"),
        ("a b", "a b", "hold b; hold-target b"),
        ("a! b", "a^ b", "hold b; hold-target b; release a; release-target a"),
        ("a! b!", "a^ b^", "release a; release-target a"),
        # a hold of another tag is not ours
        ("a%", "a%", "hold a; hold-target a"),
        # our two tags are not interchangeable
        ("a^", "a!", "hold a; hold-target a"),
        # it is the same snapshot under another name
        ("a=x", "a=y", "hold x; hold-target y"),
    ],
)
def test_holds_are_repaired_with_nothing_to_send(source: str, target: str, expected: str) -> None:
    assert steps(source, target) == expected


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        # all common snapshots older than the new base
        ("a! b! c! d!", "a^ b c d^", "release a b c; release-target a"),
        ("a! b! c!", "b^ c^", "release b; release-target b"),
        # never one that the target does not have: it may be another mirror's
        ("x! a!", "a^", "nothing"),
        ("a! x! b!", "a^ b^", "release a; release-target a"),
        # never one with the same name but another guid
        ("a~! b!", "a b^", "nothing"),
        # never one of another tag
        ("a% b!", "a b^", "nothing"),
        # what arrives in this very run is common too
        ("a! b! c! d", "a^", "hold d; send a..d (3); verify d; hold-target d; release a b c; release-target a"),
    ],
)
def test_releases_only_older_common_snapshots(source: str, target: str, expected: str) -> None:
    assert steps(source, target) == expected


def test_a_held_snapshot_that_the_target_lacks_is_noted() -> None:
    plan = planned("x! a!", "a^")
    assert plan.notes == ("the hold offsite on tank/data@x stays: the target does not have that snapshot",)


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        # yesterday a was the oldest in the keep window, and its stream failed
        ("a!*:30 b:29 c!", "absent", "send a as new; send a..c (2); verify c; hold-target c; release a; expire a"),
        # the same, and somebody mirrored none for a month
        (
            "a!*:61 b:60 c!:31 d",
            "absent",
            "hold d; send a as new; send a..d (3); verify d; hold-target d; release a c; expire a b c",
        ),
        # a hold in the keep window makes no difference, nor one of others
        ("a:30 b:20 c!*", "absent", "hold b; send b as new; send b..c; verify c; hold-target c; release b"),
        ("a%:30 b!*:20", "absent", "send b as new; verify b; hold-target b"),
    ],
)
def test_a_first_copy_begins_with_the_oldest_held(source: str, target: str, expected: str) -> None:
    assert steps(source, target, keep_days=30) == expected


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("a^ b^ c^", "release-target a b"),
        ("a^ b c", "hold-target c; release-target a"),
        ("a c", "hold-target c"),
        # a hold on a newer snapshot of the target's own stays
        ("c^ x^", "nothing"),
        # other tags are not ours to release
        ("a! b% c^", "nothing"),
    ],
)
def test_the_target_hold_moves_to_the_base(target: str, expected: str) -> None:
    assert steps("c!*", target) == expected


def test_newer_snapshots_of_the_target_are_noted() -> None:
    assert planned("a!", "a^ x y").notes == ("the target has 2 newer snapshots of its own since @a; kept",)


def test_a_base_that_is_only_a_bookmark_is_noted() -> None:
    assert planned("#a", "a^").notes == ("the source has no snapshots yet",)
    assert planned("a! #b", "a b^").notes == (
        "only the bookmark #b is left of the newest common snapshot, and a bookmark cannot be held",
    )


def test_verify_asks_for_the_tip_by_guid() -> None:
    (verify,) = (step for step in planned("a b=new", "a").steps if isinstance(step, Verify))
    assert verify == Verify(f"{TARGET}@new", guid_of("b"))


# --- expiry ---


@pytest.mark.parametrize(
    ("source", "target", "keep_days", "expected"),
    [
        # without -k nothing expires
        ("c!", "a:4000 b:3000 c^", None, "nothing"),
        # older than the limit, or exactly as old
        ("c!", "a:40 b:30 c^", 30, "expire a b"),
        ("c!", "a:40 b:29 c^", 30, "expire a"),
        ("c!", "a:29 b:20 c^", 30, "nothing"),
        # whether the source still has it does not matter
        ("a:40 b:40 c!", "a:40 b:40 c^", 30, "expire a b"),
        # 0: only the newest common snapshot
        ("c!", "a:2 b:1 c^", 0, "expire a b"),
        ("c!", "a b c^", 0, "expire a b"),
        # never the newest common one, however old
        ("b!:90", "a:99 b^:90", 30, "expire a"),
        ("b!:90", "a:99 b^:90 x:89", 30, "expire a x"),
        ("a!", "a^", 0, "nothing"),
        # never a held or cloned one
        ("c!", "a%:40 b:40 c^", 30, "expire b"),
        ("c!", "a&:40 b:40 c^", 30, "expire b"),
        ("c!", "a!:40 c^", 30, "nothing"),
        # our own hold on an older one is released first
        ("c!", "a^:40 c^", 30, "release-target a; expire a"),
        ("c!", "a^%:40 c^", 30, "release-target a"),
        # but not our hold on a newer snapshot of the target's own
        ("a!:50", "a^:50 x^:40", 30, "nothing"),
        # the old base goes once the new one is verified
        (
            "a!:40 b:1",
            "a^:40",
            30,
            "hold b; send a..b; verify b; hold-target b; release a; release-target a; expire a",
        ),
        # arriving snapshots may already be overdue; the tip never is
        (
            "a!:90 b:80 c:70",
            "a^:90",
            30,
            "hold c; send a..c (2); verify c; hold-target c; release a; release-target a; expire a b",
        ),
        # a first copy has nothing to expire
        ("a:40 b:10", "absent", 30, "hold b; send b as new; verify b; hold-target b"),
    ],
)
def test_expiry_takes_old_snapshots_that_nothing_keeps(
    source: str, target: str, keep_days: int | None, expected: str
) -> None:
    assert steps(source, target, keep_days) == expected


def test_an_arriving_snapshot_brings_neither_holds_nor_clones() -> None:
    """They belong to the source's pool, so they keep nothing on the target."""
    assert steps("a!:90 b%&:80 c!:70", "a^:90", 30).endswith("release a; release-target a; expire a b")


@pytest.mark.parametrize(
    ("target", "kept"),
    [
        ("a%:40 c^", (KeptSnapshot("a", "held by other"),)),
        ("a%!:40 c^", (KeptSnapshot("a", "held by other, offsite"),)),
        ("a&:40 c^", (KeptSnapshot("a", "cloned as tank/clone"),)),
        ("a^%:40 c^", (KeptSnapshot("a", "held by other"),)),
        ("a:40 c^:35", (KeptSnapshot("c", "newest common snapshot"),)),
        ("a:40 b:5 c^", ()),
    ],
)
def test_overdue_snapshots_that_are_kept_have_a_reason(target: str, kept: tuple[KeptSnapshot, ...]) -> None:
    plan = planned("c!", target, keep_days=30)
    assert tuple(sorted(plan.kept, key=lambda snapshot: snapshot.name)) == kept


@pytest.mark.parametrize(
    ("keep_days", "reason"),
    [(30, "older than 30 days"), (1, "older than 1 day"), (0, "only the newest common snapshot is kept")],
)
def test_expiry_gives_its_reason(keep_days: int, reason: str) -> None:
    (expire,) = (step for step in planned("b!", "a:40 b^", keep_days).steps if isinstance(step, Expire))
    assert expire == Expire(TARGET, (ExpiringSnapshot("a", reason),))


def test_the_last_hold_stays_if_the_base_is_only_a_bookmark() -> None:
    assert steps("a! #b", "a^ b") == "hold-target b"


def test_the_held_snapshot_below_a_bookmark_does_not_expire() -> None:
    plan = planned("a!:50 #b", "a:50 b:40", keep_days=30)
    assert [step for step in plan.steps if isinstance(step, Expire)] == []
