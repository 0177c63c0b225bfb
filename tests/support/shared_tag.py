"""Several mirrors of tank/data with one tag, on simulated machines, and the release commands that they print."""

from __future__ import annotations

import contextlib
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from unittest import mock

from tests.support.passes import simulated_pass
from tests.support.simulator import Crash, SimulatedHost, World
from tests.support.simulator.faults import At, CrashClient
from zfs_replicate.actions import release
from zfs_replicate.cli import arguments
from zfs_replicate.config import MirrorRequest, ReleaseRequest
from zfs_replicate.hosts.base import Process
from zfs_replicate.plan.identity import identity
from zfs_replicate.plans import Attempt
from zfs_replicate.zfs import marks, names

SOURCE = "tank/data"
TARGETS = {"one": "off/data", "two": "vault/data", "beside": "off/second/data"}


class Site:
    """tank/data, whose retention destroys all that is not held, and targets in two pools, or two in one."""

    def __init__(self, user: str = "root") -> None:
        self.user = user
        self.world = World()
        for pool in ("tank", "off", "vault"):
            self.world.add_pool(pool)
        self.administrator = SimulatedHost(self.world, "tank", name="source")
        self.administrator.run("zfs", "create", SOURCE)
        self.administrator.run("zfs", "allow", "pulled", "send,hold,release", SOURCE)
        self.source = SimulatedHost(self.world, "tank", name="source", user=user)
        self.target = SimulatedHost(self.world, "off", "vault", name="target")

    def amid(self) -> Amid:
        """Return another connection to the source, on which something can happen amid a run."""
        return Amid(self.world, "tank", name="source", user=self.user)

    @property
    def datasets(self) -> list[str]:
        return sorted(name for name in self.world.pools["tank"].datasets if names.is_within(name, SOURCE))

    def snapshot(self, name: str) -> None:
        for dataset in self.datasets:
            self.world.write(dataset, 4096)
        self.administrator.run("zfs", "snapshot", "-r", f"{SOURCE}@{name}")

    def retain_only_held(self) -> None:
        for dataset in self.datasets:
            held = self.world.holds(dataset)
            for name in self.world.snapshots(dataset)[:-1]:
                if name not in held:
                    self.administrator.run("zfs", "destroy", f"{dataset}@{name}")

    def attempt(self, target: str, *more: str, source: SimulatedHost | None = None, root: str = SOURCE) -> Attempt:
        """Run a mirror of `root` once; `target` is one of TARGETS, or a dataset."""
        words = ["-h", "source", "-r", root, "-l", TARGETS.get(target, target), "-t", "mirror", "-j", "1", *more]
        request = arguments.parse(words)
        assert isinstance(request, MirrorRequest)
        return simulated_pass(request, source or self.source, self.target, self.world.now)

    def attempt_that_dies(self, target: str, host: str, nth: int, at: At = "after") -> None:
        self.world.faults.arm(CrashClient(), lambda _command: True, host=host, nth=nth, at=at)
        with contextlib.suppress(Crash):
            self.attempt(target)
        self.world.faults.restart()
        self.source.reconnect()

    def run(self, target: str, *more: str, root: str = SOURCE) -> Attempt:
        attempt = self.attempt(target, *more, root=root)
        assert attempt.error is None
        assert [outcome.error for outcome in attempt.outcomes] == [None] * len(attempt.outcomes)
        for outcome in attempt.outcomes:
            copy, original = outcome.plan.target, outcome.plan.source
            assert (
                not self.world.snapshots(original)
                or self.world.snapshots(copy)[-1] == self.world.snapshots(original)[-1]
            )
        return attempt

    def tag_of(self, target: str, root: str = SOURCE) -> str:
        """Return the tag of a mirror beside another one, by which `release` knows it."""
        copy = TARGETS.get(target, target)
        return marks.tag_beside("mirror", identity(self.world.pool_of(copy).guid, root, copy))

    def paste(self, command: str) -> int:
        """Run a release command that the program has printed; return its exit status."""
        request = arguments.parse([*shlex.split(command)[1:], "--yes"])
        assert isinstance(request, ReleaseRequest)
        host = self.target if request.is_target else self.source
        with (
            mock.patch.object(release, "connected", return_value=contextlib.nullcontext(host)),
            mock.patch.object(release, "LocalHost", return_value=self.target),
            contextlib.ExitStack() as logs,
        ):
            return release.retire(request, logs)


class Amid(SimulatedHost):
    """A host that lets something happen just before or after the nth command that begins like this.

    Unlike a fault, it holds no lock meanwhile, so that another run can go on in between.
    """

    def happens(self, function: Callable[[], object], beginning: str, nth: int, at: At) -> None:
        self._left, self._beginning, self._at, self._function = nth, tuple(beginning.split()), at, function

    def start(self, command: Sequence[str]) -> Process:
        is_it = tuple(command[: len(self._beginning)]) == self._beginning
        self._left -= is_it
        is_now = is_it and self._left == 0
        if is_now and self._at == "before":
            self._function()
        process = super().start(command)
        if is_now and self._at == "after":
            self._function()
        return process


def printed_commands(attempt: Attempt) -> Iterator[str]:
    """Yield the release commands of warnings, notes and leftovers."""
    assert attempt.plan is not None
    texts = [*attempt.plan.warnings, *(note for dataset in attempt.plan.datasets for note in dataset.notes)]
    for text in texts:
        yield from re.findall(r"zfs_replicate release [^;]*", text)
    yield from (leftover.command for leftover in attempt.plan.leftovers)
