"""Test the live display: when it is shown, what it shows, and that it erases itself."""

from __future__ import annotations

import io
import sys
import threading

import pytest
from rich.console import Console
from rich.progress import Progress

from tests.support.reported_runs import plan, sends
from zfs_replicate.config import Reporting
from zfs_replicate.output.display import WHOLE, Display, follow_live, is_shown

TWO = plan((":a! b+1000", "x:a! b+3000"), (":a^", "x:a^"))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Make stderr a terminal. The test must call this itself: pytest restores its streams after each fixture."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    return terminal


def lines(progress: Progress) -> dict[str, tuple[float, float | None]]:
    return {task.description: (task.completed, task.total) for task in progress.tasks}


# --- when ---


def test_the_display_is_shown_at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    at_a_terminal(monkeypatch)
    assert is_shown(Reporting(), TWO)


@pytest.mark.parametrize(
    "reporting", [Reporting(progress="never"), Reporting(log_format="json"), Reporting(log_level="debug")]
)
def test_no_display_with_progress_never_json_log_or_debug(
    monkeypatch: pytest.MonkeyPatch, reporting: Reporting
) -> None:
    at_a_terminal(monkeypatch)
    assert not is_shown(reporting, TWO)


def test_a_dumb_terminal_has_no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    at_a_terminal(monkeypatch)
    monkeypatch.setenv("TERM", "dumb")
    assert not is_shown(Reporting(), TWO)


def test_without_a_terminal_only_always_shows_the_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert not is_shown(Reporting(), TWO)
    assert is_shown(Reporting(progress="always"), TWO)


@pytest.mark.parametrize("term", ["dumb", None])
def test_always_draws_where_the_terminal_has_no_name_too(monkeypatch: pytest.MonkeyPatch, term: str | None) -> None:
    stderr = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.delenv("TERM", raising=False)
    if term is not None:
        monkeypatch.setenv("TERM", term)
    with follow_live(Reporting(progress="always"), TWO):
        pass
    assert WHOLE in stderr.getvalue()


def test_nothing_to_send_is_nothing_to_show(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = at_a_terminal(monkeypatch)
    nothing = plan((":a!",), (":a^",))
    with follow_live(Reporting(progress="always"), nothing) as observer:
        assert not observer.wants_bytes
    assert terminal.getvalue() == ""


# --- what ---


def test_a_line_for_each_running_dataset_and_one_for_the_whole() -> None:
    progress = Progress(console=Console(file=io.StringIO()))
    display = Display(Reporting(), progress, TWO)
    first, second = sends(TWO)
    assert lines(progress) == {WHOLE: (0, 4000)}
    display.stream_began(first)
    display.stream_began(second)
    display.stream_moved(second, 100, None)
    display.stream_moved(first, 300, 2000)
    assert lines(progress) == {WHOLE: (400, 5000), "tank/a": (300, 2000), "tank/a/x": (100, 3000)}
    display.stream_moved(first, 1900, 2000)
    display.stream_ended(first)
    assert lines(progress) == {WHOLE: (2000, 4900), "tank/a/x": (100, 3000)}


def test_a_stream_larger_than_expected_does_not_pass_its_end() -> None:
    progress = Progress(console=Console(file=io.StringIO()))
    display = Display(Reporting(), progress, TWO)
    first, _second = sends(TWO)
    display.stream_began(first)
    display.stream_moved(first, 5000, 2000)
    assert lines(progress)["tank/a"] == (5000, 5000)


def test_a_dataset_with_two_streams_has_one_line() -> None:
    two_streams = plan((":a+500 b+700 c",), ())
    progress = Progress(console=Console(file=io.StringIO()))
    display = Display(Reporting(), progress, two_streams)
    first, second = sends(two_streams)
    display.stream_began(first)
    display.stream_moved(first, 600, 600)
    display.stream_ended(first)
    assert lines(progress)["tank/a"] == (600, 600 + 700)
    display.stream_began(second)
    display.stream_moved(second, 100, 700)
    assert lines(progress)["tank/a"] == (700, 600 + 700)
    display.stream_ended(second)
    assert set(lines(progress)) == {WHOLE}


def test_the_display_is_drawn_and_wiped(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = at_a_terminal(monkeypatch)
    first, _second = sends(TWO)
    with follow_live(Reporting(), TWO) as observer:
        observer.stream_began(first)
        observer.stream_moved(first, 500, 1000)
        print("a line of the log", file=sys.stderr)
    text = terminal.getvalue()
    assert "tank/a" in text
    assert WHOLE in text
    assert "a line of the log" in text
    assert "\x1b[?25h" in text  # the cursor is back
    assert text.rstrip().endswith("\x1b[2K")  # the last line is erased


def test_output_of_other_threads_waits_for_the_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise stale lines of the display stay on the screen when several threads print (lab: OpenZFS 2.3)."""
    terminal = at_a_terminal(monkeypatch)
    with follow_live(Reporting(), TWO) as display:
        assert isinstance(display, Display)
        thread = threading.Thread(target=lambda: sys.stderr.write("a line of the log\n"))
        with display.lock:
            thread.start()
            thread.join(0.2)
            assert thread.is_alive()
        thread.join(30)
        assert not thread.is_alive()
    assert "a line of the log" in terminal.getvalue()
