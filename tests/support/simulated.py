"""Mirror one small tree with the real program over the simulator, without any process of ZFS."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field

from tests.support.passes import simulated_pass
from tests.support.simulator import SimulatedHost, World
from zfs_replicate.cli import arguments
from zfs_replicate.config import MirrorRequest
from zfs_replicate.plans import Attempt, Outcome


@functools.cache
def request_of(options: tuple[str, ...]) -> MirrorRequest:
    """Return the request of a command line. These options replace those of the same name."""
    usual = {"-h": "source", "-r": "tank/data", "-l": "off/data", "-t": "mirror", "-j": "1"}
    words = [word for option, value in usual.items() if option not in options for word in (option, value)]
    request = arguments.parse([*words, *options])
    assert isinstance(request, MirrorRequest)
    return request


@dataclass
class Mirror:
    """tank/data on one machine, off/data on another; `run` runs the program once."""

    world: World = field(default_factory=World)

    def __post_init__(self) -> None:
        self.world.add_pool("tank")
        self.world.add_pool("off")
        self.source = SimulatedHost(self.world, "tank", name="source")
        self.target = SimulatedHost(self.world, "off", name="target")
        for name in ("tank/data", "tank/data/a", "tank/data/b"):
            self.source.run("zfs", "create", name)

    def snapshot(self, name: str, size: int = 4096) -> None:
        """Write to all three datasets, then snapshot them all."""
        for dataset in ("tank/data", "tank/data/a", "tank/data/b"):
            self.world.write(dataset, size)
        self.source.run("zfs", "snapshot", "-r", f"tank/data@{name}")

    def run(self, *options: str) -> Attempt:
        attempt = simulated_pass(request_of(options), self.source, self.target, self.world.now)
        if attempt.error is not None:
            raise attempt.error
        return attempt

    def run_well(self, *options: str) -> tuple[Outcome, ...]:
        outcomes = self.run(*options).outcomes
        assert [outcome.error for outcome in outcomes] == [None] * len(outcomes)
        return outcomes

    def is_mirrored(self) -> bool:
        names = ("data", "data/a", "data/b")
        return all(
            self.world.content(f"off/{name}@{snapshot}") == self.world.content(f"tank/{name}@{snapshot}")
            for name in names
            for snapshot in self.world.snapshots(f"off/{name}")
        ) and all(self.world.snapshots(f"off/{n}")[-1] == self.world.snapshots(f"tank/{n}")[-1] for n in names)
