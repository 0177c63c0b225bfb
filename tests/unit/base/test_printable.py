"""Text from elsewhere cannot move the cursor, forge a line or reverse the reading order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zfs_replicate.printable import visible


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tank/a → off/a", "tank/a → off/a"),
        ("données", "données"),
        ("a\x1b[2Jb", r"a\x1b[2Jb"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("a\x00b\x7fc\x9bd", r"a\x00b\x7fc\x9bd"),
        ("a\u202eb\u2028c", r"a\u202eb\u2028c"),
        ("a\udc80b", r"a\udc80b"),
        ("a\U000e0041b", r"a\U000e0041b"),
    ],
)
def test_unprintable_characters_are_escaped(text: str, expected: str) -> None:
    assert visible(text) == expected


def test_characters_to_keep_are_kept() -> None:
    assert visible("a\nb\x1b", keep="\n") == "a\nb\\x1b"


@given(st.text())
def test_the_result_is_always_printable_and_one_line(text: str) -> None:
    shown = visible(text)
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in shown)
    assert len(shown.splitlines()) <= 1
    shown.encode()
