"""Parse zfs output: strict, an unexpected line is an error that quotes it."""

from __future__ import annotations

import pytest

from tests.support.listing import PROBE, text
from zfs_replicate.errors import OutputError
from zfs_replicate.model import Bookmark
from zfs_replicate.zfs import parse

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
