"""Test run and check: several mirrors from one file, on real pools."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

from tests.support import TOP
from tests.support.lab.world import PROGRAM, World, paste, run, zfs

DEFAULTS = '[defaults]\nhost = "localhost"\ntag = "mirror"\nkeep-days = 30\nretries = 0\n'


def job(name: str, more: str = "") -> str:
    return f'[jobs.{name}]\nremote = "tank/{name}"\nlocal = "offsite/{name}"\n{more}\n'


def test_jobs_run_in_turn_and_a_failed_job_stops_none(world: World, tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        zfs("create", "-u", f"tank/{name}")
        world.snapshot(f"tank/{name}@a", days_ago=40)
        world.snapshot(f"tank/{name}@b")
    zfs("create", "-u", "offsite/two")  # may hold data of its own: a conflict
    file = tmp_path / "jobs.toml"
    file.write_text(DEFAULTS + job("one", "keep-days = 90") + job("two") + job("three", 'host = "127.0.0.1"'))
    before = world.everything()
    assert len(world.program("check", "--config", str(file)).stdout.splitlines()) == 3
    world.program("run", "--config", str(file), "-n", expect=1)
    assert world.everything() == before

    done = world.program("run", "--config", str(file), expect=1)
    assert "offsite/two: conflict with tank/two on localhost" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert world.snapshots("offsite/one") == ["a", "b"]
    assert world.snapshots("offsite/three") == ["b"]

    zfs("destroy", "offsite/two")
    assert world.program("run", "two", "--config", str(file)).stderr == ""
    assert world.snapshots("offsite/two") == ["b"]


def test_a_bad_file_names_job_and_key_and_nothing_runs(world: World, tmp_path: Path) -> None:
    world.snapshot("tank/data@a")
    file = tmp_path / "jobs.toml"
    file.write_text(DEFAULTS + job("data") + job("other", "keep-day = 3"))
    before = world.everything()
    for words in (("check",), ("run",), ("run", "data")):
        done = world.program(*words, "--config", str(file), expect=2)
        problem = "job other: keep-day: is not a known key; did you mean keep-days?"
        assert done.stderr == f"zfs_replicate: {file}: {problem}\n"
    assert world.everything() == before


def test_a_file_that_anyone_can_write_to_is_refused(world: World, tmp_path: Path) -> None:
    world.snapshot("tank/data@a")
    file = tmp_path / "my jobs.toml"
    file.write_text(DEFAULTS + job("data"))
    file.chmod(0o666)
    paste(world.program("run", "--config", str(file), expect=2).stderr, "chmod ")
    world.program("run", "--config", str(file))
    assert world.snapshots("offsite/data") == ["a"]


def test_a_job_runs_with_no_more_than_its_systemd_unit_grants(world: World, tmp_path: Path) -> None:
    """The guest has no systemd: apply the unit's capabilities, and a read-only root, by other means."""
    unit = (TOP / "packaging/systemd/zfs-replicate@.service").read_text()
    (granted,) = re.findall(r"^CapabilityBoundingSet=(.*)$", unit, re.MULTILINE)
    bounds = ",".join(["-all", *(f"+{word.removeprefix('CAP_').lower()}" for word in granted.split())])
    world.snapshot("tank/data@old", days_ago=40)
    world.snapshot("tank/data@one")
    world.replicate(host="localhost")
    world.write("tank/data", "file")
    world.snapshot("tank/data@two")
    world.write("offsite/data", "changed", 1 << 20)
    file = tmp_path / "jobs.toml"
    file.write_text(DEFAULTS + job("data", 'host = "127.0.0.1"\nrollback = true'))
    locks = "/run/zfs_replicate"
    sandbox = f"mkdir -p {locks}; mount -o bind {locks} {locks}; mount -o remount,ro,bind /"
    limited = f"setpriv --no-new-privs --bounding-set={bounds} --inh-caps=-all"
    command = shlex.join([*limited.split(), sys.executable, PROGRAM, "run", "data", "--config", str(file)])
    run("unshare", "--mount", "sh", "-ec", f"{sandbox}; exec {command}")
    assert world.snapshots("offsite/data") == ["one", "two"]
    assert world.holds("tank/data") == {"two": {"mirror"}}
