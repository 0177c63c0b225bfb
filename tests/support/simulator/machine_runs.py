"""Run the real program once over a Site, with at most one trouble. (Site, Mirror, Trouble) → Run.

The program does all in one thread (inline.py), which is quicker and always in the same order. It is checked that
nothing starts after a crash.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from enum import Enum

from tests.support.inline import without_threads
from tests.support.passes import simulated_pass
from tests.support.simulator import Crash, SimulatedHost
from tests.support.simulator.faults import Action, At, CrashClient, Die, Fail, Faults, HangUp, Signal
from tests.support.simulator.machine_site import Site
from tests.support.simulator.mirrors import Mirror
from tests.support.simulator.scripts import bundled_sends
from zfs_replicate.cli import arguments
from zfs_replicate.config import MirrorRequest
from zfs_replicate.errors import ReplicateError
from zfs_replicate.signals import Interrupted

CRASH, HANG_UP, KILL, TERM = CrashClient(), HangUp(), Die(), Signal()
FAIL = Fail("", 137)
"""A command on either side is killed: it did nothing or everything, but reports no success."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A fault at the n-th command that begins with `command` (empty: any) on one host."""

    action: Action
    host: str
    nth: int
    at: At
    command: str = ""

    def arm(self, faults: Faults) -> None:
        words = tuple(self.command.split())
        faults.arm(
            self.action, lambda command: command[: len(words)] == words, host=self.host, nth=self.nth, at=self.at
        )


class End(Enum):
    WELL = "well"
    UNWELL = "unwell"
    CRASHED = "crashed"


@dataclass(frozen=True, slots=True)
class Run:
    """How a run ended. `is_cut`: the connection to the source was lost. `resumed_count`: streams resumed by a token.

    `bundle_count`: commands that printed several streams. `failed`: the source dataset of each error, empty for one of
    the whole run.
    """

    end: End
    errors: tuple[str, ...] = ()
    is_cut: bool = False
    resumed_count: int = 0
    bundle_count: int = 0
    failed: tuple[str, ...] = ()


@functools.cache
def _request(mirror: Mirror, keep_days: int | None, options: tuple[str, ...]) -> MirrorRequest:
    keep = [] if keep_days is None else ["-k", str(keep_days)]
    where = ["-h", "source", "-r", mirror.source, "-l", mirror.target, "-t", mirror.tag]
    request = arguments.parse([*where, "-j", "1", "--stall-timeout", "0", *keep, *options])
    if not isinstance(request, MirrorRequest):
        raise TypeError(request)
    return request


def run(
    site: Site, mirror: Mirror, keep_days: int | None, trouble: Trouble | None = None, options: tuple[str, ...] = ()
) -> Run:
    """Run the program once, one dataset at a time, so that the order of commands is always the same."""
    world = site.world
    source = SimulatedHost(world, mirror.source[0], name="source")
    target = SimulatedHost(world, mirror.target[0], name="target")
    target.machine = replace(target.machine, seconds_ahead=site.seconds_ahead)
    if trouble is not None:
        trouble.arm(world.faults)
    started_before_crash: list[int] = []
    world.faults.at_crash(lambda: started_before_crash.append(len(source.commands) + len(target.commands)))
    try:
        with without_threads():
            attempt = simulated_pass(_request(mirror, keep_days, options), source, target, target.machine.clock)
        if attempt.error is not None:
            raise attempt.error
        outcomes = attempt.outcomes
        errors = tuple(f"{type(outcome.error).__name__}: {outcome.error}" for outcome in outcomes if outcome.error)
        failed = tuple(outcome.plan.source for outcome in outcomes if outcome.error)
        resumed_count = sum(command[:3] == ("zfs", "send", "-t") for command in source.commands)
        bundle_count = sum(bundled_sends(command) is not None for command in source.commands)
        end = End.UNWELL if errors else End.WELL
        return Run(end, errors, not source.is_connected, resumed_count, bundle_count, failed)
    except (ReplicateError, Interrupted) as error:
        return Run(End.UNWELL, (f"{type(error).__name__}: {error}",), not source.is_connected, failed=("",))
    except Crash:
        if started_before_crash != [len(source.commands) + len(target.commands)]:
            raise AssertionError("something was started after the crash") from None
        return Run(End.CRASHED)
    finally:
        world.faults.restart()
