"""Test the mini-notation: its examples hold, and a mistyped case is refused instead of meaning something else."""

from __future__ import annotations

import doctest

import pytest

from tests.support import notation
from tests.support.notation import NOW, SOURCE, TAG, guid_of, source, target
from zfs_replicate.model import SECONDS_PER_DAY, Bookmark, Snapshot, TokenContents


def test_examples_in_the_documentation_hold() -> None:
    failures, tried = doctest.testmod(notation)
    assert tried > 0
    assert failures == 0


def test_a_letter_is_the_name_and_the_guid() -> None:
    assert source("a").snapshots == (Snapshot("a", guid_of("a"), notation.SOURCE_TXG, NOW),)


def test_suffixes_add_up() -> None:
    (snapshot,) = source("a=old!%&+5:40").snapshots
    assert snapshot == Snapshot(
        "old", guid_of("a"), notation.SOURCE_TXG, NOW - 40 * SECONDS_PER_DAY, 5, (TAG, "other"), (notation.CLONE,)
    )


def test_a_bookmark_has_the_createtxg_of_its_snapshot() -> None:
    dataset = source("a b #b c")
    assert dataset.bookmarks == (Bookmark("b", guid_of("b"), dataset.snapshots[1].createtxg, NOW),)


def test_another_guid_keeps_the_name() -> None:
    renewed, original = source("a~").snapshots[0], source("a").snapshots[0]
    assert (renewed.name, renewed.guid != original.guid) == (original.name, True)


def test_a_token_names_source_base_and_tip() -> None:
    dataset = target("a resume(a..b=old,raw)")
    assert dataset is not None
    assert dataset.resume_token is not None
    assert dataset.resume_token.contents == TokenContents(f"{SOURCE}@old", guid_of("b"), guid_of("a"), True)


@pytest.mark.parametrize("text", ["", "A", "ab", "a;", "resume(", "emptyy", "a:old"])
def test_unknown_words_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"write 'empty'|not in the notation"):
        source(text)
