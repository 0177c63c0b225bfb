"""The search of all histories: it finds nothing in the program, and it does find what is broken on purpose."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from unittest import mock

import pytest

from tests.support.exhaust.acts import CHANGE_BYTES, MIRROR, PARTS, do, take, write
from tests.support.exhaust.expand import Next, Steps
from tests.support.exhaust.report import progress_line, section, wrong_lines
from tests.support.exhaust.roots import ROOTS, roots
from tests.support.exhaust.runs import COMMANDS, PLAIN, carry_out
from tests.support.exhaust.search import Bounds, Figures, Search
from tests.support.exhaust.state import Frozen, freeze, thaw
from tests.support.inline import without_threads
from tests.support.sections import renew_section
from tests.support.simulator import World
from zfs_replicate.plan import conflicts, preparation
from zfs_replicate.run import executor
from zfs_replicate.steps import Release, Side

SHALLOW = Bounds(seconds=300, depth=2, fault_depth=1, people_depth=0)
ONE_STEP = Bounds(seconds=300, depth=1, fault_depth=0, people_depth=0)
NO_ACTS = Steps(acts=(), commands=COMMANDS[:1])


def test_no_short_history_breaks_a_promise() -> None:
    figures = Search(roots(), Steps(), SHALLOW, jobs=1).run()
    assert figures.wrong == {}
    assert figures.depth == 2
    assert figures.states > 900
    assert figures.runs > 150


def test_two_processes_find_what_one_finds() -> None:
    one, two = (Search(roots(), NO_ACTS, SHALLOW, jobs).run() for jobs in (1, 2))
    assert (one.states, one.runs, one.steps) == (two.states, two.runs, two.steps)


def test_a_search_ends_when_its_time_is_up() -> None:
    bounds = Bounds(seconds=0, depth=9, fault_depth=0, people_depth=0)
    figures = Search(roots(), Steps(), bounds, jobs=1).run()
    assert figures.depth == 0
    assert figures.expanded >= 1


# --- states ---


def lone(seed: int, now: int, name: str) -> World:
    """A world with one snapshot, whose numbers and name are what they happen to be."""
    world = World(now, seed)
    world.add_pool("a").guid = 1
    do(world, "zfs", "create", MIRROR.source)
    world.write(MIRROR.source)
    do(world, "zfs", "snapshot", f"{MIRROR.source}@{name}")
    return world


def test_worlds_that_differ_only_in_numbers_are_one_state() -> None:
    world = lone(seed=7, now=1_700_000_000, name="s4")
    assert freeze(world) == freeze(lone(seed=0, now=1_800_000_000, name="s1"))
    do(world, "zfs", "hold", "x", f"{MIRROR.source}@s4")
    assert freeze(world) != freeze(lone(seed=0, now=1_800_000_000, name="s1"))


@pytest.mark.parametrize("root", roots(), ids=list(ROOTS))
def test_a_state_is_read_as_it_was_written(root: Next) -> None:
    assert freeze(thaw(root.frozen)) == root.frozen


# --- what is broken on purpose ---


def root(name: str, *steps: Callable[[World], object]) -> Frozen:
    with without_threads():
        world = ROOTS[name]()
        for step in steps:
            step(world)
    return freeze(world)


def take_both(world: World) -> None:
    take(world, PARTS)


def run_whole(world: World) -> None:
    carry_out(world, PLAIN)


def write_to_copy(world: World) -> None:
    write(world, MIRROR.target, CHANGE_BYTES)


def cut_in_the_first_stream(world: World) -> None:
    moments = carry_out(thaw(freeze(world)), PLAIN).moments
    cut = next(moment for moment in moments if moment.after == "a block")
    world.pools = thaw(cut.frozen).pools


def release_first(execution: executor._Execution) -> None:
    execution._tag(Release, Side.SOURCE)
    STREAM(execution)


STREAM = executor._Execution._stream

BROKEN: dict[str, tuple[AbstractContextManager[object], Frozen, str]] = {
    "releases before it has verified": (
        mock.patch.object(executor._Execution, "_stream", release_first),
        root("mirrored", take_both),
        "no common snapshot of a/data is held by first any more",
    ),
    "takes the mark for proof of emptiness": (
        mock.patch.object(conflicts, "is_unused", return_value=True),
        root("new, only the child has a snapshot", run_whole, write_to_copy, take_both),
        "b/copy lost what had been written to it",
    ),
    "throws saved states away": (
        mock.patch.object(preparation, "resumable", return_value=(None, "it is old")),
        root("new", cut_in_the_first_stream),
        "b/copy lost the saved state of a/data@s1",
    ),
    "falls over": (
        mock.patch.object(preparation, "find_conflict", side_effect=KeyError("guid")),
        root("mirrored"),
        "the program fell over: KeyError('guid')",
    ),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_search_finds_a_program_that(how: str) -> None:
    broken, start, sentence = BROKEN[how]
    with broken:
        figures = Search([Next("here", start)], NO_ACTS, ONE_STEP, jobs=1).run()
    assert sentence in figures.wrong
    assert figures.wrong[sentence].startswith("here → run (")
    assert Search([Next("here", start)], NO_ACTS, ONE_STEP, jobs=1).run().wrong == {}


# --- its words ---


def test_a_violation_is_shown_with_its_history() -> None:
    figures = Figures(wrong={"b/copy is gone": "new → run"})
    assert list(wrong_lines(figures)) == ["- b/copy is gone", "      new → run"]
    assert "1 violations" in progress_line(figures)


def test_figures_replace_those_of_the_last_search(tmp_path: Path) -> None:
    document = tmp_path / "reliability.md"
    document.write_text("# Reliability\n")
    for states in (4_000, 5_000):
        renew_section(document, "all histories", section(Figures(states=states), SHALLOW, jobs=2))
    text = document.read_text()
    assert "| different states | 5,000 |" in text
    assert "4,000" not in text
    assert text.startswith("# Reliability\n\n<!-- all histories: begin -->\n\n## All histories")
