"""Test the pipe: long streams, missing programs, signals, and a side that dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.lab.world import PROGRAM, World, mirror_identity, paste, run, zfs

PAUSE = "0.2"


def test_stream_beyond_512_mib(world: World) -> None:
    """paramiko would renew its keys after 512 MiB, and lose a stream that ends during that."""
    for pool in ("tank", "offsite"):
        image = world.directory / f"{pool}.img"
        run("truncate", "-s", "1400M", str(image))
        zfs_image = ["zpool", "online", "-e", pool, str(image)]
        run(*zfs_image)
    world.write("tank/data", "huge", 560 << 20)
    world.snapshot("tank/data@one")
    world.replicate("--transport", "paramiko")
    assert world.guids("offsite/data") == world.guids("tank/data")
    assert world.read("offsite/data", "huge") == world.read("tank/data", "huge")


@pytest.mark.parametrize(
    ("program", "options", "warning"),
    [
        ("mbuffer", "", "mbuffer is not installed"),
        ("zstd", "-z zstd", "zstd is not installed on this machine: streams go uncompressed"),
    ],
)
def test_without_a_program_a_warning_and_a_working_run(
    world: World, tmp_path: Path, program: str, options: str, warning: str
) -> None:
    world.snapshot("tank/data@one")
    (tmp_path / "empty").touch()
    hidden = f"mount --bind {tmp_path}/empty /usr/bin/{program}; exec python3 {PROGRAM}"
    done = run("unshare", "-m", "sh", "-c", f"{hidden} {options} -h 127.0.0.1 -r tank/data -l offsite/data -t mirror")
    assert warning in done.stderr
    assert world.snapshots("offsite/data") == ["one"]


@pytest.mark.parametrize("transport", ["paramiko", "openssh"])
def test_small_increments_share_commands_and_are_kept_apart(world: World, tmp_path: Path, transport: str) -> None:
    run("sh", "-c", "echo open sesame | zfs create -o encryption=on -o keyformat=passphrase tank/data/vault")
    zfs("create", "-V", "1M", "tank/data/a volume")
    for name in ("a b", "quiet", "full"):
        zfs("create", f"tank/data/{name}")
    world.snapshot("tank/data@one", recursive=True)
    world.replicate()
    for name in ("two", "three"):
        for dataset in ("tank/data", "tank/data/a b", "tank/data/full", "tank/data/vault"):
            world.write(dataset, name, 200_000)
        world.snapshot(f"tank/data@{name}", recursive=True)
    zfs("set", "quota=200k", "offsite/data/full")
    report = tmp_path / "report.json"
    done = world.replicate("--transport", transport, "--report", str(report), "--log-level", "debug", expect=1)

    outcomes = {dataset["target"]: dataset for dataset in json.loads(report.read_text())["datasets"]}
    failed = outcomes.pop("offsite/data/full")
    assert "quota exceeded" in failed["error"]["message"]
    assert world.snapshots("offsite/data/full") == ["one"]
    for target, outcome in outcomes.items():
        source = target.replace("offsite", "tank")
        assert world.guids(target) == world.guids(source)
        assert world.holds(source) == {"three": {"mirror"}}
        has_data = "quiet" not in target and "volume" not in target
        assert (outcome["bytes"] > 400_000) == has_data
    assert world.read("offsite/data/a b", "three") == world.read("tank/data/a b", "three")
    zfs("set", "quota=none", "offsite/data/full")
    world.replicate()
    assert world.guids("offsite/data/full") == world.guids("tank/data/full")
    assert done.stderr.count("mark=$1") in (2, 3)  # two lanes; the one that was cut continues in another command


def left_over() -> str:
    """Return the processes of a stream that still run after a grace period."""
    run("sh", "-c", f"for i in $(seq 20); do pgrep -x 'mbuffer|zfs|ssh' >/dev/null || exit 0; sleep {PAUSE}; done")
    return run("pgrep", "-a", "-x", "mbuffer|zfs|ssh", check=False).stdout


def started_stream(world: World, transport: str = "paramiko") -> subprocess.Popen[str]:
    """Start a run and wait until its first stream is running."""
    world.write("tank/data", "large", 60_000_000)
    world.snapshot("tank/data@one")
    process = world.start("-v", "--transport", transport)
    assert process.stderr is not None
    for line in process.stderr:
        if "→" in line:
            break
    run("sh", "-c", "while ! pgrep -x mbuffer >/dev/null; do sleep 0.05; done")
    return process


@pytest.mark.parametrize(
    ("number", "transport"),
    [
        (signal.SIGINT, "paramiko"),
        (signal.SIGTERM, "openssh"),
        (signal.SIGTERM, "paramiko"),
        (signal.SIGHUP, "openssh"),
    ],
)
def test_signal_ends_all_in_order_and_the_next_run_goes_on(
    world: World, number: signal.Signals, transport: str
) -> None:
    process = started_stream(world, transport)
    process.send_signal(number)
    _out, stderr = process.communicate()
    assert process.returncode == 128 + number
    assert f"ended by {number.name}" in stderr
    assert left_over() == ""
    world.replicate()
    assert world.guids("offsite/data") == world.guids("tank/data")


def test_killed_run_leaves_nothing_and_the_next_run_goes_on(world: World) -> None:
    process = started_stream(world)
    process.kill()
    process.communicate()
    assert left_over() == ""
    assert world.holds("tank/data") == {"one": {"mirror", f"mirror.{mirror_identity()}.new"}}
    world.replicate()
    assert world.guids("offsite/data") == world.guids("tank/data")
    assert world.holds("tank/data") == {"one": {"mirror"}}


def test_killed_run_leaves_no_ssh_behind(world: World) -> None:
    process = started_stream(world, "openssh")
    process.kill()
    process.communicate()
    assert left_over() == ""
    world.replicate("--transport", "openssh")
    assert world.guids("offsite/data") == world.guids("tank/data")


@pytest.mark.parametrize("victim", ["zfs send", "mbuffer", "zfs receive"])
def test_the_next_run_recovers_from_a_killed_stage(world: World, victim: str) -> None:
    process = started_stream(world)
    run("pkill", "-KILL", "-f", f"^{victim}")
    _out, stderr = process.communicate()
    assert process.returncode == 1
    assert "tank/data" in stderr or "offsite/data" in stderr
    assert left_over() == ""
    world.replicate()
    assert world.guids("offsite/data") == world.guids("tank/data")


def test_full_target_is_reported_and_recovers_with_more_space(world: World) -> None:
    world.write("tank/data", "large", 8_000_000)
    world.snapshot("tank/data@one")
    zfs("set", "quota=4M", "offsite")
    done = world.replicate(expect=1)
    assert "offsite/data on localhost: cannot receive: the quota of offsite is 4.0 MiB, which leaves" in done.stderr
    paste(done.stderr, "zfs set quota=")
    world.replicate()
    assert world.guids("offsite/data") == world.guids("tank/data")


# --- transports and compression ---


def path_with_ssh(directory: Path, script: str) -> dict[str, str]:
    """Return an environment whose ssh runs `script` before a stream; `ssh -G` works as usual."""
    (directory / "ssh").write_text(f'#!/bin/sh\n[ "$1" != -T ] || {{ {script}; }}\nexec /usr/bin/ssh "$@"\n')
    (directory / "ssh").chmod(0o755)
    return {"PATH": f"{directory}:{os.environ['PATH']}"}


def test_only_a_large_stream_goes_by_the_ssh_program(world: World, tmp_path: Path) -> None:
    zfs("create", "tank/data/small")
    world.write("tank/data", "large", 70 << 20)
    world.snapshot("tank/data@one", recursive=True)
    world.replicate(env=path_with_ssh(tmp_path, f'echo "$@" >>{tmp_path}/started'))
    assert world.guids("offsite/data") == world.guids("tank/data")
    assert world.guids("offsite/data/small") == world.guids("tank/data/small")
    (started,) = (tmp_path / "started").read_text().splitlines()
    assert "tank/data@one" in started


def test_a_refused_ssh_falls_back_to_the_connection(world: World, tmp_path: Path) -> None:
    """ssh cannot log in, for example since the user typed a password, and the run continues without it."""
    world.write("tank/data", "large", 70 << 20)
    world.snapshot("tank/data@one")
    refusing = "echo 'root: Permission denied (publickey).' >&2; exit 255"
    done = world.replicate("-v", env=path_with_ssh(tmp_path, refusing))
    assert "continuing without the OpenSSH client" in done.stderr
    assert world.guids("offsite/data") == world.guids("tank/data")


@pytest.mark.parametrize("program", ["zstd", "lz4", "pigz"])
def test_compressed_streams_arrive(world: World, program: str) -> None:
    world.write("tank/data", "file", 2_000_000)
    world.snapshot("tank/data@one")
    world.replicate("-z", program, "--bwlimit", "100M")
    assert world.guids("offsite/data") == world.guids("tank/data")
    assert world.read("offsite/data", "file") == world.read("tank/data", "file")
