"""Show live progress on a terminal: one line for each dataset that is being received, and one for the whole run.

(Reporting, Plan) → Observer. rich is imported only when there is something to show. While the display is active it
owns standard error; it erases itself at the end.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

from zfs_replicate.config import Reporting
from zfs_replicate.observer import Observer
from zfs_replicate.output.logs import log
from zfs_replicate.plans import DatasetPlan, Outcome, Plan
from zfs_replicate.printable import visible
from zfs_replicate.report.text import arrival_line
from zfs_replicate.steps import Resume, Send
from zfs_replicate.units import size

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

DrawingLock = contextlib.AbstractContextManager[bool]

WHOLE = "whole run"
DRAWING_SECONDS = 0.25


def is_shown(reporting: Reporting, plan: Plan) -> bool:
    """Whether there is progress to show and someone to see it. `auto` gives way to debug, logfmt and JSON logs."""
    if reporting.progress == "never" or not plan.stream_count:
        return False
    if reporting.progress == "always":
        return True
    has_terminal = sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    is_for_people = reporting.log_format == "human" and reporting.log_level != "debug"
    return has_terminal and is_for_people and importlib.util.find_spec("rich") is not None


@contextlib.contextmanager
def follow_live(reporting: Reporting, plan: Plan) -> Iterator[Observer]:
    """Show the progress of a plan's streams, if someone sees it, and announce each dataset that has arrived."""
    if not is_shown(reporting, plan):
        yield Announcer(reporting)
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class RateColumn(ProgressColumn):
        """The rate, in the same units as all other output."""

        def render(self, task: Task) -> Text:
            return Text(f"{size(task.speed)}/s" if task.speed else "-")

    is_forced = reporting.progress == "always"
    # rich draws nothing if TERM is unset or dumb
    environment = os.environ | ({"TERM": "xterm"} if is_forced and os.environ.get("TERM", "dumb") == "dumb" else {})
    console = Console(file=sys.stderr, force_terminal=True if is_forced else None, _environ=environment)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        DownloadColumn(binary_units=True),
        RateColumn(),
        TimeRemainingColumn(),
    )
    # redirect standard output only if it is the terminal too: output for a file or pipe must get there
    catches_output = sys.stdout.isatty()
    progress = Progress(*columns, console=console, transient=True, redirect_stdout=catches_output, auto_refresh=False)
    display = Display(reporting, progress, plan)
    with progress, _one_at_a_time(display.lock, catches_output), _redrawing(progress, display.lock):
        yield display


@contextlib.contextmanager
def _one_at_a_time(lock: DrawingLock, catches_output: bool) -> Iterator[None]:
    """Keep printing and drawing from running at the same time.

    rich computes where its lines are before it locks the terminal: two threads would leave stale lines behind.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stderr(_LockedStream(sys.stderr, lock)))
        if catches_output:
            stack.enter_context(contextlib.redirect_stdout(_LockedStream(sys.stdout, lock)))
        yield


class _LockedStream(io.TextIOBase):
    """A stream that holds the lock while it writes."""

    def __init__(self, stream: TextIO, lock: DrawingLock) -> None:
        self._stream = stream
        self._lock = lock

    def write(self, text: str) -> int:
        with self._lock:
            return self._stream.write(text)

    def flush(self) -> None:
        with self._lock:
            self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()


@contextlib.contextmanager
def _redrawing(progress: Progress, lock: DrawingLock) -> Iterator[None]:
    """Redraw at intervals, from a separate thread."""
    stop = threading.Event()

    def draw() -> None:
        while not stop.wait(DRAWING_SECONDS):
            with lock:
                progress.refresh()

    thread = threading.Thread(target=draw, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def announce(reporting: Reporting, line: str) -> None:
    """Print a line of success on a terminal; otherwise log it."""
    if sys.stdout.isatty() and not reporting.is_json and reporting.log_format == "human":
        # in one write: several datasets can finish at once
        sys.stdout.write(f"{visible(line)}\n")
        sys.stdout.flush()
    else:
        log.info("%s", line)


class Announcer(Observer):
    """Announces each dataset that has arrived."""

    def __init__(self, reporting: Reporting) -> None:
        self._reporting = reporting

    def dataset_arrived(self, outcome: Outcome) -> None:
        announce(self._reporting, arrival_line(outcome))


@dataclass(slots=True)
class Line:
    """One dataset: the bytes and expected size of each stream by snapshot, and how many streams have not ended."""

    plan: DatasetPlan
    task: TaskID | None = None
    unfinished: int = 0
    done: dict[str, int] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)


class Display(Announcer):
    """Draws the progress of streams. Sizes are the plan's estimates until zfs reports better ones."""

    wants_bytes = True

    def __init__(self, reporting: Reporting, progress: Progress, plan: Plan) -> None:
        super().__init__(reporting)
        self._progress = progress
        self.lock = threading.RLock()
        self._lines = {dataset.source: Line(dataset) for dataset in plan.datasets if dataset.snapshot_count}
        for line in self._lines.values():
            streams = [step for step in line.plan.steps if isinstance(step, Send | Resume)]
            line.unfinished = len(streams)
            line.sizes = {step.snapshot: step.byte_estimate for step in streams}
        self._whole = progress.add_task(WHOLE, total=self._total())

    def stream_began(self, step: Send | Resume) -> None:
        with self.lock:
            line = self._line(step)
            if line.task is None:
                line.task = self._progress.add_task(visible(line.plan.source), total=sum(line.sizes.values()))

    def stream_moved(self, step: Send | Resume, byte_count: int, expected: int | None) -> None:
        with self.lock:
            line = self._line(step)
            line.done[step.snapshot] = byte_count
            line.sizes[step.snapshot] = max(byte_count, line.sizes[step.snapshot] if expected is None else expected)
            self._draw(line)

    def stream_ended(self, step: Send | Resume) -> None:
        """Count the bytes that have passed as the whole size, also if the stream failed."""
        with self.lock:
            line = self._line(step)
            line.sizes[step.snapshot] = line.done.get(step.snapshot, 0)
            line.unfinished -= 1
            self._draw(line)
            if line.unfinished == 0 and line.task is not None:
                self._progress.remove_task(line.task)
                line.task = None

    def _line(self, step: Send | Resume) -> Line:
        return self._lines[step.snapshot.partition("@")[0]]

    def _draw(self, line: Line) -> None:
        if line.task is not None:
            total = sum(line.sizes.values())
            self._progress.update(line.task, completed=sum(line.done.values()), total=total)
        done = sum(sum(other.done.values()) for other in self._lines.values())
        self._progress.update(self._whole, completed=done, total=self._total())

    def _total(self) -> int:
        return sum(sum(line.sizes.values()) for line in self._lines.values())
