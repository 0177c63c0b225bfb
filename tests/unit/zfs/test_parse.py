"""Parse zfs output: strict, an unexpected line is an error that quotes it."""

from __future__ import annotations

import pytest

from tests.support.listing import PROBE, line, text
from zfs_replicate.errors import OutputError
from zfs_replicate.model import Bookmark, Kind, Snapshot
from zfs_replicate.zfs import parse


def test_the_line_helper_has_all_columns() -> None:
    assert len(line("snapshot", "tank@a").split("\t")) == len((*parse.LIST_COLUMNS, *parse.KEY_COLUMNS))


# --- listing ---


def test_a_tree_becomes_datasets_with_snapshots_and_bookmarks() -> None:
    listing = parse.listing(
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
    (dataset,) = parse.listing(lines).datasets
    assert [snapshot.name for snapshot in dataset.snapshots] == ["b", "a"]
    assert [bookmark.name for bookmark in dataset.bookmarks] == ["d", "c"]


def test_snapshots_may_be_listed_before_their_dataset() -> None:
    (dataset,) = parse.listing([line("snapshot", "tank@a"), line("filesystem", "tank")]).datasets
    assert [snapshot.name for snapshot in dataset.snapshots] == ["a"]


def test_names_with_spaces_stay_whole() -> None:
    lines = [line("filesystem", "tank/my files"), line("snapshot", "tank/my files@before lunch")]
    (dataset,) = parse.listing(lines).datasets
    assert (dataset.name, dataset.snapshots[0].name) == ("tank/my files", "before lunch")


def test_held_snapshots_are_collected_by_full_name() -> None:
    lines = [
        line("filesystem", "tank"),
        line("snapshot", "tank@a", userrefs="2"),
        line("snapshot", "tank@b", userrefs="0"),
    ]
    assert parse.listing(lines).held == {"tank@a": 2}


@pytest.mark.parametrize(("text", "clones"), [("", ()), ("-", ()), ("p/c", ("p/c",)), ("p/c,p/d e", ("p/c", "p/d e"))])
def test_clones_of_a_snapshot_are_listed(text: str, clones: tuple[str, ...]) -> None:
    lines = [line("filesystem", "tank"), line("snapshot", "tank@a", clones=text)]
    assert parse.listing(lines).datasets[0].snapshots[0].clones == clones


@pytest.mark.parametrize(("text", "is_encrypted"), [("off", False), ("-", False), ("aes-256-gcm", True)])
def test_encrypted_datasets_are_recognised(text: str, is_encrypted: bool) -> None:
    assert parse.listing([line("filesystem", "tank", encryption=text)]).datasets[0].is_encrypted is is_encrypted


def test_the_room_in_a_copy_is_read_where_it_is_listed() -> None:
    """With a refquota it is not known: that counts in `available`, but does not stop a receive."""
    lines = [
        line("filesystem", "off") + "\t81\t0",
        line("snapshot", "off@a") + "\t-\t-",
        line("filesystem", "off/a"),
        line("filesystem", "off/b") + "\t0\t4096",
        line("volume", "off/c") + "\t82\t-",
    ]
    assert [dataset.available for dataset in parse.listing(lines).datasets] == [81, None, None, 82]


def test_resume_tokens_are_kept_by_dataset() -> None:
    lines = [line("filesystem", "off"), line("filesystem", "off/a", receive_resume_token="1-ab-cd")]
    assert parse.listing(lines).tokens == {"off/a": "1-ab-cd"}


def test_an_empty_listing_has_no_datasets() -> None:
    assert parse.listing([]).datasets == []


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
        parse.listing([line("filesystem", "tank/fine"), bad])
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
    tree = parse.listing(lines)
    first, second = tree.datasets
    assert [snapshot.name for snapshot in first.snapshots] == ["a"]
    assert [(snapshot.name, snapshot.createtxg) for snapshot in first.odd_snapshots] == [(name, 11)]
    assert (first.bookmarks, tree.held, second.odd_snapshots) == ((), {}, ())


def test_a_snapshot_in_an_old_pool_has_no_size() -> None:
    lines = [line("filesystem", "tank", written="-"), line("snapshot", "tank@a", written="-")]
    assert parse.listing(lines).datasets[0].snapshots[0].written == 0


def test_a_snapshot_without_its_dataset_is_an_error() -> None:
    with pytest.raises(OutputError, match="snapshots of tank/a are listed"):
        parse.listing([line("snapshot", "tank/a@x")])


# --- holds, guids, names ---


def test_holds_are_grouped_by_snapshot_in_order() -> None:
    stdout = text("tank/a b@x\toffsite\tTue Nov 14 22:13 2023", "tank/a b@x\tother\tTue", "tank@y\tother\tTue")
    counts = {"tank/a b@x": 2, "tank@y": 1, "tank@z": 0}
    assert parse.holds(stdout, counts) == {"tank/a b@x": ("offsite", "other"), "tank@y": ("other",)}


def test_guids_by_full_name() -> None:
    assert parse.guids(["tank@a\t18446744073709551615", "tank/b c@d\t2"]) == {"tank@a": 2**64 - 1, "tank/b c@d": 2}


def test_first_column_of_each_line() -> None:
    assert parse.first_column(["tank/a\ton", "tank/b c\ton"], 2) == ("tank/a", "tank/b c")


@pytest.mark.parametrize("bad", ["tank@a offsite Tue", "NAME\tTAG\tTIMESTAMP\tmore", ""])
def test_an_unexpected_hold_is_quoted(bad: str) -> None:
    with pytest.raises(OutputError) as caught:
        parse.holds(text(bad), {"tank@a": 1})
    assert repr(bad) in str(caught.value)


@pytest.mark.parametrize("counts", [{"tank@a": 2}, {"tank@a": 0}, {"tank@a": 1, "tank@b": 1}])
def test_holds_other_than_in_the_listing_are_in_doubt(counts: dict[str, int]) -> None:
    assert parse.holds(text("tank@a\toffsite\tTue"), counts) is None


@pytest.mark.parametrize("line", ["tank@a\toffsite", "tank@a\t\tTue"])
def test_a_hold_without_a_tag_or_a_date_is_in_doubt(line: str) -> None:
    assert parse.holds(text(line), {"tank@a": 1}) is None


@pytest.mark.parametrize("bad", ["tank@a", "tank@a\t-", "tank@a\t12 "])
def test_an_unexpected_guid_is_quoted(bad: str) -> None:
    with pytest.raises(OutputError) as caught:
        parse.guids([bad])
    assert repr(bad) in str(caught.value)


# --- changed copies ---


def test_bookmarks_are_sorted_by_dataset_and_age() -> None:
    lines = ["off/a#y\t2\t20\t5", "off/a b#z\t3\t30\t6", "off/a#x\t1\t10\t4"]
    assert parse.bookmarks(lines) == {
        "off/a": (Bookmark("x", 1, 10, 4), Bookmark("y", 2, 20, 5)),
        "off/a b": (Bookmark("z", 3, 30, 6),),
    }


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["root-0\t0", "/dev/sda\t12", "/dev/sdb\t9"], 4096),
        (["root-0\t0", "raidz1-0\t13", "/dev/sda\t13"], 8192),
        (["root-0\t0", "draid2:8d:11c:1s-0\t12", "/dev/sda\t12"], 32768),
        (["root-0\t0", "/dev/sda\t-"], None),
        (["/dev/sda\t64"], None),
        ([], None),
    ],
)
def test_the_largest_sectors_of_a_pool_count(lines: list[str], expected: int | None) -> None:
    assert parse.sector_bytes(lines) == expected


