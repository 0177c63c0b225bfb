"""A refusal names the rights of the side that refused, on a dataset that exists."""

from __future__ import annotations

import pytest

from tests.support import TOP
from zfs_replicate.zfs import commands, rights

PAGE = (TOP / "docs" / "least-privilege.md").read_text()
ON_TARGET = "zfs allow USER receive,create,mount,readonly,canmount,hold,release,destroy"


@pytest.mark.parametrize(
    ("command", "subject", "expected"),
    [
        ("zfs send -L tank/a@x", "tank/a@x", "zfs allow USER send,hold,release tank/a"),
        ("sudo -n zfs send -L tank/a@x", "tank/a@x", "zfs allow USER send,hold,release tank/a"),
        ("zfs hold offsite tank/a@x", "tank/a@x", "zfs allow USER send,hold,release tank/a"),
        ("zfs release offsite:target off/a/b@x", "off/a/b@x", f"{ON_TARGET} off/a"),
        ("zfs hold offsite:target off/a/b@x", "off/a/b@x", f"{ON_TARGET} off/a"),
        ("zfs receive -s -u off/a/b", "off/a/b", f"{ON_TARGET} off/a"),
        ("zfs receive -s -u off", "off", f"{ON_TARGET} off"),
        ("zfs destroy off/a@x", "off/a@x", f"{ON_TARGET} off"),
        ("zfs create -o canmount=off off/a", "off/a", f"{ON_TARGET},userprop off"),
        ("zfs inherit x:y off/a", "off/a", f"{ON_TARGET},userprop off"),
        ("zfs rollback off/a@x", "off/a", f"{ON_TARGET},rollback off"),
        ("zfs list tank/a", "tank/a", "be root there"),
        ("", "tank/a", "be root there"),
    ],
)
def test_the_next_step_grants_what_was_missing(command: str, subject: str, expected: str) -> None:
    assert rights.next_step(command.split(), subject).endswith(expected)


def test_bookmarks_need_rights_of_their_own() -> None:
    command = commands.bookmark((), ("tank/a#x",))
    assert rights.next_step(command, "tank/a#x").endswith("zfs allow USER bookmark,destroy,mount tank/a")


def test_a_compressed_send_is_a_send() -> None:
    command = commands.compressed(("zfs", "send", "tank/my files@x"), "zstd")
    step = rights.next_step(command, "tank/my files@x")
    assert step.endswith("zfs allow USER send,hold,release 'tank/my files'")


def test_the_rights_are_those_of_the_page_for_administrators() -> None:
    assert f"zfs allow puller {rights.TARGET_RIGHTS} " in PAGE
    assert f"zfs allow pulled {rights.SOURCE_RIGHTS} " in PAGE
