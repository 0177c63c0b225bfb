"""Mirrors with the same tag are told apart on their source, and none releases what may be another's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.notation import MIRROR, RIVAL, TARGET, context, planned, source, target
from tests.support.rendering import rendered
from zfs_replicate.model import UNKNOWN_HOLD
from zfs_replicate.plan.identity import identity
from zfs_replicate.plan.pair import Pair
from zfs_replicate.plan.planner import plan_dataset
from zfs_replicate.plans import Sharing
from zfs_replicate.zfs import marks

OWN = f"zfs_replicate_offsite_{MIRROR}_"
THEIRS = f"zfs_replicate_offsite_{RIVAL}_"
OLD = "zfs_replicate_offsite_"


def whole(source: str, target: str, has_bookmarks: bool = False) -> str:
    return rendered(planned(source, target, plan_context=context(has_bookmarks=has_bookmarks)), is_whole=True)


# --- the identity ---


def test_an_identity_is_that_of_pool_and_place() -> None:
    mirrors = [
        identity(1, "tank/d", "off/d"),
        identity(2, "tank/d", "off/d"),
        identity(1, "tank/d", "off/e"),
        identity(1, "tank/d", "off/x/d"),
        identity(1, "tank/d", "off"),
    ]
    assert len(set(mirrors)) == len(mirrors)
    assert identity(1, "tank/d", "renamed/d") == mirrors[0]


@pytest.mark.parametrize(("source", "target"), [("tank/d", "off/a/d"), ("tank/d", "off/b"), ("tank", "off/tank")])
def test_all_datasets_of_a_mirror_have_one_identity(source: str, target: str) -> None:
    assert identity(1, f"{source}/x/y", f"{target}/x/y") == identity(1, source, target)


def test_an_identity_never_looks_like_a_date() -> None:
    """An older version's bookmark of a snapshot with such a name would be taken for this mirror's."""
    identities = [identity(0x20240101, "tank/d", f"off/{number}") for number in range(50)]
    assert any(mirror.startswith("f") for mirror in identities)
    assert not any(marks.is_date(mirror) for mirror in identities)


# --- who has the plain tag ---


@pytest.mark.parametrize("unread", ["a", "b"])
def test_proof_of_a_hold_that_was_not_read_stays(unread: str) -> None:
    """It got another name between the listing and the question for its hold: the next run releases that."""
    original = source(f"a! b! c! #a={OWN}a")
    snapshots = [replace(s, holds=(UNKNOWN_HOLD,)) if s.name == unread else s for s in original.snapshots]
    steps = []
    for read in (original, replace(original, snapshots=tuple(snapshots))):
        plan = plan_dataset(Pair.of(read, TARGET, target("a^ b c^")), False, context(has_bookmarks=True))
        steps.append(rendered(plan, is_whole=True))
    assert steps == [f"release a b; bookmark c as #{OWN}c -#{OWN}a; release-target a", f"bookmark c as #{OWN}c"]


def test_the_claim_stays_while_holds_are_not_known() -> None:
    """A snapshot got another name between the listing and the question for its hold, which may be a first one."""
    original = source("a!* b c! d")
    snapshots = [replace(s, holds=(UNKNOWN_HOLD,)) if s.name == "b" else s for s in original.snapshots]
    pair = Pair.of(replace(original, snapshots=tuple(snapshots)), TARGET, target("absent"))
    plan = rendered(plan_dataset(pair, False, context()), is_whole=True)
    assert plan == "hold d; send a as new; send a..d (3); verify d; hold-target d; claim d"


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        # alone: a claim shows that the first holds are ours, until the target does
        ("a", "absent", "claim a; hold a; send a as new; verify a; hold-target a"),
        # a first run that died after its holds; it had begun with a
        (
            "a!* b! c",
            "absent",
            "hold c; send a as new; send a..c (2); verify c; hold-target c; release a b; claim c; release-claim a",
        ),
        # one that died in its second stream, and one that died at the very end
        (
            "a!* b!",
            "a",
            "hold-target a; send a..b; verify b; hold-target b; release a; claim b; release-claim a; release-target a",
        ),
        ("a!* b!", "a b^", "release a; claim b; release-claim a"),
        # a claim without a hold is only a leftover
        (
            "a* b",
            "absent",
            "hold a b; send a as new; send a..b; verify b; hold-target b; release a; claim b; release-claim a",
        ),
        # it had begun with b, by another -k, and now begins with a
        (
            "a b!*",
            "absent",
            "claim a; hold a; send a as new; send a..b; verify b; hold-target b; release a; release-claim a",
        ),
        # a claim whose hold was released, but not that on b
        ("a* b! c!", "a b c^", "release b; claim c; release-claim a"),
        # a hold that was lost: without the claim, another mirror could take the new one for its own
        ("a", "a^", "claim a; hold a"),
        ("a", "a", "claim a; hold a; hold-target a"),
        # our bookmark shows it, too, but not of what is older
        (f"a #a={OWN}a", "a", "hold a; hold-target a"),
        (
            f"a b c #c={OWN}c",
            "a",
            "claim a; hold a c; hold-target a; send a..c (2); verify c; hold-target c; release a; release-claim a;"
            " release-target a",
        ),
    ],
)
def test_a_mirror_alone_has_the_plain_tag(source: str, target: str, expected: str) -> None:
    assert whole(source, target) == expected


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        # the first mirror holds a; nothing but that says that it is there
        ("a!", "absent", "hold-own a; send a as new; verify a; hold-target a"),
        ("a! b", "absent", "hold-own a b; send a as new; send a..b; verify b; hold-target b; release-own a"),
        # its claim, its bookmark, another copy of ours that was made by hand
        (
            "a b",
            "absent",
            "claim a; hold a b; send a as new; send a..b; verify b; hold-target b; release a; claim b; release-claim a",
        ),
        (f"a #a={THEIRS}a", "absent", "hold-own a; send a as new; verify a; hold-target a"),
        ("a!", "a", "hold-own a; hold-target a"),
        # the runs after: only our own tag moves
        ("a!$ b", "a^", "hold-own b; send a..b; verify b; hold-target b; release-own a; release-target a"),
        ("a$ b!", "a^", "hold-own b; send a..b; verify b; hold-target b; release-own a; release-target a"),
        ("a! b$ c!", "a b^", "hold-own c; send b..c; verify c; hold-target c; release-own b; release-target b"),
        # a first run that died leaves only our own tag, also where the copy begins later
        ("a$ b$", "b", "hold-target b; release-own a"),
        # the plain tag of ours as it was, before another mirror made a bookmark and none of its own tags
        (
            f"a! b #b={THEIRS}b",
            "a^",
            "hold-own a b; send a..b; verify b; hold-target b; release-own a; release-target a",
        ),
    ],
)
def test_a_mirror_beside_another_has_its_own_tag(source: str, target: str, expected: str) -> None:
    assert whole(source, target) == expected


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        # a mirror beside us does not touch the plain tag, so all plain holds from our base on are ours
        ("a!| b", "a^", "hold b; send a..b; verify b; hold-target b; release a; claim b; release-target a"),
        (
            f"a! b| #b={THEIRS}b",
            "a^",
            "hold b; send a..b; verify b; hold-target b; release a; claim b; release-target a",
        ),
        # but none that is older
        ("a! b!| c", "a b^", "hold c; send b..c; verify c; hold-target c; release b; claim c; release-target b"),
    ],
)
def test_the_first_mirror_keeps_the_plain_tag(source: str, target: str, expected: str) -> None:
    assert whole(source, target) == expected


def test_an_unexplained_older_hold_is_noted_with_a_command() -> None:
    (note,) = planned("a! b!", "a b^").notes
    assert note == (
        "the hold offsite on tank/data@a stays: nothing shows that this mirror placed it; if no other mirror uses this"
        " tag, release it there: zfs release offsite tank/data@a"
    )


# --- bookmarks ---


def test_a_copy_that_was_lost_is_begun_again_by_the_bookmark() -> None:
    assert whole(f"a! #a={OWN}a b", "absent", has_bookmarks=True) == (
        f"hold b; send a as new; send a..b; verify b; hold-target b; release a; bookmark b as #{OWN}b -#{OWN}a"
    )


def test_a_bookmark_and_the_target_show_it_without_the_hold() -> None:
    assert whole(f"a #a={OWN}a b! c", "a^", has_bookmarks=True) == (
        "hold a c; send a..c (2); verify c; hold-target c; release a b;"
        f" bookmark c as #{OWN}c -#{OWN}a; release-target a"
    )


def test_a_bookmark_of_another_mirror_is_never_destroyed() -> None:
    source = f"a!| #a={THEIRS}a #a={OLD}a b #b={THEIRS}b"
    assert f"-#{THEIRS}" not in whole(source, "a^", has_bookmarks=True)


# --- going over from an older version ---


def test_a_hold_of_an_older_version_stays_for_a_while() -> None:
    first = planned(f"a! #a={OLD}a b", "a^", plan_context=context(has_bookmarks=True))
    assert rendered(first) == f"hold b; send a..b; verify b; hold-target b; bookmark b as #{OWN}b"
    assert "stays for now: an older version of zfs_replicate placed it" in first.notes[0]
    assert whole(f"a!:34 #a:34={OLD}a b! #b={OWN}b c", "a^ b^", has_bookmarks=True) == (
        f"hold c; send b..c; verify c; hold-target c; release b; bookmark c as #{OWN}c -#{OWN}b; release-target b"
    )
    assert whole(f"a!:35 #a:35={OLD}a b! #b={OWN}b c", "a^ b^", has_bookmarks=True) == (
        f"hold c; send b..c; verify c; hold-target c; release a b; bookmark c as #{OWN}c -#{OWN}b -#{OLD}a;"
        " release-target a b"
    )


def test_a_hold_of_an_older_version_stays_beside_another() -> None:
    second = whole(f"a! #a={OLD}a b! #b={THEIRS}b", "a^", has_bookmarks=True)
    assert second == (
        f"hold-own a b; send a..b; verify b; hold-target b; release-own a; bookmark b as #{OWN}b; release-target a"
    )


def test_without_the_right_to_bookmark_one_hold_stays_at_most() -> None:
    """The first run could not make its bookmark; the hold on a stays in doubt, but that on b does not."""
    third = whole(f"a! #a={OLD}a b! c", "a^ b^", has_bookmarks=True)
    assert third.startswith("hold c; send b..c; verify c; hold-target c; release b;")
    assert third.endswith("release-target b")


# --- what the plan says about it ---


@pytest.mark.parametrize(
    ("source", "target", "sharing"),
    [
        ("a!", "a^", None),
        ("a", "absent", None),
        ("a!| b", "a^", Sharing(MIRROR, (RIVAL,))),
        ("a!", "absent", Sharing(MIRROR, (), is_apart=True, is_joining=True, is_unknown=True)),
        (f"a!$ #a={THEIRS}a", "a^", Sharing(MIRROR, (RIVAL,), is_apart=True)),
        # the other one was let go
        ("a$", "a^", None),
    ],
)
def test_a_plan_says_whether_the_tag_is_shared(source: str, target: str, sharing: Sharing | None) -> None:
    assert planned(source, target).sharing == sharing
