"""Names that ZFS accepts, and paths of datasets."""

from __future__ import annotations

import pytest

from zfs_replicate.zfs import names


@pytest.mark.parametrize(
    "name",
    ["tank", "tank/a", "tank/a b", "t-1_2.3:4/x", "tank/0", "tank/-a", "tank/" + "x" * 250, "/".join(["t"] * 49)],
)
def test_names_that_zfs_accepts(name: str) -> None:
    assert names.dataset_problem(name) is None


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("tank/a@b", "is the name of a snapshot or bookmark"),
        ("tank#b", "is the name of a snapshot or bookmark"),
        ("", "empty component"),
        ("/tank", "empty component"),
        ("tank/", "empty component"),
        ("tank//a", "empty component"),
        ("1tank", "pool name"),
        ("-tank", "pool name"),
        (" tank", "pool name"),
        ("tänk", "pool name"),
        ("tank/a%b", "'a%b'"),
        ("tank/ä", "'ä'"),
        ("tank/a\n", "does not allow"),
        ("tank/a\tb", "does not allow"),
        ("tank/a;b", "'a;b'"),
        ("tank/..", "'..'"),
        ("tank/./a", "'.'"),
        ("tank/" + "x" * 251, "256 bytes"),
        ("/".join(["t"] * 50), "50 levels"),
    ],
)
def test_names_that_zfs_refuses(name: str, problem: str) -> None:
    message = names.dataset_problem(name)
    assert message is not None
    assert problem in message


@pytest.mark.parametrize(
    ("text", "is_valid"),
    [("a", True), ("a b:c.d-e_f", True), ("", False), ("a/b", False), ("a@b", False), ("a\n", False)],
)
def test_components_that_zfs_takes(text: str, is_valid: bool) -> None:
    assert names.is_component(text) is is_valid


@pytest.mark.parametrize("tag", ["offsite", "a", "0", "a.b:c-d_e", "x" * 248])
def test_tags_that_zfs_accepts(tag: str) -> None:
    assert names.tag_problem(tag, ":target") is None


@pytest.mark.parametrize("tag", ["", ".a", "-a", "a b", "a/b", "a@b", "ä", "a\n", "x" * 249])
def test_tags_that_zfs_refuses(tag: str) -> None:
    assert names.tag_problem(tag, ":target") is not None


def test_the_message_for_a_long_tag_has_the_limit() -> None:
    assert names.tag_problem("x" * 249, ":target") == "is 249 bytes long; the maximum is 248"


@pytest.mark.parametrize(("name", "above"), [("a", ()), ("a/b", ("a",)), ("a/b/c", ("a", "a/b"))])
def test_ancestors_come_top_first(name: str, above: tuple[str, ...]) -> None:
    assert names.ancestors(name) == above


@pytest.mark.parametrize(
    ("dataset", "root", "is_within"),
    [
        ("tank/data", "tank/data", True),
        ("tank/data/a", "tank/data", True),
        ("tank/data2", "tank/data", False),
        ("tank", "tank/data", False),
        ("tan", "tank", False),
    ],
)
def test_a_dataset_lies_within_a_root_or_not(dataset: str, root: str, is_within: bool) -> None:
    assert names.is_within(dataset, root) is is_within


@pytest.mark.parametrize(("dataset", "path"), [("tank/a", ""), ("tank/a/b", "b"), ("tank/a/b/c", "b/c")])
def test_the_path_below_a_root(dataset: str, path: str) -> None:
    assert names.below(dataset, "tank/a") == path


def test_the_pool_of_a_dataset() -> None:
    assert (names.pool_of("tank"), names.pool_of("tank/a/b")) == ("tank", "tank")


@pytest.mark.parametrize(
    ("path", "pattern", "is_excluded"),
    [
        ("vm", "vm", True),
        ("vm/a", "vm", True),
        ("vm2", "vm", False),
        ("a/vm", "vm", False),
        ("vm", "vm/*", False),
        ("vm/a", "vm/*", True),
        ("vm/a/disk", "vm/*", True),
        ("swap", "*/swap", False),
        ("a/swap", "*/swap", True),
        ("a/b/swap", "*/swap", False),
        ("a1", "a[0-9]", True),
        ("ab", "a?", True),
        ("VM", "vm", False),
        ("vm", "/vm/", True),
        ("", "*", False),
        ("", "", False),
        ("vm", "", False),
        ("vm", "vm/../vm", False),
    ],
)
def test_patterns_match_component_by_component(path: str, pattern: str, is_excluded: bool) -> None:
    assert names.is_excluded(path, (pattern,)) is is_excluded


def test_any_of_several_patterns_excludes() -> None:
    assert names.is_excluded("b", ("a", "b"))
    assert not names.is_excluded("c", ("a", "b"))


@pytest.mark.parametrize(
    ("tag", "bookmark", "expected"),
    [
        ("a", "zfs_replicate_a_snap", True),
        ("a_b", "zfs_replicate_a__b_snap", True),
        ("a", "zfs_replicate_a__b_snap", False),
        ("a_", "zfs_replicate_a__b_snap", False),
        ("a_b", "zfs_replicate_a_b_snap", False),
        ("b", "zfs_replicate_a_snap", False),
    ],
)
def test_a_bookmark_belongs_to_one_tag(tag: str, bookmark: str, expected: bool) -> None:
    assert names.is_bookmark_of(tag, bookmark) is expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [("a/b.zfs_replicate/c", "a/b/c"), ("a/b.zfs_replicate", "a/b"), ("a/b.zfs_replicate.old", None), ("a/b", None)],
)
def test_names_of_copies_beside_their_places(path: str, expected: str | None) -> None:
    assert names.is_beside(path) == (expected is not None)
    assert names.in_place(path) == (expected or path)
