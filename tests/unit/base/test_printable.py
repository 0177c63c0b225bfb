"""Text from elsewhere cannot move the cursor, forge a line or turn the reading order around."""

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
def test_what_would_not_show_is_an_escape(text: str, expected: str) -> None:
    assert visible(text) == expected


def test_what_is_to_be_kept_is_kept() -> None:
    assert visible("a\nb\x1b", keep="\n") == "a\nb\\x1b"


@given(st.text())
def test_the_result_is_always_printable_and_one_line(text: str) -> None:
    shown = visible(text)
    assert not any(ord(each) < 32 or 127 <= ord(each) < 160 for each in shown)
    assert len(shown.splitlines()) <= 1
    shown.encode()
