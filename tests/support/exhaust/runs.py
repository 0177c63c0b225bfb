"""Run the program once in a world, and note each moment at which it could die. (World, Command, Strike) → Ran.

A client that dies leaves all pools as they are at that moment, and a receive that gets no more saves its state. So one
run shows what all its deaths leave behind: a moment is how the pools are before each command that changes something,
and in each stream after each block and each snapshot.
"""

from __future__ import annotations

import functools
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tests.support.exhaust.acts import EXCLUDED, MIRROR, SECOND
from tests.support.exhaust.state import SECONDS_PER_DAY, Frozen, freeze
from tests.support.passes import simulated_pass
from tests.support.simulator import SimulatedHost, World
from tests.support.simulator.faults import Action, Call, Fail, Fault, Faults, HangUp, Signal
from tests.support.simulator.mirrors import Mirror
from tests.support.simulator.pictures import Picture, picture
from zfs_replicate.cli import arguments
from zfs_replicate.config import MirrorRequest
from zfs_replicate.signals import Interrupted

READING = ("list", "get", "holds", "version", "send")
KEEP_DAYS = 30


@dataclass(frozen=True, slots=True)
class Command:
    """A crontab line, with the options that it has this time."""

    name: str
    mirror: Mirror = MIRROR
    keep_days: int | None = None
    may_roll_back: bool = False
    exclude: str = ""
    days_ahead: int = 0
    """How wrong the clock of the target is."""


PLAIN = Command("run")
COMMANDS = (
    PLAIN,
    Command("run -k", keep_days=KEEP_DAYS),
    Command("run -k by a wrong clock", keep_days=KEEP_DAYS, days_ahead=90),
    Command("run --rollback", may_roll_back=True),
    Command("run -x", exclude=EXCLUDED),
    Command("run the second mirror", SECOND),
)


@dataclass(frozen=True, slots=True)
class Strike:
    """What happens to a run at its n-th moment, from 1. `is_person`: somebody acts, and the run goes on."""

    name: str
    action: Action
    nth: int
    is_person: bool = False


FAULTS: tuple[tuple[str, Action], ...] = (
    ("a signal ends it", Signal()),
    ("a command is killed", Fail("", 137)),
    ("the connection is lost", HangUp()),
)


@dataclass(frozen=True, slots=True)
class Moment:
    """How all pools are at a moment. `after`: what had just been done."""

    after: str
    frozen: Frozen
    picture: Picture


@dataclass(frozen=True, slots=True)
class Failure:
    """An error of one source dataset; or, without a name, of the whole run."""

    source: str
    error: BaseException


@dataclass(frozen=True, slots=True)
class Ran:
    """A run that reached its end: what failed, and its moments; the last one is the end itself.

    `change_count`: how many moments a Strike can choose. `destroyed`, `released`: guids of snapshots that the person of
    the Strike destroyed or released.
    """

    failures: tuple[Failure, ...]
    moments: tuple[Moment, ...]
    change_count: int
    destroyed: frozenset[int] = frozenset()
    released: frozenset[int] = frozenset()


class _Moments(Faults):
    """Notes how the world is whenever something changes, and lets the Strike happen."""

    def __init__(self, world: World, strike: Strike | None) -> None:
        super().__init__()
        self.moments: list[Moment] = []
        self.change_count = 0
        self.destroyed: frozenset[int] = frozenset()
        self.released: frozenset[int] = frozenset()
        self._world = world
        self._strike = strike
        self._last = "nothing"

    def firing(self, host: str, commands: Sequence[tuple[str, ...]]) -> list[Fault]:
        words = commands[-1]
        if not _is_changing(words):
            return []
        self.note(f"{' '.join(words[:2]) if words[0] == 'zfs' else 'zfs bookmark'} on the {host}")
        strike = self._due()
        if strike is None or (isinstance(strike.action, HangUp) and host == "target"):
            return []
        action = Call(lambda: self._meddle(strike.action)) if strike.is_person else strike.action
        return [Fault(action, lambda _command: True, None, 1, "before")]

    def arrive(self, part: str) -> None:
        """Between two parts of a stream, only a signal can come or a person act."""
        self._last = part
        self.note(part)
        strike = self._due()
        if strike is not None and isinstance(strike.action, Signal):
            raise Interrupted(signal.SIGTERM)
        if strike is not None:
            self._meddle(strike.action)

    def note(self, doing: str) -> None:
        frozen = freeze(self._world)
        if not self.moments or self.moments[-1].frozen != frozen:
            self.moments.append(Moment(self._last, frozen, picture(self._world)))
        self._last = doing

    def _due(self) -> Strike | None:
        self.change_count += 1
        return self._strike if self._strike and self._strike.nth == self.change_count else None

    def _meddle(self, action: Action) -> None:
        if isinstance(action, Call):
            before = _holds(self._world)
            action.function()
            after = _holds(self._world)
            self.destroyed = frozenset(guid for _name, guid, tag in before - after if not tag)
            self.released = frozenset(guid for _name, guid, tag in before - after if tag)


def _holds(world: World) -> frozenset[tuple[str, int, str]]:
    """All snapshots by dataset and guid, with each of their tags and once with none."""
    pairs = [(dataset, snapshot) for dataset in world.all_datasets() for snapshot in dataset.snapshots]
    return frozenset((dataset.name, s.guid, tag) for dataset, s in pairs for tag in ("", *s.holds))


def _is_changing(words: Sequence[str]) -> bool:
    return (words[0] == "zfs" and words[1] not in READING) or (words[0] == "sh" and "zfs bookmark" in words[2])


@functools.cache
def _request(command: Command) -> MirrorRequest:
    keep = [] if command.keep_days is None else ["-k", str(command.keep_days)]
    options = ["--rollback"] if command.may_roll_back else []
    options += ["-x", command.exclude] if command.exclude else []
    mirror = command.mirror
    where = ["-h", "source", "-r", mirror.source, "-l", mirror.target, "-t", mirror.tag]
    request = arguments.parse([*where, "-j", "1", "--stall-timeout", "0", *keep, *options])
    if not isinstance(request, MirrorRequest):
        raise TypeError(request)
    return request


def carry_out(world: World, command: Command, strike: Strike | None = None) -> Ran:
    """Run the program in this world, which it changes. Within `without_threads`."""
    source = SimulatedHost(world, command.mirror.source[0], name="source")
    target = SimulatedHost(world, command.mirror.target[0], name="target")
    target.machine = replace(target.machine, seconds_ahead=command.days_ahead * SECONDS_PER_DAY)
    moments = _Moments(world, strike)
    world.faults, world.arrived = moments, moments.arrive
    attempt = simulated_pass(_request(command), source, target, target.machine.clock)
    moments.note("the end")
    failures = [Failure(outcome.plan.source, outcome.error) for outcome in attempt.outcomes if outcome.error]
    if attempt.error:
        failures = [Failure("", attempt.error)]
    return Ran(tuple(failures), tuple(moments.moments), moments.change_count, moments.destroyed, moments.released)


def person(name: str, change: Callable[[World], object], world: World, nth: int) -> Strike:
    """Return the Strike that lets a person change this world."""
    return Strike(name, Call(lambda: change(world)), nth, is_person=True)
