"""What zfs prints about a resume token becomes its contents, or counts as damaged."""

from __future__ import annotations

import pytest

from tests.support.listing import TOKEN_TEXT
from zfs_replicate.model import TokenContents
from zfs_replicate.zfs import saved_state


def test_a_token_has_base_and_snapshot() -> None:
    assert saved_state.token_contents(TOKEN_TEXT.encode()) == TokenContents("tank/my files@d", 0xFF, 0xB1C2, False)


@pytest.mark.parametrize("text", ["", "\tfromguid = 0x0\n"])
def test_a_token_without_a_base_is_a_first_send(text: str) -> None:
    contents = saved_state.token_contents(TOKEN_TEXT.replace("\tfromguid = 0xb1c2\n", text).encode())
    assert contents is not None
    assert contents.from_guid is None


def test_a_raw_token() -> None:
    contents = saved_state.token_contents(f"{TOKEN_TEXT}\trawok = 1\n".encode())
    assert contents is not None
    assert contents.is_raw


@pytest.mark.parametrize("text", ["", "cannot resume send: resume token is corrupt", "\ttoguid = 0xff\n"])
def test_a_damaged_token_has_no_contents(text: str) -> None:
    assert saved_state.token_contents(text.encode()) is None


def test_a_token_with_a_malformed_number_is_damaged() -> None:
    assert saved_state.token_contents(b"toguid = 0xzz\ntoname = a@b\n") is None
