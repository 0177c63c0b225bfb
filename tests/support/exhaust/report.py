"""Put what a search has seen into words: for the terminal, and for docs/reliability.md. Figures → text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from tests.support.exhaust.acts import ACTS, DAYS, MAX_SNAPSHOTS
from tests.support.exhaust.roots import ROOTS
from tests.support.exhaust.runs import COMMANDS, FAULTS
from tests.support.exhaust.search import Bounds, Figures

MAX_SHOWN = 60


def progress_line(figures: Figures) -> str:
    return (
        f"all histories of {figures.depth} steps: {figures.states} states, {figures.expanded} expanded,"
        f" {figures.runs} runs, {len(figures.wrong)} violations, {figures.seconds:.0f} s"
    )


def wrong_lines(figures: Figures) -> Iterator[str]:
    """Each violation, with a shortest history that shows it."""
    for sentence, history in list(figures.wrong.items())[:MAX_SHOWN]:
        yield f"- {sentence}"
        yield f"      {history}"


def section(figures: Figures, bounds: Bounds, jobs: int) -> str:
    """The section of docs/reliability.md on a search without violations."""
    rows = {
        "depth: all histories of so many steps": figures.depth,
        "different states": figures.states,
        "of them expanded: every step was taken from there": figures.expanded,
        "runs of the program": figures.runs,
        "violations": len(figures.wrong),
    }
    return "\n".join(
        (
            "## All histories, up to a bound\n",
            "Written by `make exhaust` (tests/exhaust.py): do not edit.\n",
            *(f"{textwrap.fill(' '.join(text.split()), 120)}\n" for text in (_steps(bounds), CHECKED)),
            "| | |\n|---|---|",
            *(f"| {name} | {number:,} |" for name, number in rows.items()),
            f"| time | {figures.seconds / 60:.0f} minutes on {jobs} cores |",
        )
    )


CHECKED = """At every moment is checked: no copy loses data unasked (snapshots, what was written to it, the state of a
cut receive); the newest common snapshot is held on both sides after a whole run, and at every moment at least one is;
nothing outside the mirror changes, and no other mirror loses its base; no hold and no mark is left over; no run fails
without need, and no error is a crash of the program."""


def _steps(bounds: Bounds) -> str:
    beginnings, lines = "; ".join(ROOTS), ", ".join(command.name for command in COMMANDS)
    faults = ", or ".join(name for name, _action in FAULTS)
    return f"""A dataset with a child and their copies, up to {MAX_SNAPSHOTS} snapshots of each, in the simulator
        (tests/support/simulator). From {len(ROOTS)} beginnings ({beginnings}) every step is taken: {len(ACTS)} acts of
        people (they take, destroy, rename and rotate snapshots, write to the copy, hold, release, set a quota, let
        {DAYS} days pass), and {len(COMMANDS)} command lines ({lines}). Each run may also die: before each command that
        changes something, and after each block and each snapshot of a stream. From all states fewer than
        {bounds.fault_depth} steps away from a beginning, also this happens at each of these moments of a plain run:
        {faults}; and from those fewer than {bounds.people_depth} steps away, each of the acts. Equal states are walked
        through only once."""
