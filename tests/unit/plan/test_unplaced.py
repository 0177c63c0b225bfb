"""Copies beside their places whose source, place or neighbours have changed since."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.beside import BESIDE, COPIES, SOURCE, conflict_text, keyed, planned
from tests.support.notation import NOW, plan_of, target_tree, tree, tree_steps
from tests.support.rendering import rendered
from zfs_replicate.config import StatusOptions
from zfs_replicate.model import Inventory
from zfs_replicate.plan.status import Level, evaluate


@pytest.mark.parametrize("place", ["placeholder", "absent"])
def test_a_copy_is_known_by_what_has_moved_below_it(place: str) -> None:
    """Also when the source has lost all that the copy itself has."""
    moved = (f"p:{place}", "p.zfs_replicate:encrypted x^", "p.zfs_replicate/c:encrypted a^")
    for words, steps in (("b", "conflict; take place"), ("empty", "take place")):
        source = tree("t", ":a!", f"p:encrypted {words}", "p/c:encrypted a!")
        plan = plan_of(source, target_tree("o", ":a^", *moved))
        acts = " -." if place == "placeholder" else ""
        assert {dataset.target: rendered(dataset) for dataset in plan.datasets} == {
            "o": "nothing",
            "o/p": f"{steps}{acts}",
            "o/p/c": "nothing",
        }
        assert (plan.orphans, plan.warnings) == ((), ())


def test_a_copy_of_the_root_is_known_by_what_has_moved() -> None:
    source = tree("t", ":encrypted b", "c:encrypted a!")
    beside = target_tree("o/p.zfs_replicate", ":encrypted x^", "c:encrypted a^").datasets
    texts = tree_steps(source, replace(target_tree("o/p"), beside=beside))
    assert texts == {"o/p": "conflict; take place", "o/p/c": "nothing"}


@pytest.mark.parametrize(
    ("place", "reason"),
    [("absent", "nothing shows that it is a copy of t/p"), ("encrypted b^", "o/p is there already")],
)
def test_unknown_datasets_beside_a_place_are_reported(place: str, reason: str) -> None:
    copies = target_tree("o", *COPIES[:1], f"p:{place}", "p.zfs_replicate:encrypted x^", "p.zfs_replicate/z:x^")
    (warning,) = plan_of(SOURCE, copies).warnings
    (shown,) = evaluate(copies, SOURCE, StatusOptions(), NOW).unplaced
    assert f"{BESIDE} on this machine: " in warning
    assert reason in warning
    assert warning == shown
    assert warning.endswith(f"zfs rename {BESIDE} o/p.old-20231114-2213")


def test_an_unknown_dataset_beside_the_root_is_reported() -> None:
    beside = target_tree("o/p.zfs_replicate", ":encrypted x^", "z:x^").datasets
    (warning,) = plan_of(tree("t", ":b"), replace(target_tree("o/p"), beside=beside)).warnings
    assert "o/p.zfs_replicate on this machine: " in warning


CLONED = tree("t", ":a!", "p:encrypted b", "p/c:a!")
VAULT = dict.fromkeys(("o", "o/p", "o/p/z clone", "o/p/c"), "o")


def with_clone(origin: str, roots: dict[str, str], *lines: str) -> Inventory:
    copies = target_tree("o", ":a^", "p:placeholder", *(lines or ("p/z clone:empty", "p/c:a^")))
    clone = replace(copies.datasets["o/p/z clone"], origin=origin)
    return keyed(replace(copies, datasets={**copies.datasets, "o/p/z clone": clone}), roots)


@pytest.mark.parametrize("roots", [VAULT, {**VAULT, "o/p/z clone": "o/p/c", "o/p/c": "o/p/c"}])
def test_a_clone_that_shares_a_key_is_renamed_below_its_origin(roots: dict[str, str]) -> None:
    """zfs changes no key of a clone. It comes before its origin, which would be stuck next."""
    text = conflict_text(planned(CLONED, with_clone("o/p/c@a", roots)))
    assert "because that is a clone of o/p/c@a and shares its key" in text
    assert ": zfs rename 'o/p/z clone' 'o/p/c/z clone'; then run again" in text


def test_a_clone_of_a_volume_is_renamed_below_the_vault() -> None:
    """Nothing can be below a volume, and nothing else has the key that it may have got for itself."""
    lines = ("p/z clone:volume empty", "p/c:volume a^")
    text = conflict_text(planned(CLONED, with_clone("o/p/c@a", VAULT, *lines)))
    assert ": zfs rename 'o/p/z clone' 'o/z clone'; then run again" in text
    own = {**VAULT, "o/p/z clone": "o/p/c", "o/p/c": "o/p/c"}
    text = conflict_text(planned(CLONED, with_clone("o/p/c@a", own, *lines)))
    assert text.endswith("no other place has that key, so destroy it when it is not needed any more; then run again")


def test_a_clone_of_the_placeholder_is_renamed_below_the_vault() -> None:
    lines = ("p:placeholder x", "p.zfs_replicate:encrypted b", "p/z clone:empty", "p/c:a^")
    copies = with_clone("o/p@x", {**VAULT, BESIDE: BESIDE}, *lines)
    assert ": zfs rename 'o/p/z clone' 'o/z clone'; then run again" in conflict_text(planned(CLONED, copies))


def test_a_snapshotted_placeholder_goes_without_its_children() -> None:
    """One child has moved already; the copy is there, so no new one is to be received."""
    moved = ("p.zfs_replicate:encrypted b", "p.zfs_replicate/c:encrypted a^", "p/v:encrypted volume a^")
    plan = planned(SOURCE, target_tree("o", ":a^", "p:placeholder x", *moved))
    assert rendered(plan) == "conflict; hold b; hold-target o/p.zfs_replicate@b"
    text = conflict_text(plan)
    assert f"its copy is {BESIDE} and cannot take its place" in text
    assert "@x" in text
    assert f": zfs rename o/p/v {BESIDE}/v; then give that parent another name" in text
    assert text.endswith(": zfs rename o/p o/p.old-20231114-2213; then run again")


def test_an_odd_snapshot_without_a_copy_moves_nothing() -> None:
    text = conflict_text(planned(SOURCE, target_tree("o", *COPIES, "p:placeholder x?")))
    assert BESIDE not in text


def test_placeholders_below_a_snapshotted_one_are_made_anew() -> None:
    """One that needs a key from above is created below the copy, as it would be without the snapshot."""
    source = tree("t", ":a!", "p:encrypted b", "p/q:encrypted empty", "p/q/c:encrypted a!")
    lines = ("p:placeholder x", "p.zfs_replicate:encrypted b", "p/q:placeholder", "p/q/c:encrypted a^")
    roots = {"o": "o", "o/p": "o", "o/p/q": "o", "o/p/q/c": "o/p/q/c", BESIDE: BESIDE}
    text = conflict_text(planned(source, keyed(target_tree("o", ":a^", *lines), roots)))
    create = f"zfs create -o canmount=off -o encryption=off -o zfs_replicate:placeholder=on {BESIDE}/q"
    assert f": {create} && zfs rename -u o/p/q/c {BESIDE}/q/c; then give" in text


def test_a_shared_key_comes_before_a_snapshotted_placeholder() -> None:
    """Otherwise it would go away with the placeholder, and be sent again."""
    lines = ("p:placeholder x", "p.zfs_replicate:encrypted b", "p/c:a^")
    roots = {**dict.fromkeys(("o", "o/p", "o/p/c"), "o"), BESIDE: BESIDE}
    text = conflict_text(planned(CLONED, keyed(target_tree("o", ":a^", *lines), roots)))
    assert "nor move o/p/c below a copy in its place, because that inherits its key from o" in text


def test_status_without_the_source_knows_a_copy_beside_the_root() -> None:
    """Both while the placeholder is there, and after."""
    beside = target_tree(BESIDE, ":encrypted b", "c:encrypted a^").datasets
    for place in (target_tree("o/p"), target_tree("o/p", ":placeholder")):
        report = evaluate(replace(place, beside=beside), None, StatusOptions(), NOW)
        root, child = report.datasets
        assert (root.name, root.newest, child.name, child.newest) == ("o/p", "b", "o/p/c", "a")
        assert root.notes == (
            f"its copy is {BESIDE} until the next run, which brings it and those below to their places",
        )
        assert (report.level, child.level) == (Level.WARNING, Level.OK)


def test_status_without_the_source_knows_nested_copies_beside() -> None:
    lines = (":placeholder", "p.zfs_replicate:b^", "p.zfs_replicate/q.zfs_replicate:b^", "q.zfs_replicate:empty")
    report = evaluate(target_tree("o", *lines), None, StatusOptions(), NOW)
    assert [one.name for one in report.datasets] == ["o", "o/p", "o/p/q", "o/q.zfs_replicate"]


def test_status_of_what_has_such_a_name_itself_leaves_it_there() -> None:
    report = evaluate(target_tree(BESIDE, ":b^", "c:b^"), None, StatusOptions(), NOW)
    assert [one.name for one in report.datasets] == [BESIDE, f"{BESIDE}/c"]
