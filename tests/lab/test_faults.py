"""Test the fault matrix: whatever is killed, cut or filled at any step, nothing is lost and the next run recovers.

Each cell records a line for docs/reliability.md (see tests/support/lab/reliability.py).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.lab.faults import Fault, FaultyMachine, faulty_machine, streams_left
from tests.support.lab.servers import KNOWN_HOSTS
from tests.support.lab.world import PROGRAM, World, run, zfs

PORT = 2240
CHILD = "/child"
Cell = tuple[str, str, str, str, str, str]
"""Scenario, fault, pattern of the command, when, action, fix."""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyMachine]:
    with faulty_machine(tmp_path_factory.mktemp("faulty"), PORT, KNOWN_HOSTS) as faulty:
        yield faulty


# --- what the run is doing when the fault strikes ---


def first_send(world: World) -> None:
    world.write("tank/data", "large", 4_000_000)
    world.snapshot("tank/data@one", recursive=True)
    world.snapshot("tank/data@two", recursive=True)


def incremental(world: World) -> None:
    world.snapshot("tank/data@one", recursive=True)
    world.replicate(host="localhost")
    world.write("tank/data", "large", 4_000_000)
    for name in ("two", "three"):
        world.snapshot(f"tank/data@{name}", recursive=True)


def expiry(world: World) -> None:
    for name, days in (("d50", 50), ("d40", 40)):
        world.snapshot(f"tank/data@{name}", recursive=True, days_ago=days)
    world.replicate(host="localhost")
    world.write("tank/data", "large", 4_000_000)
    world.snapshot("tank/data@d0", recursive=True)


def small_increments(world: World) -> None:
    """Make small increments, which share one command."""
    world.snapshot("tank/data@one", recursive=True)
    world.replicate(host="localhost")
    for name in ("two", "three"):
        for dataset in ("tank/data", "tank/data/child"):
            world.write(dataset, name, 20_000)
        world.snapshot(f"tank/data@{name}", recursive=True)


def resuming(world: World) -> None:
    """Leave the saved state of the second of three snapshots on the target."""
    incremental(world)
    cut = "zfs send -i @one tank/data@two | head -c 1500000 | zfs receive -s -u offsite/data"
    run("sh", "-c", cut, check=False)
    assert world.get("offsite/data", "receive_resume_token").startswith("1-")


SCENARIOS: dict[str, Callable[[World], None]] = {
    "first send": first_send,
    "incremental": incremental,
    "expiry": expiry,
    "small increments": small_increments,
    "resuming": resuming,
}

# --- the faults ---

STEPS = {
    "reading the source": ("list -Hp -r*tank/data", "before"),
    "placing holds on the source": ("hold mirror tank*", "before"),
    "after holds on the source": ("hold mirror tank*", "after"),
    "a stream under way": ("send *", "middle"),
    "after a receive": ("receive *", "after"),
    "verifying": ("list -Hp -t snapshot*", "before"),
    "holding on the target": ("hold mirror:target*", "before"),
    "after holds on the target": ("hold mirror:target*", "after"),
    "bookmarking": ("bookmark *", "after"),
    "releasing on the source": ("release mirror tank*", "before"),
    "after releases on the source": ("release mirror tank*", "after"),
    "expiring": ("destroy offsite*", "before"),
    "after an expiry": ("destroy offsite*", "after"),
}
ONLY_EXPIRY = ("expiring", "after an expiry")
NOT_FIRST = ("releasing on the source", "after releases on the source")

IN_STREAM = {
    "zfs send killed": ('pkill -KILL -f "^/usr/sbin/zfs send"', "true"),
    "zfs receive killed": ('pkill -KILL -f "^/usr/sbin/zfs receive"', "true"),
    "mbuffer killed": ("pkill -KILL -x mbuffer", "true"),
    "connection cut": ('pkill -KILL -f "^sshd(-session)?: root"', "true"),
    "target filled up": ("zfs set quota=2M offsite", "zfs set quota=none offsite"),
}
BEFORE = {
    "source snapshot destroyed before its hold": ("hold mirror tank*", "zfs destroy {tip}", "true"),
    "source snapshot destroyed by force before send": (
        "send *{tip}",
        "zfs release mirror {tip}; zfs destroy {tip}",
        "true",
    ),
    "target pool exported": ("receive *", "zpool export -f offsite", "zpool import -d {directory} offsite"),
}


ITSELF = "kill -KILL $$"
SMALL = {
    "client killed: before a stream": ("send *child@three", "before", "KILL CLIENT"),
    "client killed: after a stream": ("send *data@three", "after", "KILL CLIENT"),
    "client killed: after a receive": ("receive *", "after", "KILL CLIENT"),
    "zfs send killed": ("send *data@three", "before", ITSELF),
    "zfs receive killed": ("receive *data", "before", ITSELF),
    "connection cut": ("send *child@three", "before", IN_STREAM["connection cut"][0]),
    "source snapshot destroyed by force before send": (
        "send *data@three",
        "before",
        "zfs release mirror tank/data@three; zfs destroy tank/data@three",
    ),
}


def tip(scenario: str) -> str:
    tips = {"first send": "tank/data@two", "expiry": "tank/data@d0"}
    return tips.get(scenario, "tank/data@three")


def cells() -> Iterator[Cell]:
    for scenario in SCENARIOS:
        if scenario in ("small increments", "resuming"):
            continue
        for step, (match, when) in STEPS.items():
            if (step in ONLY_EXPIRY) <= (scenario == "expiry"):
                yield scenario, f"client killed: {step}", match, when, "KILL CLIENT", "true"
        for name, (action, fix) in IN_STREAM.items():
            yield scenario, name, "send *", "middle", action, fix
        for name, (match, action, fix) in BEFORE.items():
            yield scenario, name, match, "before", action, fix
    yield (
        "incremental",
        "sshd stopped",
        "send *",
        "middle",
        'pkill -STOP -f "^sshd(-session)?: root"',
        ('pkill -KILL -f "^sshd(-session)?: root"; true'),
    )
    for name, (match, when, action) in SMALL.items():
        yield "small increments", name, match, when, action, "true"
    yield "resuming", "token decoding killed", "send -nvt*", "before", ITSELF, "true"


MATRIX = list(cells())
TRANSPORT = os.environ.get("ZFS_REPLICATE_TRANSPORT", "paramiko")
"""The transport for the whole matrix."""

IN_MIDDLE = [cell for cell in MATRIX if cell[0] == "incremental" and cell[3] == "middle" and cell[1] != "sshd stopped"]
"""The cells where the transport matters most, without the stopped sshd, which takes a minute."""


def ids(cells: list[Cell]) -> list[str]:
    return [f"{cell[0]}: {cell[1]}" for cell in cells]


@pytest.mark.parametrize("cell", MATRIX, ids=ids(MATRIX))
def test_the_next_run_recovers_from_every_fault(world: World, machine: FaultyMachine, cell: Cell) -> None:
    status, stderr, next_stderr = struck(world, machine, cell, TRANSPORT)
    record(cell[0], cell[1], status, stderr, next_stderr)


@pytest.mark.parametrize("cell", IN_MIDDLE, ids=ids(IN_MIDDLE))
def test_fault_in_the_middle_of_a_stream_by_ssh(world: World, machine: FaultyMachine, cell: Cell) -> None:
    struck(world, machine, cell, "openssh")


UNANSWERED = {
    "killed": ITSELF,
    "killed in a wrapper": "exit 137",
    "out of memory": "echo internal error: out of memory >&2; exit 1",
}
GARBLED = {
    "corrupt": 'echo "cannot resume send: resume token is corrupt (incorrect checksum)" >&2; exit 255',
    "not UTF-8": 'printf "\\ttoguid = 0x1\\n\\ttoname = tank/d\\377@two\\n"; exit 255',
}


def strike_decoding(world: World, machine: FaultyMachine, action: str) -> tuple[int, str]:
    zfs("create", "tank/data/child")
    resuming(world)
    machine.arm(Fault("token decoding", "send -nvt*", "before", action))
    ended = run_client(machine, TRANSPORT)
    assert machine.disarm(), "the fault never struck"
    return ended


@pytest.mark.parametrize("how", UNANSWERED)
def test_saved_state_outlives_a_failed_token_decoding(world: World, machine: FaultyMachine, how: str) -> None:
    status, stderr = strike_decoding(world, machine, UNANSWERED[how])
    assert status == 1
    assert "offsite/data: zfs on localhost did not say what the saved state" in stderr
    assert world.get("offsite/data", "receive_resume_token").startswith("1-")
    assert "resume tank/data@two" in world.replicate("-n").stdout
    assert "clearing" not in world.replicate("-v", host="localhost").stderr
    assert_mirrored(world, "resuming")


@pytest.mark.parametrize("how", GARBLED)
def test_saved_state_that_zfs_cannot_name_is_sent_again(world: World, machine: FaultyMachine, how: str) -> None:
    status, stderr = strike_decoding(world, machine, GARBLED[how])
    assert (status, "the saved state is damaged" in stderr) == (0, True)
    assert_mirrored(world, "resuming")


def struck(world: World, machine: FaultyMachine, cell: Cell, transport: str) -> tuple[int, str, str]:
    """Run one cell; return the exit status and stderr of the struck run, and the stderr of the next run."""
    scenario, name, match, when, action, fix = cell
    zfs("create", "tank/data/child")
    SCENARIOS[scenario](world)
    names = {"tip": tip(scenario), "directory": str(world.directory)}
    action = machine.kill_client if action == "KILL CLIENT" else action.format(**names)
    had_common = common(world)
    machine.arm(Fault(name, match.format(**names), when, action))
    status, stderr = run_client(machine, transport)
    assert machine.disarm(), "the fault never struck"
    run("sh", "-c", fix.format(**names))
    assert streams_left() == ""
    for child, guids in had_common.items():
        assert common(world)[child] or not guids, "the common snapshot was lost"
    done = world.replicate("-k", "30", host="localhost" if transport == "paramiko" else "127.0.0.1")
    assert_mirrored(world, scenario)
    return status, stderr, done.stderr


def run_client(machine: FaultyMachine, transport: str) -> tuple[int, str]:
    arguments = [
        "-h",
        "127.0.0.1",
        "-p",
        str(PORT),
        "-r",
        "tank/data",
        "-l",
        "offsite/data",
        "-t",
        "mirror",
        "-k",
        "30",
    ]
    client = subprocess.Popen(
        [sys.executable, PROGRAM, *arguments, "--retries", "0", "-j", "1", "--transport", transport],
        env={**os.environ, "PATH": machine.path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    (machine.directory / "client").write_text(str(client.pid))
    _out, stderr = client.communicate(timeout=120)
    assert "Traceback" not in stderr
    assert client.returncode != 0 or not stderr or "the saved state is damaged" in stderr
    return client.returncode, stderr


def common(world: World) -> dict[str, set[str]]:
    """Return the guids that both sides have, for each of the two datasets."""
    guids = {}
    for child in ("", CHILD):
        target = f"offsite/data{child}"
        guids[child] = set(world.guids(f"tank/data{child}")) & set(world.guids(target) if world.exists(target) else ())
    return guids


def assert_mirrored(world: World, scenario: str) -> None:
    """Check that the tips are equal, that only the tip of each dataset is held on each side, and expiry."""
    for child in ("", CHILD):
        source, target = f"tank/data{child}", f"offsite/data{child}"
        newest = world.snapshots(source)[-1]
        assert world.guids(source)[-1] == world.guids(target)[-1]
        assert world.holds(source) == {newest: {"mirror"}}
        assert world.holds(target) == {newest: {"mirror:target"}}
        if scenario == "expiry" and newest == "d0":
            assert world.snapshots(target) == ["d0"]
        if scenario != "expiry":
            assert world.guids(target) == world.guids(source)[-len(world.guids(target)) :]


def record(scenario: str, fault: str, status: int, stderr: str, next_stderr: str) -> None:
    """Record a cell for docs/reliability.md."""
    directory = os.environ.get("ZFS_REPLICATE_RESULTS")
    if directory:
        row = {"scenario": scenario, "fault": fault, "status": status, "stderr": stderr, "next": next_stderr}
        Path(directory, f"{MATRIX_INDEX[scenario, fault]:03}.json").write_text(json.dumps(row))


MATRIX_INDEX = {(cell[0], cell[1]): index for index, cell in enumerate(MATRIX)}
