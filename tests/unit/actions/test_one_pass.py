"""One pass: what both ends support decides how streams are written; a mirror within itself is refused."""

from __future__ import annotations

import threading

import pytest

from tests.support.fakes import Answer, FakeHost
from tests.support.listing import line
from zfs_replicate import errors
from zfs_replicate.actions.one_pass import Pass, stream_options
from zfs_replicate.cli import arguments
from zfs_replicate.config import MirrorRequest
from zfs_replicate.model import Capabilities, StreamOptions
from zfs_replicate.zfs.parse import PROBE_GREETING

ALL = {"large_blocks": "active", "lz4_compress": "active", "zstd_compress": "enabled"}


def side(**changed: str) -> Capabilities:
    return Capabilities("zfs-2.3.9-1", frozenset({"zfs"}), "tank", 1, 1, ALL | changed)


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        (side(), side(), StreamOptions(large_blocks=True, compressed=True)),
        (side(large_blocks="disabled"), side(), StreamOptions(large_blocks=False, compressed=True)),
        (side(), side(large_blocks="disabled"), StreamOptions(large_blocks=False, compressed=True)),
        (side(), side(lz4_compress="disabled"), StreamOptions(large_blocks=True, compressed=False)),
        # zstd matters only where the source uses it
        (side(), side(zstd_compress="disabled"), StreamOptions(large_blocks=True, compressed=True)),
        (
            side(zstd_compress="active"),
            side(zstd_compress="disabled"),
            StreamOptions(large_blocks=True, compressed=False),
        ),
    ],
)
def test_streams_are_written_as_the_target_takes_them(
    source: Capabilities, target: Capabilities, expected: StreamOptions
) -> None:
    assert stream_options(source, target) == expected


def host(name: str, root: str, pool_guid: int, *lines: str) -> FakeHost:
    probe = f"{PROBE_GREETING}\nprogram\tzfs\nguid\t{pool_guid}\nfree\t1\nfeature@large_blocks\tenabled\n"
    listing = "".join(f"{each}\n" for each in (line("filesystem", root), *lines))
    return FakeHost(name, {"sh -c": Answer(probe.encode()), "zfs list": Answer(listing.encode())})


def request(remote: str, local: str) -> MirrorRequest:
    found = arguments.parse(["-h", "nas1", "-r", remote, "-l", local, "-t", "offsite"])
    assert isinstance(found, MirrorRequest)
    return found


def one_pass(remote: str, local: str, *snapshots: str, pool_guids: tuple[int, int] = (1, 2)) -> Pass:
    lines = [line("snapshot", f"{remote}@{name}") for name in snapshots]
    source = host("nas1", remote, pool_guids[0], *lines)
    return Pass(request(remote, local), source, host("here", local, pool_guids[1]), 0)


def test_a_source_without_any_snapshot_is_an_error_that_says_how_to_take_one() -> None:
    with pytest.raises(errors.ReplicateError, match="zfs snapshot -r tank/a@NAME"):
        one_pass("tank/a", "off").plan()


@pytest.mark.parametrize(("remote", "local"), [("tank/a", "tank/a"), ("tank/a", "tank/a/b"), ("tank/a/b", "tank/a")])
def test_a_mirror_within_itself_is_refused_even_over_ssh(remote: str, local: str) -> None:
    """The pool's guid tells that the host at the other end is this one."""
    with pytest.raises(errors.UsageError, match="a mirror cannot lie within itself"):
        one_pass(remote, local, "x", pool_guids=(1, 1)).plan()


def test_equal_names_in_two_pools_are_no_mirror_within_itself() -> None:
    assert len(one_pass("tank/a", "tank/a", "x", pool_guids=(1, 2)).plan().datasets) == 1


def test_an_error_does_not_wait_for_a_side_that_is_silent() -> None:
    """A signal does not either: both are raised in the main thread, while the others read."""
    is_over = threading.Event()
    target = host("here", "off", 2)
    answers: list[bool] = []
    target.answers = {**target.answers, "zfs list": Answer(at_read=lambda: answers.append(is_over.wait(30)))}
    source = FakeHost("nas1", {"sh -c": Answer(b"Welcome!\n")})
    try:
        with pytest.raises(errors.SourceUnusable, match="Welcome!"):
            Pass(request("tank/a", "off"), source, target, 0).plan()
        assert answers == []
    finally:
        is_over.set()
