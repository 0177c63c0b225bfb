"""Give the states where the search begins: a mirror in different ages."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.exhaust.acts import CHILD, MIRROR, PARTS, do, take
from tests.support.exhaust.expand import Next
from tests.support.exhaust.runs import PLAIN, carry_out
from tests.support.exhaust.state import freeze
from tests.support.inline import without_threads
from tests.support.simulator import World


def roots() -> tuple[Next, ...]:
    with without_threads():
        return tuple(Next(name, freeze(make())) for name, make in ROOTS.items())


def _bare(*options: str) -> World:
    world = World()
    for pool in "abc":
        world.add_pool(pool)
    do(world, "zfs", "create", *options, MIRROR.source)
    do(world, "zfs", "create", MIRROR.source + CHILD)
    return world


def _new() -> World:
    """Nothing has been mirrored yet."""
    world = _bare()
    take(world, PARTS)
    return world


def _child() -> World:
    """Only the child has a snapshot, so its parent needs a placeholder."""
    world = _bare()
    take(world, (CHILD,))
    return world


def _mirrored() -> World:
    world = _new()
    carry_out(world, PLAIN)
    return world


def _encrypted() -> World:
    """The same, encrypted on the source, so that it is sent raw."""
    world = _bare("-o", "encryption=on")
    take(world, PARTS)
    carry_out(world, PLAIN)
    return world


ROOTS: dict[str, Callable[[], World]] = {
    "new": _new,
    "new, only the child has a snapshot": _child,
    "mirrored": _mirrored,
    "encrypted and mirrored": _encrypted,
}
