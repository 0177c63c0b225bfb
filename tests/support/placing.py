"""Make mirrors over the simulator whose root is a placeholder that no stream can fill, and look at its copy."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.simulated import Mirror
from tests.support.simulator import SimulatedHost
from zfs_replicate.model import PLACEHOLDER_PROPERTY
from zfs_replicate.plans import Outcome
from zfs_replicate.steps import Send

PLACE, COPY = "off/data", "off/data.zfs_replicate"


def encrypted(mirror: Mirror) -> None:
    """The source is encrypted, and arrives raw, but for one dataset below."""
    for name in ("tank/data/b", "tank/data/a", "tank/data"):
        mirror.source.run("zfs", "destroy", name)
    mirror.source.run("zfs", "create", "-o", "encryption=on", "tank/data")
    mirror.source.run("zfs", "create", "tank/data/a")
    mirror.source.run("zfs", "create", "-V", "8M", "-o", "encryption=off", "tank/data/b")


def vault(mirror: Mirror) -> None:
    """The target encrypts what arrives in plain."""
    pool = mirror.world.dataset("off")
    pool.key, pool.is_encryption_root = mirror.world.new_guid(), True


def with_placeholder(prepare: Callable[[Mirror], None], size: int = 4096) -> Mirror:
    """A mirror whose off/data is a placeholder, while the source has a snapshot of it now."""
    mirror = Mirror()
    prepare(mirror)
    mirror.source.run("zfs", "snapshot", "tank/data/a@one", "tank/data/b@one")
    mirror.run_well()
    mirror.snapshot("two", size)
    return mirror


def guids(mirror: Mirror, name: str) -> list[int]:
    return [snapshot.guid for snapshot in mirror.world.dataset(name).snapshots]


def assert_in_place(mirror: Mirror) -> None:
    assert mirror.is_mirrored()
    assert COPY not in mirror.world.pools["off"].datasets
    assert mirror.world.snapshots(PLACE) == ["two"]
    for name in ("a", "b"):
        assert mirror.world.snapshots(f"{PLACE}/{name}") == ["one", "two"]
        assert guids(mirror, f"{PLACE}/{name}") == guids(mirror, f"tank/data/{name}")
        assert mirror.world.holds(f"{PLACE}/{name}") == {"two": {"mirror:target"}}
    assert mirror.world.holds(PLACE) == {"two": {"mirror:target"}}
    assert PLACEHOLDER_PROPERTY not in mirror.world.dataset(PLACE).properties


def full_sends(outcomes: tuple[Outcome, ...]) -> list[str]:
    return [
        done.step.snapshot
        for outcome in outcomes
        for done in outcome.done
        if isinstance(done.step, Send) and done.step.base is None
    ]


def without_renames(mirror: Mirror) -> SimulatedHost:
    """Return the target as a user who may not rename there."""
    rights = "receive,create,mount,readonly,canmount,hold,release,userprop,destroy"
    mirror.target.run("zfs", "allow", "puller", rights, "off")
    return SimulatedHost(mirror.world, "off", name="target", user="puller")
