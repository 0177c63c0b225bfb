"""Take every step from one state. expand(Frozen, Bounds) → Expanded: the states it leads to, and what goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.support.exhaust.acts import ACTS, Act
from tests.support.exhaust.claims import violations
from tests.support.exhaust.runs import COMMANDS, FAULTS, PLAIN, Command, Ran, Strike, carry_out, person
from tests.support.exhaust.state import Frozen, freeze, thaw
from tests.support.simulator.pictures import Picture, picture


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps that are taken. `has_faults`: also plain runs that are struck, `has_people`: in which people act."""

    acts: tuple[Act, ...] = ACTS
    commands: tuple[Command, ...] = COMMANDS
    has_faults: bool = False
    has_people: bool = False


@dataclass(frozen=True, slots=True)
class Next:
    """A state that one step reaches from another one."""

    step: str
    frozen: Frozen


@dataclass(frozen=True, slots=True)
class Wrong:
    """A violation, and the step that shows it."""

    step: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Expanded:
    """All that one step can reach from a state, and what goes wrong on the way."""

    nexts: tuple[Next, ...]
    wrong: tuple[Wrong, ...]
    run_count: int


class _Expansion:
    def __init__(self, frozen: Frozen) -> None:
        self._frozen = frozen
        self._before: Picture = picture(thaw(frozen))
        self._nexts: dict[Frozen, str] = {}
        self._wrong: list[Wrong] = []
        self._run_count = 0

    def act(self, act: Act) -> None:
        world = thaw(self._frozen)
        act.change(world)
        self._nexts.setdefault(freeze(world), act.name)

    def run(self, command: Command) -> Ran:
        """Run the program; every moment of it is a state, since it may die there."""
        ran = carry_out(thaw(self._frozen), command)
        self._note(ran, command, command.name, None)
        for moment in ran.moments[:-1]:
            self._nexts.setdefault(moment.frozen, f"{command.name} dies after {moment.after}")
        return ran

    def strike(self, command: Command, nth: int) -> None:
        for name, action in FAULTS:
            strike = Strike(name, action, nth)
            step = f"{command.name}, and {name} at its moment {nth}"
            self._note(carry_out(thaw(self._frozen), command, strike), command, step, strike)

    def meddle(self, command: Command, act: Act, nth: int) -> None:
        world = thaw(self._frozen)
        strike = person(act.name, act.change, world, nth)
        step = f"{command.name}, and amid it at its moment {nth}: {act.name}"
        self._note(carry_out(world, command, strike), command, step, strike)

    def _note(self, ran: Ran, command: Command, step: str, strike: Strike | None) -> None:
        self._run_count += 1
        self._nexts.setdefault(ran.moments[-1].frozen, step)
        for sentence, moment in violations(self._before, command, ran, strike):
            self._wrong.append(Wrong(f"{step} ({moment})", sentence))

    def done(self) -> Expanded:
        self._nexts.pop(self._frozen, None)
        nexts = tuple(Next(step, frozen) for frozen, step in self._nexts.items())
        return Expanded(nexts, tuple(self._wrong), self._run_count)


def expand(frozen: Frozen, steps: Steps) -> Expanded:
    """Take every step from this state. Within `without_threads`."""
    expansion = _Expansion(frozen)
    for act in steps.acts:
        expansion.act(act)
    plain: Ran | None = None
    for command in _different(frozen, steps.commands):
        if command.may_roll_back and plain is not None and not plain.failures:
            continue  # as the plain run
        ran = expansion.run(command)
        plain = ran if command == PLAIN else plain
    change_count = plain.change_count if plain else 0
    for nth in range(1, change_count + 1):
        if steps.has_faults:
            expansion.strike(PLAIN, nth)
        for act in steps.acts if steps.has_people else ():
            expansion.meddle(PLAIN, act, nth)
    return expansion.done()


def _different(frozen: Frozen, commands: tuple[Command, ...]) -> Iterator[Command]:
    """Leave out the commands with -k where nothing is old enough: they do what those without it do."""
    world = thaw(frozen)
    is_old = any(s.creation < world.now for dataset in world.all_datasets() for s in dataset.snapshots)
    return (command for command in commands if is_old or command.days_ahead or not command.keep_days)
