"""Walk through all histories, breadth first, until the time is up. Search(roots, …).run(seconds) → Figures.

A history is a sequence of acts and runs; a run may die at each moment. All states that n steps can reach are looked at
before any that needs n + 1, and each only once, so a violation is shown with a shortest history that leads to it.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import multiprocessing
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from tests.support.exhaust.expand import Expanded, Next, Steps, expand
from tests.support.exhaust.state import Frozen
from tests.support.inline import without_threads

CHUNK = 4
"""States that a worker expands at a time: few, so that the time is kept."""

Work = Callable[[Sequence[Frozen]], list[Expanded]]


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far to go. Faults strike in runs from states fewer than `fault_depth` steps from a root; so do people act."""

    seconds: float
    depth: int
    fault_depth: int
    people_depth: int


@dataclass
class Figures:
    """What a search has seen. `depth`: all states fewer steps than that from a root were expanded."""

    states: int = 0
    expanded: int = 0
    runs: int = 0
    steps: int = 0
    depth: int = 0
    seconds: float = 0.0
    wrong: dict[str, str] = field(default_factory=dict)
    """Each violation with a shortest history that shows it."""


def digest(frozen: Frozen) -> bytes:
    return hashlib.blake2b(frozen, digest_size=12).digest()


class Search:
    """Everything that was seen: a digest of each state, the one before it, and the step between the two."""

    def __init__(self, roots: Sequence[Next], steps: Steps, bounds: Bounds, jobs: int) -> None:
        self._steps, self._bounds, self._jobs = steps, bounds, jobs
        self._figures = Figures()
        self._histories: dict[bytes, tuple[bytes, str]] = {}
        self._level: list[Frozen] = []
        for root in roots:
            self._see(b"", root)

    def run(self, progress: Callable[[Figures], object] = lambda _figures: None) -> Figures:
        """Search until the bounds are reached; `progress` is called after each depth."""
        began = time.monotonic()
        with _workers(self._jobs) as each:
            while self._level and self._figures.depth < self._bounds.depth:
                is_whole = self._go_deeper(each, began + self._bounds.seconds)
                self._figures.seconds = time.monotonic() - began
                if not is_whole:
                    break
                self._figures.depth += 1
                progress(self._figures)
        return self._figures

    def _go_deeper(self, each: Callable[[Work, Iterable[list[Frozen]]], Iterator[list[Expanded]]], end: float) -> bool:
        """Expand all states of this level, and collect the next one; return whether there was time for it."""
        level, self._level = self._level, []
        depth = self._figures.depth
        is_struck, is_meddled = depth < self._bounds.fault_depth, depth < self._bounds.people_depth
        work = partial(_expand_all, steps=replace(self._steps, has_faults=is_struck, has_people=is_meddled))
        chunks = [level[place : place + CHUNK] for place in range(0, len(level), CHUNK)]
        for chunk, results in zip(chunks, each(work, chunks), strict=True):
            for frozen, expanded in zip(chunk, results, strict=True):
                self._take(frozen, expanded)
            if time.monotonic() > end:
                return False
        return True

    def _take(self, frozen: Frozen, expanded: Expanded) -> None:
        here = digest(frozen)
        self._figures.expanded += 1
        self._figures.runs += expanded.run_count
        self._figures.steps += len(expanded.nexts)
        for wrong in expanded.wrong:
            self._figures.wrong.setdefault(wrong.sentence, " → ".join([*self._history(here), wrong.step]))
        for reached in expanded.nexts:
            self._see(here, reached)

    def _see(self, before: bytes, reached: Next) -> None:
        here = digest(reached.frozen)
        if here not in self._histories:
            self._histories[here] = (before, reached.step)
            self._figures.states += 1
            self._level.append(reached.frozen)

    def _history(self, here: bytes) -> list[str]:
        steps: list[str] = []
        while here:
            here, step = self._histories[here]
            steps.append(step)
        return steps[::-1]


@contextlib.contextmanager
def _workers(jobs: int) -> Iterator[Callable[[Work, Iterable[list[Frozen]]], Iterator[list[Expanded]]]]:
    """Provide a `map` that keeps the order, in this process or, for more than one job, in others."""
    if jobs == 1:
        yield map
        return
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        yield pool.imap


def _expand_all(states: Sequence[Frozen], steps: Steps) -> list[Expanded]:
    logging.getLogger("zfs_replicate").setLevel(logging.CRITICAL)  # formatting what nobody reads takes time
    with without_threads():
        return [expand(state, steps) for state in states]
