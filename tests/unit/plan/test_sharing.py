"""What status and the list of leftovers make of holds that another mirror with the same tag has placed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.notation import MIRROR, NOW, RIVAL, SOURCE, TAG, TARGET, target_tree, tree
from tests.support.statuses import LIMITS, inventories
from zfs_replicate.config import Connection
from zfs_replicate.errors import PoolMissing
from zfs_replicate.model import Capabilities, Inventory, Survey
from zfs_replicate.plan.identity import mirror_of
from zfs_replicate.plan.leftovers import find_leftovers
from zfs_replicate.plan.sharing import sharing_problem
from zfs_replicate.plan.status import evaluate

THEIRS = f"zfs_replicate_offsite_{RIVAL}_"
CAPABILITIES = Capabilities("2.4", frozenset(), 1, {})
NAS1 = Connection("nas1")


def survey(source: str, target: str) -> Survey:
    """The mirror `tank/data/x`, below a root that both sides have."""
    source_tree = tree(SOURCE, ": a!", f"x: {source}")
    return Survey("nas1", source_tree, target_tree(TARGET, ": a^", f"x: {target}"), CAPABILITIES, CAPABILITIES)


def with_own_holds(both: Survey) -> Survey:
    """Return the same with the tag of this mirror in place of that of the notation's."""
    tags = {f"{TAG}.{MIRROR}": f"{TAG}.{mirror_of(both)}"}
    renamed = {
        name: replace(
            dataset,
            snapshots=tuple(
                replace(snapshot, holds=tuple(tags.get(tag, tag) for tag in snapshot.holds))
                for snapshot in dataset.snapshots
            ),
        )
        for name, dataset in both.source.datasets.items()
    }
    return replace(both, source=replace(both.source, datasets=renamed))


@pytest.mark.parametrize(
    ("source", "target", "listed"),
    [
        # alone: whatever shows whose it is, or nothing does
        ("a!", "a^", ["offsite"]),
        ("a!", "a", ["offsite"]),
        ("a!", "absent", ["offsite"]),
        # the other one has the plain tag
        (f"a! #a={THEIRS}a", "a^", []),
        (f"a!$ #a={THEIRS}a", "a^", ["offsite.own"]),
        ("a!$|", "a^", ["offsite.own"]),
        # the other one is beside us
        ("a!|", "a^", ["offsite"]),
        ("a|", "a^", []),
    ],
)
def test_only_holds_of_this_mirror_are_leftovers(source: str, target: str, listed: list[str]) -> None:
    both = with_own_holds(survey(source, target))
    leftovers = [entry for entry in find_leftovers(both, ("x",), TAG, NAS1) if entry.side.value == "source"]
    assert [entry.tag.replace(mirror_of(both), "own") for entry in leftovers] == listed
    words = [entry.command.partition(" -t ")[2] for entry in leftovers]
    assert all(
        word.replace(" --unknown", "") == f"{entry.tag} -r tank/data/x"
        for word, entry in zip(words, leftovers, strict=True)
    )
    assert not any("--unknown" in word for word in words) or "|" in source


@pytest.mark.parametrize(
    ("source", "target", "problems"),
    [
        ("a!|", "a^", ()),
        ("a!$", "a^", ()),
        ("a|", "a^", ("the hold offsite on the source is missing",)),
        (f"a! #a={THEIRS}a", "a^", (f"the hold offsite.{MIRROR} on the source is missing",)),
    ],
)
def test_the_hold_of_another_mirror_does_not_count(source: str, target: str, problems: tuple[str, ...]) -> None:
    source_tree, copies = inventories(source, target)
    (dataset,) = evaluate(copies, source_tree, LIMITS, NOW, MIRROR).datasets
    assert dataset.problems == problems


def test_status_names_who_shares_the_tag() -> None:
    problem = sharing_problem(survey("a!|", "a^"), (), TAG, NAS1)
    assert problem == (
        f"tank/data on nas1: another mirror ({RIVAL}), or this one with another -r or -l before, seems to use the tag"
        f" offsite, too; give one of them another -t;"
        f" or, if the other target is gone, let it go: zfs_replicate release -h nas1 -t offsite.{RIVAL} -r tank/data"
    )


@pytest.mark.parametrize(("source", "target"), [("a!", "a^"), ("a!", "absent"), ("a", "a")])
def test_status_of_a_mirror_alone_names_nobody(source: str, target: str) -> None:
    assert sharing_problem(survey(source, target), (), TAG, NAS1) is None


def test_without_the_target_pool_no_mirror_is_known() -> None:
    both = survey("a!", "absent")
    missing = replace(both, target=Inventory(TARGET, {}), target_capabilities=PoolMissing("offsite"))
    assert mirror_of(missing) == ""
    assert sharing_problem(missing, (), TAG, NAS1) is None
    assert [entry.tag for entry in find_leftovers(missing, ("x",), TAG, NAS1)] == [TAG]
