"""Parse the listing of a tree: strict, an unexpected line is an error that quotes it."""

from __future__ import annotations

import pytest

from tests.support.listing import line
from zfs_replicate.errors import OutputError
from zfs_replicate.model import Bookmark, Kind, Snapshot
from zfs_replicate.zfs import parse_tree


def test_the_line_helper_has_all_columns() -> None:
    assert len(line("snapshot", "tank@a").split("\t")) == len((*parse_tree.LIST_COLUMNS, *parse_tree.KEY_COLUMNS))


# --- listing ---


def test_a_tree_becomes_datasets_with_snapshots_and_bookmarks() -> None:
    listing = parse_tree.listing(
        [
            line("filesystem", "tank/a", written="512"),
            line("snapshot", "tank/a@one", guid="1", createtxg="11", written="9"),
            line("bookmark", "tank/a#mark", guid="2", createtxg="12"),
            line("volume", "tank/a/disk"),
        ]
    )
    first, second = listing.datasets
    assert (first.name, first.kind, first.written) == ("tank/a", Kind.FILESYSTEM, 512)
    assert first.snapshots == (Snapshot("one", 1, 11, 1700000000, 9),)
    assert first.bookmarks == (Bookmark("mark", 2, 12, 1700000000),)
    assert (second.name, second.kind) == ("tank/a/disk", Kind.VOLUME)


def test_snapshots_are_ordered_by_createtxg_not_as_listed() -> None:
    lines = [
        line("filesystem", "tank"),
        line("snapshot", "tank@a", createtxg="10"),
        line("snapshot", "tank@b", createtxg="9"),
        line("bookmark", "tank#c", createtxg="50"),
        line("bookmark", "tank#d", createtxg="6"),
    ]
    (dataset,) = parse_tree.listing(lines).datasets
    assert [snapshot.name for snapshot in dataset.snapshots] == ["b", "a"]
    assert [bookmark.name for bookmark in dataset.bookmarks] == ["d", "c"]


def test_snapshots_may_be_listed_before_their_dataset() -> None:
    (dataset,) = parse_tree.listing([line("snapshot", "tank@a"), line("filesystem", "tank")]).datasets
    assert [snapshot.name for snapshot in dataset.snapshots] == ["a"]


def test_names_with_spaces_stay_whole() -> None:
    lines = [line("filesystem", "tank/my files"), line("snapshot", "tank/my files@before lunch")]
    (dataset,) = parse_tree.listing(lines).datasets
    assert (dataset.name, dataset.snapshots[0].name) == ("tank/my files", "before lunch")


def test_held_snapshots_are_collected_by_full_name() -> None:
    lines = [
        line("filesystem", "tank"),
        line("snapshot", "tank@a", userrefs="2"),
        line("snapshot", "tank@b", userrefs="0"),
    ]
    assert parse_tree.listing(lines).held == {"tank@a": 2}


@pytest.mark.parametrize(("text", "clones"), [("", ()), ("-", ()), ("p/c", ("p/c",)), ("p/c,p/d e", ("p/c", "p/d e"))])
def test_clones_of_a_snapshot_are_listed(text: str, clones: tuple[str, ...]) -> None:
    lines = [line("filesystem", "tank"), line("snapshot", "tank@a", clones=text)]
    assert parse_tree.listing(lines).datasets[0].snapshots[0].clones == clones


@pytest.mark.parametrize(("text", "is_encrypted"), [("off", False), ("-", False), ("aes-256-gcm", True)])
def test_encrypted_datasets_are_recognised(text: str, is_encrypted: bool) -> None:
    assert parse_tree.listing([line("filesystem", "tank", encryption=text)]).datasets[0].is_encrypted is is_encrypted


def test_the_room_in_a_copy_is_read_where_it_is_listed() -> None:
    """With a refquota it is not known: that counts in `available`, but does not stop a receive."""
    lines = [
        line("filesystem", "off") + "\t81\t0",
        line("snapshot", "off@a") + "\t-\t-",
        line("filesystem", "off/a"),
        line("filesystem", "off/b") + "\t0\t4096",
        line("volume", "off/c") + "\t82\t-",
    ]
    assert [dataset.available for dataset in parse_tree.listing(lines).datasets] == [81, None, None, 82]


def test_resume_tokens_are_kept_by_dataset() -> None:
    lines = [line("filesystem", "off"), line("filesystem", "off/a", receive_resume_token="1-ab-cd")]
    assert parse_tree.listing(lines).tokens == {"off/a": "1-ab-cd"}


def test_an_empty_listing_has_no_datasets() -> None:
    assert parse_tree.listing([]).datasets == []


@pytest.mark.parametrize(
    "bad",
    [
        "tank",
        "warning: something\n",
        line("filesystem", "tank").replace("\t", "  "),
        line("filesystem", "tank") + "\textra",
        line("filesystem", "tank") + "\t1\t0\textra",
        line("snapshot", "tank@a", guid="0x7"),
        line("snapshot", "tank@a", guid="-7"),
        line("snapshot", "tank@a", guid="٣"),
        line("snapshot", "tank@a", createtxg="-"),
        line("snapshot", "tank@a", creation=""),
        line("snapshot", "tank@a", userrefs="-"),
        line("filesystem", "tank", written="1.5K"),
        line("snapshot", "tank"),
        line("filesystem", "tank@a"),
        line("bookmark", "tank@a"),
        line("wormhole", "tank"),
        line("snapshot", "tank@a@b"),
        line("snapshot", "tank@"),
        line("filesystem", "tank//a"),
        line("filesystem", "tank/$(reboot)"),
        line("filesystem", ""),
    ],
)
def test_an_unexpected_line_is_quoted(bad: str) -> None:
    with pytest.raises(OutputError) as caught:
        parse_tree.listing([line("filesystem", "tank/fine"), bad])
    assert repr(bad) in str(caught.value)


@pytest.mark.parametrize(
    "name", ["a%b", "%recv", "a$b", "a'b", "caf\u00e9", "tab\tin it", "-\t-", "x" * 300, "\x1b[2J"]
)
def test_a_snapshot_with_an_odd_name_is_set_apart(name: str) -> None:
    """Even if it is held. A bookmark with one is left out."""
    lines = [
        line("filesystem", "tank"),
        line("snapshot", "tank@a", createtxg="10"),
        line("snapshot", f"tank@{name}", createtxg="11", guid="1", userrefs="1"),
        line("bookmark", f"tank#{name}"),
        line("filesystem", "tank/b"),
    ]
    tree = parse_tree.listing(lines)
    first, second = tree.datasets
    assert [snapshot.name for snapshot in first.snapshots] == ["a"]
    assert [(snapshot.name, snapshot.createtxg) for snapshot in first.odd_snapshots] == [(name, 11)]
    assert (first.bookmarks, tree.held, second.odd_snapshots) == ((), {}, ())


def test_a_snapshot_in_an_old_pool_has_no_size() -> None:
    lines = [line("filesystem", "tank", written="-"), line("snapshot", "tank@a", written="-")]
    assert parse_tree.listing(lines).datasets[0].snapshots[0].written == 0


def test_a_snapshot_without_its_dataset_is_an_error() -> None:
    with pytest.raises(OutputError, match="snapshots of tank/a are listed"):
        parse_tree.listing([line("snapshot", "tank/a@x")])