# --- capabilities ---


@pytest.mark.parametrize(("printed", "clock"), [("1800000000", 1_800_000_000), ("%s", None), ("", None)])
def test_a_clock_is_known_where_date_prints_seconds(printed: str, clock: int | None) -> None:
    assert parse.capabilities([f"clock\t{printed}", *PROBE], "tank").clock == clock


def test_a_probe_becomes_capabilities() -> None:
    capabilities = parse.capabilities(["zfs-version\tzfs-2.3.9-1", *PROBE], "tank")
    assert (capabilities.zfs_version, capabilities.pool_guid) == ("zfs-2.3.9-1", 42)
    assert capabilities.programs == {"zfs", "mbuffer"}


@pytest.mark.parametrize(
    ("feature", "has", "uses"),
    [
        ("large_blocks", True, False),
        ("zstd_compress", True, True),
        ("encryption", False, False),
        ("unheard_of", False, False),
    ],
)
def test_features_are_available_or_in_use(feature: str, has: bool, uses: bool) -> None:
    capabilities = parse.capabilities(PROBE, "tank")
    assert (capabilities.has_feature(feature), capabilities.uses_feature(feature)) == (has, uses)


def test_a_probe_without_the_guid_of_the_pool_is_an_error() -> None:
    with pytest.raises(OutputError, match="no guid of pool tank"):
        parse.capabilities([line for line in PROBE if not line.startswith("guid\t")], "tank")


@pytest.mark.parametrize(("lines", "is_read_only"), [(["readonly\ton"], True), (["readonly\toff"], False), ([], False)])
def test_a_pool_may_be_imported_read_only(lines: list[str], is_read_only: bool) -> None:
    assert parse.capabilities([*PROBE, *lines], "tank").is_read_only is is_read_only


def test_user_properties_of_the_pool_change_nothing() -> None:
    """Their values contain tabs and line breaks, and can look like the lines that count."""
    forged = ["a", "", "b\tc\td", "guid\t7", "program\tpigz", "clock\t1", "feature@large_blocks\tdisabled"]
    first_feature = next(number for number, line in enumerate(PROBE) if line.startswith("feature@"))
    lines = [*PROBE[:first_feature], "org.example:x\ta", *forged, *PROBE[first_feature:]]
    assert parse.capabilities(lines, "tank") == parse.capabilities(PROBE, "tank")


def test_the_zfs_version_is_not_the_property_of_that_name() -> None:
    capabilities = parse.capabilities(["zfs-version\tzfs-2.3.9-1", *PROBE, "version\t-"], "tank")
    assert capabilities.zfs_version == "zfs-2.3.9-1"
