"""Test the live display in a terminal emulated by tmux, with three datasets at once."""

from __future__ import annotations

import re
import shlex
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.lab.servers import KNOWN_HOSTS, sshd, trust
from tests.support.lab.world import PROGRAM, World, run, zfs

PACED_PORT = 2226
NAMES = ("one", "two", "three")
MIRROR = ("-h", "127.0.0.1", "-r", "tank/data", "-l", "offsite/data", "-t", "mirror", "--retries", "0")
WAIT_SECONDS = 60
FIGURES = r"[\d.]+/([\d.]+) MiB +[\d.]+ [KM]iB/s +0:\d\d:\d\d"
"""Bytes of the total, rate, time left."""


class Screen:
    """A terminal of 110 columns with one program in it."""

    def __init__(self, socket: Path) -> None:
        self._tmux = ("tmux", "-u", "-S", str(socket))

    def start(self, *command: str) -> None:
        line = f"{shlex.join(command)}; echo status $?; sleep {WAIT_SECONDS}"
        utf8 = {"LC_ALL": "C.UTF-8"}
        run(*self._tmux, "-f", "/dev/null", "new-session", "-d", "-x", "110", "-y", "24", line, env=utf8)

    def frame(self) -> str:
        return run(*self._tmux, "capture-pane", "-p").stdout

    def frames(self) -> Iterator[str]:
        """Yield what it shows, again and again, until the program has ended."""
        until = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < until:
            yield (frame := self.frame())
            if "status " in frame:
                return
            time.sleep(0.2)
        raise AssertionError(f"it did not end:\n{self.frame()}")

    def close(self) -> None:
        run(*self._tmux, "kill-server", check=False)


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[Screen]:
    terminal = Screen(tmp_path / "tmux")
    yield terminal
    terminal.close()


def paced(go: Path) -> str:
    """Return what sshd runs instead of each command: streams of the children trickle until the file `go` exists."""
    trickle = f"while [ ! -e {go} ]; do dd bs=65536 count=1 iflag=fullblock status=none; sleep 0.1; done; cat"
    return f"""run() {{ sh -c "$SSH_ORIGINAL_COMMAND"; }}
case "$SSH_ORIGINAL_COMMAND" in *" send "*tank/data/*) run | {{ {trickle}; }};; *) run;; esac"""


def test_three_datasets_at_once(world: World, screen: Screen, tmp_path: Path) -> None:
    for name in NAMES:
        zfs("create", f"tank/data/{name}")
        world.write(f"tank/data/{name}", "file", 8 << 20)
    world.snapshot("tank/data@now", recursive=True)
    go = tmp_path / "go"
    with sshd(tmp_path, PACED_PORT, wrapper=paced(go)):
        trust(PACED_PORT, KNOWN_HOSTS)
        screen.start(sys.executable, PROGRAM, *MIRROR, "-j", "4", "-p", str(PACED_PORT))
        shown = next(filter(has_all, screen.frames()), None)
        assert shown is not None, screen.frame()
        go.touch()
        last = list(screen.frames())[-1]
    whole = re.search(f"^whole run .*{FIGURES}", shown, re.M)
    assert whole is not None, shown
    assert 24 <= float(whole[1]) < 26  # three times 8 MiB, as zfs reports
    assert "status 0" in last
    assert "whole run" not in last  # the display is erased
    for name in NAMES:
        assert re.search(rf"^offsite/data/{name}: 1 snapshot, 8\.\d MiB in ", last, re.M), last


def has_all(frame: str) -> bool:
    return all(re.search(f"^tank/data/{name} .*{FIGURES}", frame, re.M) for name in NAMES)


def test_an_error_is_printed_clean_above_the_display(world: World, screen: Screen) -> None:
    """The message has none of the lines that zfs prints for the display."""
    zfs("create", "tank/data/big")
    world.write("tank/data/big", "file", 3 << 20)
    world.snapshot("tank/data@now", recursive=True)
    zfs("create", "-o", "quota=1M", "offsite/data")
    run("sh", "-c", "zfs send tank/data@now | zfs receive -F offsite/data")
    screen.start(sys.executable, PROGRAM, *MIRROR)
    last = list(screen.frames())[-1]
    assert "status 1" in last
    text = " ".join(last.split())
    assert "offsite/data/big on localhost: cannot receive" in text
    assert "size " not in text
    assert "full " not in text


def test_no_terminal_no_display(world: World) -> None:
    world.snapshot("tank/data@now")
    done = world.replicate(host="localhost")
    assert (done.stdout, done.stderr) == ("", "")
    world.snapshot("tank/data@next")
    done = world.replicate("--progress", "always", host="localhost")
    assert "whole run" in done.stderr
    assert done.stdout == ""
