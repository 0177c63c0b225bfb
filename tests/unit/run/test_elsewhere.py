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
    held = held_elsewhere(place, (tag,), known, beginning)
    assert {own for own, _name in held} <= {tag}
    return tuple(name for _tag, name in held)


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


@pytest.mark.parametrize(("held", "expected"), [("tank/moved/my y", ()), ("tank/moved", ("tank/moved/my y@a",))])
def test_where_the_tag_is_in_use_nothing_is_returned(nas1: SimulatedHost, held: str, expected: tuple[str, ...]) -> None:
    """Another mirror with the same tag has held a later snapshot there."""
    known = guids(nas1, *MOVED)
    nas1.run("zfs", "snapshot", f"{held}@b")
    nas1.run("zfs", "hold", TAG, f"{held}@b")
    assert found(Place(nas1, "tank/d"), TAG, known) == expected


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


def test_of_several_tags_the_first_that_holds_something_counts(nas1: SimulatedHost) -> None:
    nas1.run("zfs", "hold", f"{TAG}.own", "tank/moved@a")
    held = held_elsewhere(Place(nas1, "tank/d"), (f"{TAG}.own", TAG), guids(nas1, *MOVED))
    assert held == ((f"{TAG}.own", "tank/moved@a"), (TAG, "tank/moved/my y@a"))
