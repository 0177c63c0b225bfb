"""What goes with a tag, where one mirror uses it and where several do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.notation import MIRROR, OWN_TAG, RIVAL, SOURCE, TAG, TARGET, target_tree, tree
from zfs_replicate.model import UNKNOWN_HOLD
from zfs_replicate.plan.retiring import Leavings, source_leavings, target_leavings

OWN = f"#a=zfs_replicate_offsite_{MIRROR}_a"
THEIRS = f"#b=zfs_replicate_offsite_{RIVAL}_b"
OLD = "#a=zfs_replicate_offsite_a"
RIVAL_TAG = f"{TAG}.{RIVAL}"


def short(leavings: Leavings) -> str:
    """Return `snapshot: tags` of each, then the bookmarks, then who stays."""
    names = {OWN_TAG: "own", f"{OWN_TAG}.new": "claim", RIVAL_TAG: "theirs", f"{RIVAL_TAG}.new": "their claim"}
    held = [
        f"{snapshot.name.rpartition('@')[2]}: {' '.join(names.get(tag, tag) for tag in snapshot.tags)}"
        for snapshot in leavings.held
    ]
    marks = [
        bookmark.rpartition("#")[2].replace(MIRROR, "own").replace(RIVAL, "theirs") for bookmark in leavings.bookmarks
    ]
    return "; ".join([*held, *marks, *(f"{names[tag]} stays" for tag in leavings.staying)])


@pytest.mark.parametrize(
    ("source", "tag", "expected"),
    [
        # one mirror, or none that shows itself: all goes
        (f"a! b! {OWN}", TAG, "a: offsite; b: offsite; zfs_replicate_offsite_own_a"),
        (f"a!* {OLD}", TAG, "a: offsite claim; zfs_replicate_offsite_a"),
        (f"a! b {OWN}", OWN_TAG, "a: offsite; zfs_replicate_offsite_own_a"),
        ("a!*", OWN_TAG, "a: offsite claim"),
        # nothing shows whose a is
        ("a! b$", OWN_TAG, "b: own"),
        ("a!", OWN_TAG, ""),
        # one is beside the other
        (f"a! b| {OWN}", OWN_TAG, "a: offsite; zfs_replicate_offsite_own_a; theirs stays"),
        (f"a! b| {OWN}", RIVAL_TAG, "b: theirs; own stays"),
        (f"a! b| {OWN}", TAG, "own stays; theirs stays"),
        (f"a! b| {OWN} {OLD.replace('#a', '#b')}", TAG, "zfs_replicate_offsite_a; own stays; theirs stays"),
        # a hold that is older than the bookmark of who has the plain tag
        (f"a! b!$ {THEIRS}", RIVAL_TAG, "b: offsite; zfs_replicate_offsite_theirs_b; own stays"),
        (f"a! b!$ {THEIRS}", TAG, "a: offsite; own stays; theirs stays"),
        # two show the plain tag: nothing says whose it is
        (f"a! b! {OWN} {THEIRS}", OWN_TAG, "zfs_replicate_offsite_own_a; theirs stays"),
        (f"a! b! {OWN} {THEIRS}", TAG, "own stays; theirs stays"),
        (f"a! b! {OWN.replace('#a', '#b')} {THEIRS}", TAG, "a: offsite; own stays; theirs stays"),
    ],
)  # fmt: skip
def test_a_tag_takes_what_is_its_own(source: str, tag: str, expected: str) -> None:
    assert short(source_leavings(tree(SOURCE, f": {source}"), None, tag)) == expected


def test_a_mirror_may_have_the_plain_tag_on_a_child_only() -> None:
    both = tree(SOURCE, f": a! b| {OWN}", f"x: b! a$ {THEIRS}")
    assert (
        short(source_leavings(both, None, OWN_TAG)) == "a: offsite; a: own; zfs_replicate_offsite_own_a; theirs stays"
    )
    assert (
        short(source_leavings(both, None, RIVAL_TAG))
        == "b: theirs; b: offsite; zfs_replicate_offsite_theirs_b; own stays"
    )
    assert short(source_leavings(both, None, TAG)) == "own stays; theirs stays"


def test_the_target_says_which_mirror_is_meant() -> None:
    """Only where several share the tag: else all of it goes."""
    shared, alone = tree(SOURCE, f": a! b| {OWN}"), tree(SOURCE, f": a! b! {OWN}")
    copies = target_tree(TARGET, ": a^")
    leavings = source_leavings(shared, copies, TAG, MIRROR)
    assert (leavings.tag, [snapshot.is_on_target for snapshot in leavings.held]) == (OWN_TAG, [True])
    assert source_leavings(alone, copies, TAG, MIRROR).tag == TAG
    beside = tree(SOURCE, ": a! b$")  # the other one has lost what showed it
    assert short(source_leavings(beside, copies, TAG, MIRROR)) == "b: own"
    assert [snapshot.is_on_target for snapshot in source_leavings(alone, copies, TAG, MIRROR).held] == [True, False]


def test_a_copy_beside_its_place_is_on_the_target() -> None:
    beside = target_tree(f"{TARGET}.zfs_replicate", ": a^")
    copies = replace(target_tree(TARGET), beside=beside.datasets)
    (held,) = source_leavings(tree(SOURCE, ": a!"), copies, TAG).held
    assert held.is_on_target


def test_a_snapshot_with_unread_holds_is_named() -> None:
    unread = tree(SOURCE, ": a b!")
    dataset = unread.datasets[SOURCE]
    snapshots = (replace(dataset.snapshots[0], holds=(UNKNOWN_HOLD,)), *dataset.snapshots[1:])
    unread = replace(unread, datasets={SOURCE: replace(dataset, snapshots=snapshots)})
    for leavings in (source_leavings(unread, None, TAG), target_leavings(unread, f"{TAG}:target")):
        assert leavings.unread == (f"{SOURCE}@a",)


def test_on_the_target_one_tag_goes() -> None:
    leavings = target_leavings(target_tree(TARGET, ": a!^ b%^ c!"), f"{TAG}:target")
    assert short(leavings) == "a: offsite:target; b: offsite:target"
