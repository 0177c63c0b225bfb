"""Rollbacks are planned only with --rollback, bookmarks only if the source pool supports them."""

from __future__ import annotations

import pytest

from tests.support.notation import context, planned, steps
from zfs_replicate.steps import Release, Rollback, Side

ROLLING_BACK = context(may_roll_back=True)
WITH_BOOKMARKS = context(has_bookmarks=True)
PREFIX = "#zfs_replicate_offsite_3f2a9c1e-ab12_"


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("a^ x", "rollback a -x; send a..b raw"),
        ("a^ x^ y", "rollback a -x -y; send a..b raw"),
        ("a^ b~", "rollback a -b; send a..b raw"),
        ("a^ x resume(a..b,raw)", "abort; rollback a -x; send a..b raw"),
        ("a^", "send a..b raw"),
    ],
)
def test_a_raw_copy_is_rolled_back_through_its_own_snapshots(target: str, expected: str) -> None:
    planned_steps = steps("encrypted a! b", f"encrypted {target}", plan_context=ROLLING_BACK)
    assert f"hold b; {expected}; verify b" in planned_steps


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        # bytes written since the base
        ("a^ changed", "rollback a; send a..b"),
        # even if zfs may not take them for a change
        ("a^ touched", "rollback a; send a..b"),
        ("a^ x+512", "rollback a -x; send a..b"),
        # bookmarks that are newer than the base would stop it; one of the base stays
        ("a^ #a=base x #x=mark touched", "rollback a -x -#mark; send a..b"),
        ("a^ #x=mark touched", "rollback a -#mark; send a..b"),
        # newer snapshots of its own, with bytes
        ("a^ x+20000 y", "rollback a -x -y; send a..b"),
        # an arriving name is taken
        ("a^ b~", "rollback a -b; send a..b"),
        # our own hold on a lost snapshot does not prevent it
        ("a^ x^ changed", "rollback a -x; send a..b"),
        # a token is useless after a rollback
        ("a^ changed resume(a..b)", "abort; rollback a; send a..b"),
        ("a^ changed resume(damaged)", "abort; rollback a; send a..b"),
        # what has arrived of a stream is worth more than the little that a rollback may have left
        ("a^ touched resume(a..b)", "resume b"),
        # where nothing was written, nothing is rolled back
        ("a^", "send a..b"),
        ("a^ x", "send a..b"),
        ("a^ #x=mark", "send a..b"),
    ],
)
def test_a_rollback_discards_down_to_the_base_and_no_further(target: str, expected: str) -> None:
    assert f"hold b; {expected}; verify b" in steps("a! b", target, plan_context=ROLLING_BACK)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        # somebody else's hold, a clone
        ("a! b", "a^ x% changed"),
        ("a! b", "a^ x& changed"),
        ("a! b", "a^ x+20000 y%"),
        ("a! b", "a^ b~%"),
        ("encrypted a! b", "encrypted a^ x%"),
        ("encrypted a! b", "encrypted a^ x&"),
        # the taken name is older than the base
        ("a b! c=z", "z=z~ b^"),
        # conflicts that a rollback cannot resolve
        ("a", "empty changed"),
        ("a b", "x"),
        ("volume a! b", "a^ changed"),
    ],
)
def test_a_rollback_never_goes_through_what_others_need(source: str, target: str) -> None:
    assert steps(source, target, plan_context=ROLLING_BACK) == "conflict"


def test_a_rollback_that_cannot_help_leaves_the_holds() -> None:
    assert steps("volume a b", "a changed", plan_context=ROLLING_BACK) == "conflict; hold a; hold-target a"
    assert "rollback" not in steps("a! b", "a^ x+512%", plan_context=ROLLING_BACK)
    assert steps("a b c=z", "z=z~ b x+20000", plan_context=ROLLING_BACK) == "conflict; hold b; hold-target b"


def test_nothing_is_rolled_back_if_nothing_would_arrive() -> None:
    assert steps("a!", "a^ x+20000 changed", plan_context=ROLLING_BACK) == "nothing"


def test_without_the_option_nothing_is_rolled_back() -> None:
    assert steps("a! b", "a^ changed") == "conflict"


def test_a_rollback_lists_what_is_lost() -> None:
    (rollback,) = (
        step
        for step in planned("a! b", "a^ x^+20000 y changed", plan_context=ROLLING_BACK).steps
        if isinstance(step, Rollback)
    )
    assert rollback == Rollback(
        "off/copy",
        "off/copy@a",
        85536,
        ("off/copy@x", "off/copy@y"),
        Release(Side.TARGET, "offsite:target", ("off/copy@x",)),
    )


# --- bookmarks ---


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("a", "a^", f"hold a; bookmark a as {PREFIX}a"),
        ("a! b!", "b^", f"bookmark b as {PREFIX}b"),
        # it already exists
        (f"a! #a={PREFIX[1:]}a", "a^", "nothing"),
        # an older one of ours is destroyed
        (f"#a={PREFIX[1:]}a b!", "b^", f"bookmark b as {PREFIX}b -{PREFIX}a"),
        # others stay
        ("#a=mine b!", "b^", f"bookmark b as {PREFIX}b"),
        ("#a=zfs_replicate_other_a b!", "b^", f"bookmark b as {PREFIX}b"),
        # and those of a longer tag that begins with ours
        ("#a=zfs_replicate_offsite__too_a b!", "b^", f"bookmark b as {PREFIX}b"),
        # and those of another mirror, for which this one goes apart
        ("#a=zfs_replicate_offsite_77777777-7777_a b!", "b^", f"hold-own b; bookmark b as {PREFIX}b"),
        # one of an older version stays for one more run
        ("a! #a=zfs_replicate_offsite_a b", "a^ b", f"hold b; hold-target b; bookmark b as {PREFIX}b"),
        (
            f"a!:35 #a:35=zfs_replicate_offsite_a b! #b={PREFIX[1:]}b",
            "a^ b^",
            "release a; bookmark b as -#zfs_replicate_offsite_a; release-target a",
        ),
        ("a=_x!", "a^", f"bookmark _x as {PREFIX}_x"),
        # if older ones pile up, the newest of them stays
        (
            f"#a={PREFIX[1:]}a #b={PREFIX[1:]}b #c={PREFIX[1:]}c d!",
            "d^",
            f"bookmark d as -{PREFIX}a -{PREFIX}b",
        ),
        # only a bookmark is left: there is nothing to bookmark
        (f"x #a={PREFIX[1:]}a", "a^", "nothing"),
    ],
)
def test_the_newest_common_snapshot_has_a_bookmark(source: str, target: str, expected: str) -> None:
    assert steps(source, target, plan_context=WITH_BOOKMARKS) == expected


def test_a_bookmark_is_created_between_the_releases() -> None:
    assert steps("a! b", "a^", plan_context=WITH_BOOKMARKS) == (
        f"hold b; send a..b; verify b; hold-target b; release a; bookmark b as {PREFIX}b; release-target a"
    )


def test_a_source_without_the_bookmarks_feature_gets_none() -> None:
    assert steps("a!", "a^") == "nothing"
