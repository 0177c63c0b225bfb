"""Release while others are at work: what vanishes while the question waits, and what cannot be let go."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.lab.servers import KNOWN_HOSTS, sshd, trust
from tests.support.lab.world import PROGRAM, World, paste, run, zfs

WORDS = ("release", "-h", "127.0.0.1", "-r", "tank/data", "-t", "mirror")


def bookmarks() -> list[str]:
    return zfs("list", "-H", "-r", "-t", "bookmark", "-o", "name", "tank/data").split()


def release_after(*acts: Callable[[], object]) -> tuple[int, str]:
    """Run release on a terminal; while its question waits, act; then answer yes. Return status and output."""
    controller, terminal = pty.openpty()
    program = subprocess.Popen([sys.executable, PROGRAM, *WORDS], stdin=terminal, stdout=terminal, stderr=terminal)
    os.close(terminal)
    printed = b""
    while b"[y/N] " not in printed:
        printed += os.read(controller, 4096)
    for act in acts:
        act()
    os.write(controller, b"y\n")
    try:
        while data := os.read(controller, 4096):
            printed += data
    except OSError:  # EIO: the last one on the terminal has left
        pass
    os.close(controller)
    return program.wait(60), printed.decode()


def mirrored(world: World) -> None:
    zfs("create", "tank/data/child")
    world.snapshot("tank/data@one", recursive=True)
    world.replicate()
    assert len(bookmarks()) == 2


def test_release_ignores_a_snapshot_that_vanishes_while_it_asks(world: World) -> None:
    mirrored(world)
    status, printed = release_after(
        lambda: zfs("release", "mirror", "tank/data/child@one"), lambda: zfs("destroy", "tank/data/child@one")
    )
    assert "Release 2 holds and 2 bookmarks of mirror on 127.0.0.1? [y/N]" in printed
    assert (status, world.holds("tank/data"), bookmarks()) == (0, {}, [])


def test_release_ignores_a_bookmark_that_vanishes_while_it_asks(world: World) -> None:
    mirrored(world)
    status, printed = release_after(lambda: zfs("destroy", bookmarks()[1]))
    assert (status, world.holds("tank/data"), bookmarks()) == (0, {}, []), printed


def test_release_ignores_a_dataset_that_vanishes_while_it_asks(world: World) -> None:
    mirrored(world)
    status, printed = release_after(
        lambda: zfs("release", "mirror", "tank/data/child@one"), lambda: zfs("destroy", "-r", "tank/data/child")
    )
    assert (status, world.holds("tank/data"), bookmarks()) == (0, {}, []), printed


def test_release_destroys_bookmarks_where_a_hold_remains(world: World) -> None:
    mirrored(world)
    zfs("allow", "lab", "send,hold,mount,destroy", "tank/data")
    done = world.program("release", "-h", "lab@127.0.0.1", *WORDS[3:], "--yes", expect=1)
    assert "cannot release the hold mirror: the user has no permission for this" in done.stderr
    assert "2 of 2 holds remain on the source" in done.stderr
    assert (world.holds("tank/data"), bookmarks()) == ({"one": {"mirror"}}, [])


def test_release_knows_no_snapshot_where_the_target_pool_is_gone(world: World) -> None:
    mirrored(world)
    run("zpool", "export", "offsite")
    done = world.program(*WORDS, "-l", "offsite/data", "--yes")
    assert done.stdout.count(", not on the target") == 2
    assert (world.holds("tank/data"), bookmarks()) == ({}, [])


def test_status_without_the_target_pool_is_no_copy(world: World) -> None:
    mirrored(world)
    run("zpool", "export", "offsite")
    where = ("-l", "offsite/data", "-h", "127.0.0.1", "-r", "tank/data", "-t", "mirror")
    done = world.program("status", *where, "--crit", "1d", "--warn", "1h", expect=0)
    assert "not mirrored yet" in done.stdout
    assert "no such dataset" in world.program("status", "-l", "offsite/data", expect=2).stdout


def test_release_ends_at_a_signal_while_the_source_hangs(world: World, tmp_path: Path) -> None:
    mirrored(world)
    mark = tmp_path / "hanging"
    hang = f'case "$SSH_ORIGINAL_COMMAND" in *" zfs release "*) touch {mark}; exec sleep 300;; esac'
    with sshd(tmp_path, 2218, wrapper=f'{hang}\nexec sh -c "$SSH_ORIGINAL_COMMAND"') as server:
        trust(server.port, KNOWN_HOSTS)
        words = [sys.executable, PROGRAM, *WORDS, "-p", str(server.port), "--yes"]
        program = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        while not mark.exists():
            assert program.poll() is None, program.communicate()[0]
            time.sleep(0.1)
        program.send_signal(signal.SIGTERM)
        printed, _ = program.communicate(timeout=60)
    assert (program.returncode, "ended by SIGTERM" in printed) == (143, True), printed


def test_release_ends_at_a_signal_while_the_pool_here_hangs(world: World, tmp_path: Path) -> None:
    """What hangs may stay; so the program writes to a file, which no end of a pipe has to be waited for."""
    mirrored(world)
    mark, shim, log = tmp_path / "hanging", tmp_path / "bin" / "zfs", tmp_path / "log"
    shim.parent.mkdir()
    hang = f"echo $$ >{mark}.new; mv {mark}.new {mark}; exec sleep 300"
    shim.write_text(f'#!/bin/sh\n[ "$1" != list ] || {{ {hang}; }}\nexec /sbin/zfs "$@"\n')
    shim.chmod(0o755)
    words = [sys.executable, PROGRAM, *WORDS, "-n", "-l", "offsite/data"]
    environment = {**os.environ, "PATH": f"{shim.parent}:{os.environ['PATH']}"}
    with log.open("w") as file:
        program = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=file, env=environment)
    try:
        while not mark.exists():
            assert program.poll() is None, log.read_text()
            time.sleep(0.1)
        program.send_signal(signal.SIGTERM)
        assert program.wait(60) == 143
    finally:
        if mark.exists():
            os.kill(int(mark.read_text()), signal.SIGKILL)
    assert "ended by SIGTERM" in log.read_text()


def test_leftover_holds_go_by_the_commands_that_status_prints(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One dataset was excluded, one was moved out of the tree, and the copy of one was renamed."""
    monkeypatch.setenv("PATH", f"{os.path.dirname(PROGRAM)}:{os.environ['PATH']}")
    for name in ("left out", "moved", "aside"):
        zfs("create", f"tank/data/{name}")
    world.snapshot("tank/data@one", recursive=True)
    world.replicate()
    zfs("rename", "tank/data/moved", "tank/was moved")
    zfs("rename", "offsite/data/aside", "offsite/data/aside.old")
    options = ("-x", "left out")
    assert world.replicate(*options).stdout == ""
    where = ("-h", "127.0.0.1", "-r", "tank/data", "-l", "offsite/data", "-t", "mirror", *options)
    data = json.loads(world.program("status", *where, "--json").stdout)
    plan = world.replicate(*options, "-n").stdout
    assert {leftover["dataset"] for leftover in data["leftover_holds"]} == {
        *("tank/data/left out", "offsite/data/left out"),
        *("tank/was moved", "offsite/data/moved", "offsite/data/aside.old"),
    }
    for leftover in data["leftover_holds"]:
        words = leftover["command"].removeprefix("zfs_replicate release")
        paste(plan, f"zfs_replicate release{words}", more=" --yes")
        assert world.holds(leftover["dataset"]) == {}
    assert json.loads(world.program("status", *where, "--json").stdout)["leftover_holds"] == []
    zfs("destroy", "-r", "offsite/data/aside.old")
    assert world.holds("tank/data") == world.holds("tank/data/aside") == {"one": {"mirror"}}
    assert world.holds("offsite/data/aside") == {"one": {"mirror:target"}}
