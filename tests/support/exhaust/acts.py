"""List all that people may do between two runs of the search. Act(World) changes the world, or nothing.

    a/data, a/data/x   the source: up to MAX_SNAPSHOTS of each
    b/copy, c/copy     their copies by the mirror and by a second one that uses the same tag

People do what zfs allows, and accept its refusals. Each snapshot has new data and a new name, unless the act says so.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from tests.support.exhaust.state import SECONDS_PER_DAY
from tests.support.simulator import SimulatedHost, World, shell
from tests.support.simulator.mirrors import Mirror
from tests.support.simulator.world import Dataset, Snapshot

MIRROR = Mirror("first", "a/data", "b/copy")
SECOND = Mirror("first", "a/data", "c/copy")
"""A crontab line that was copied: another target, the same tag."""

CHILD = "/x"
EXCLUDED = "x"
PARTS = ("", CHILD)
MAX_SNAPSHOTS = 4
BLOCK_BYTES = 512
TOUCH_BYTES = 4096
"""So little that the program cannot see it: zfs finds it."""

CHANGE_BYTES = 65_536
PERSON = "admin"
DAYS = 40


@dataclass(frozen=True, slots=True)
class Act:
    """Something a person does. It may destroy what it likes, and zfs lets it."""

    name: str
    change: Callable[[World], object]


def do(world: World, *command: str) -> bool:
    """Run a command as an administrator of all machines; return whether zfs did it."""
    _stdout, _stderr, status = shell.run(SimulatedHost(world, *world.pools).machine, command)
    return status == 0


def new_name(world: World) -> str:
    """A name that no snapshot and no bookmark has."""
    texts = [name for dataset in world.all_datasets() for name in _names(dataset)]
    used = {int(number) for text in texts for number in re.findall(r"s(\d+)", text)}
    return f"s{max(used, default=0) + 1}"


def _names(dataset: Dataset) -> Iterator[str]:
    yield from (snapshot.name for snapshot in dataset.snapshots)
    yield from dataset.bookmarks
    if dataset.saved:
        yield dataset.saved.to_name.partition("@")[2]


# --- on the source ---


def take(world: World, parts: tuple[str, ...]) -> None:
    """Write to these datasets of the source, then take one snapshot of all at once."""
    datasets = [world.dataset(MIRROR.source + part) for part in parts]
    if any(len(dataset.snapshots) >= MAX_SNAPSHOTS for dataset in datasets):
        return
    for dataset in datasets:
        world.write(dataset.name, BLOCK_BYTES)
    name = new_name(world)
    do(world, "zfs", "snapshot", *(f"{dataset.name}@{name}" for dataset in datasets))


def rotate(world: World) -> None:
    """Rename the snapshots as some rotations do: each gets the name of the next older one, and the newest a new one."""
    dataset = world.dataset(MIRROR.source)
    names = [snapshot.name for snapshot in dataset.snapshots]
    if len(names) >= 2:
        do(world, "zfs", "rename", f"{dataset.name}@{names[0]}", f"{dataset.name}@{new_name(world)}")
        for older, newer in itertools.pairwise(names):
            do(world, "zfs", "rename", f"{dataset.name}@{newer}", f"{dataset.name}@{older}")


# --- anywhere ---


def _at(world: World, name: str, place: int) -> Snapshot | None:
    """The snapshot at this place of a dataset, if there is one."""
    pool = world.pool_of(name)
    snapshots = pool.datasets[name].snapshots if name in pool.datasets else []
    return snapshots[place] if -len(snapshots) <= place < len(snapshots) else None


def hold(world: World, name: str) -> None:
    """Hold the newest snapshot of a dataset with the tag of a person."""
    snapshot = _at(world, name, -1)
    if snapshot is not None:
        do(world, "zfs", "hold", PERSON, f"{name}@{snapshot.name}")


def destroy(world: World, name: str, place: int) -> None:
    snapshot = _at(world, name, place)
    if snapshot is not None:
        do(world, "zfs", "destroy", f"{name}@{snapshot.name}")


def rename(world: World, name: str, place: int) -> None:
    snapshot = _at(world, name, place)
    if snapshot is not None:
        do(world, "zfs", "rename", f"{name}@{snapshot.name}", f"{name}@{new_name(world)}")


def release_all(world: World, name: str, tag: str) -> None:
    """Release a tag from each snapshot of a dataset."""
    for snapshot in world.dataset(name).snapshots if name in world.pool_of(name).datasets else ():
        if tag in snapshot.holds:
            do(world, "zfs", "release", tag, f"{name}@{snapshot.name}")


def write(world: World, name: str, size: int) -> None:
    """Write to a copy. What is still arriving for the first time cannot be mounted."""
    dataset = world.pool_of(name).datasets.get(name)
    if dataset is not None and not dataset.is_unfinished:
        world.write(name, size)


def snapshot_here(world: World, name: str) -> None:
    if name in world.pool_of(name).datasets:
        do(world, "zfs", "snapshot", f"{name}@{new_name(world)}")


def limit(world: World) -> None:
    """Give the copies a quota that leaves room for one more block; or lift it."""
    pool = world.pool_of(MIRROR.target)
    root = pool.datasets.get(MIRROR.target)
    if root is not None and not root.properties.pop("quota", None):
        room = sum(dataset.used() for dataset in pool.tree(root.name)) + BLOCK_BYTES
        root.properties["quota"] = str(room)


def pass_time(world: World) -> None:
    world.now += DAYS * SECONDS_PER_DAY


def _acts() -> Iterator[Act]:
    yield Act("take both", partial(take, parts=PARTS))
    for part in PARTS:
        yield Act(f"take{part}", partial(take, parts=(part,)))
        source, copy = MIRROR.source + part, MIRROR.target + part
        for place in range(MAX_SNAPSHOTS):
            yield Act(f"destroy {source}[{place}]", partial(destroy, name=source, place=place))
        yield Act(f"rename {source}, newest", partial(rename, name=source, place=-1))
        yield Act(f"release {source}", partial(release_all, name=source, tag=MIRROR.tag))
        yield Act(f"write {copy}", partial(write, name=copy, size=CHANGE_BYTES))
        yield Act(f"touch {copy}", partial(write, name=copy, size=TOUCH_BYTES))
        yield Act(f"snapshot {copy}", partial(snapshot_here, name=copy))
        yield Act(f"release {copy}", partial(release_all, name=copy, tag=MIRROR.target_tag))
        yield Act(f"destroy {copy}, oldest", partial(destroy, name=copy, place=0))
        yield Act(f"destroy {copy}, newest", partial(destroy, name=copy, place=-1))
    yield Act("rotate names", rotate)
    yield Act("rename copy, newest", partial(rename, name=MIRROR.target, place=-1))
    yield Act("person holds copy, newest", partial(hold, name=MIRROR.target))
    yield Act("person releases copies", partial(release_all, name=MIRROR.target, tag=PERSON))
    yield Act("quota on or off", limit)
    yield Act("time passes", pass_time)


ACTS = tuple(_acts())
