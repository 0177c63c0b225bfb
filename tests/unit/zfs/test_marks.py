"""Tags and bookmarks say which mirror they belong to."""

from __future__ import annotations

import pytest

from zfs_replicate.zfs import marks

MIRROR = "3f2a9c1e-ab12"


@pytest.mark.parametrize(
    ("hold", "beside", "claiming"),
    [
        ("offsite", None, None),
        (f"offsite.{MIRROR}", MIRROR, None),
        (f"offsite.{MIRROR}.new", None, MIRROR),
        (f"offsite2.{MIRROR}", None, None),
        ("offsite.3f2a9c1e-ab1", None, None),
        ("offsite.3F2A9C1E-AB12", None, None),
        ("offsite.old", None, None),
        ("offsite:target", None, None),
        ("", None, None),
    ],
)
def test_a_hold_names_its_mirror(hold: str, beside: str | None, claiming: str | None) -> None:
    assert marks.mirror_beside("offsite", hold) == beside
    assert marks.claiming_mirror("offsite", hold) == claiming


@pytest.mark.parametrize(
    ("bookmark", "mirror"),
    [
        (f"zfs_replicate_offsite_{MIRROR}_snap", MIRROR),
        (f"zfs_replicate_offsite_{MIRROR}__snap", MIRROR),
        ("zfs_replicate_offsite_snap", None),
        (f"zfs_replicate_offsite__too_{MIRROR}_snap", None),
        (f"zfs_replicate_other_{MIRROR}_snap", None),
        (f"mine_{MIRROR}_snap", None),
        # an older version's, of a snapshot with a date for its name
        ("zfs_replicate_offsite_20240101-1200_daily", None),
        ("zfs_replicate_offsite_19991231-2359_snap", None),
        ("zfs_replicate_offsite_21240101-1200_snap", "21240101-1200"),
    ],
)
def test_a_bookmark_names_its_mirror(bookmark: str, mirror: str | None) -> None:
    assert marks.bookmarking_mirror("offsite", bookmark) == mirror


def test_a_name_that_is_built_is_recognised() -> None:
    assert marks.bookmarking_mirror("a_b", marks.bookmark_name("a_b", MIRROR, "_x y")) == MIRROR
    assert marks.mirror_beside("a_b", marks.tag_beside("a_b", MIRROR)) == MIRROR
    assert marks.claiming_mirror("a_b", marks.claim_tag("a_b", MIRROR)) == MIRROR


def test_the_longest_suffix_is_that_of_a_claim() -> None:
    assert len(marks.claim_tag("t", MIRROR)) == 1 + len(marks.LONGEST_SUFFIX)


@pytest.mark.parametrize(
    ("bookmark", "expected"),
    [
        ("zfs_replicate_t_one", True),
        (f"zfs_replicate_t_{MIRROR}_one", False),
        ("zfs_replicate_t_20240101-1200_one", True),
        ("zfs_replicate_other_one", False),
        ("t_one", False),
    ],
)
def test_a_bookmark_of_an_older_version_has_no_identity(bookmark: str, expected: bool) -> None:
    assert marks.is_unmarked("t", bookmark) is expected
