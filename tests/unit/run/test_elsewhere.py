"""Held snapshots in the pool of a tree are found outside of it, unless another mirror may need them."""

from __future__ import annotations

import pytest

from tests.support.fakes import Answer, FakeHost
from tests.support.simulator import SimulatedHost, World
from zfs_replicate.errors import ConnectionFailed
from zfs_replicate.run.elsewhere import held_elsewhere
from zfs_replicate.run.survey import Place

TAG = "offsite"


@pytest.fixture
def nas1() -> SimulatedHost:
    """tank/d is mirrored; tank/moved and tank/moved/y were in it, and tank/other never was."""
    world = World()
    world.add_pool("tank")
    host = SimulatedHost(world, "tank")
    for name in ("tank/d", "tank/moved", "tank/moved/my y", "tank/other"):
        host.run("zfs", "create", name)
    host.run("zfs", "snapshot", "-r", "tank@a")
    host.run("zfs", "hold", "-r", TAG, "tank@a")
    return host


def guids(host: SimulatedHost, *datasets: str) -> frozenset[int]:
    lines = host.run("zfs", "list", "-Hp", "-t", "snapshot", "-o", "guid", *datasets).split()
    return frozenset(map(int, lines))


def found(place: Place, tag: str, known: frozenset[int], beginning: str = "") -> tuple[str, ...]:
    """Return the names of what one tag holds."""
    datasets = held_elsewhere(place, known, beginning)
    return tuple(f"{d.name}@{snapshot.name}" for d in datasets for snapshot in d.snapshots if tag in snapshot.holds)


MOVED = ("tank/moved", "tank/moved/my y", "tank/d")


def test_moved_snapshots_are_known_by_their_guids(nas1: SimulatedHost) -> None:
    expected = ("tank/moved@a", "tank/moved/my y@a")
    assert found(Place(nas1, "tank/d"), TAG, guids(nas1, *MOVED)) == expected


def test_a_root_on_its_way_to_its_place_was_not_moved(nas1: SimulatedHost) -> None:
    """The command to release its holds would cost the next hop of a chain its base."""
    nas1.run("zfs", "rename", "tank/moved", "tank/d.zfs_replicate")
    known = guids(nas1, "tank/d.zfs_replicate", "tank/d.zfs_replicate/my y")
    assert found(Place(nas1, "tank/d"), TAG, known) == ()


def test_snapshots_that_others_hold_are_not_returned(nas1: SimulatedHost) -> None:
    nas1.run("zfs", "hold", "admin", "tank/moved@a")
    nas1.run("zfs", "release", TAG, "tank/moved@a")
    assert found(Place(nas1, "tank/d"), TAG, guids(nas1, *MOVED)) == ("tank/moved/my y@a",)


def test_only_datasets_with_the_beginning_are_returned(nas1: SimulatedHost) -> None:
    assert found(Place(nas1, "tank/d"), TAG, guids(nas1, *MOVED), "tank/moved/my") == ("tank/moved/my y@a",)


def test_all_that_is_held_below_is_returned_with_its_bookmarks(nas1: SimulatedHost) -> None:
    """It may show that another mirror works there."""
    known = guids(nas1, "tank/moved")
    nas1.run("zfs", "snapshot", "tank/moved/my y@b")
    nas1.run("zfs", "hold", "other", "tank/moved/my y@b")
    nas1.run("zfs", "bookmark", "tank/moved/my y@b", "tank/moved/my y#mark")
    top, below = held_elsewhere(Place(nas1, "tank/d"), known)
    assert (top.name, below.name) == ("tank/moved", "tank/moved/my y")
    assert {snapshot.name: snapshot.holds for snapshot in below.snapshots} == {"a": (TAG,), "b": ("other",)}
    assert [mark.name for mark in below.bookmarks] == ["mark"]


def test_nothing_is_listed_where_nothing_is_missed(nas1: SimulatedHost) -> None:
    began = len(nas1.commands)
    assert found(Place(nas1, "tank/d"), TAG, frozenset()) == ()
    assert len(nas1.commands) == began


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=126, stderr="zfs_replicate_gate: refused: outside of tank/d\n"),
        Answer(b"tank/moved@a\t7\n"),
        Answer(error=ConnectionFailed("lost")),
    ],
)
def test_a_host_that_does_not_list_its_pool_has_nothing(answer: Answer) -> None:
    host = FakeHost("nas1", {"zfs list": answer})
    assert found(Place(host, "tank/d"), TAG, frozenset({7})) == ()
