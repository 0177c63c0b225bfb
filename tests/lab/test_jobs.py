"""run and check: several mirrors from one file, on real pools."""

from __future__ import annotations

from pathlib import Path

from tests.lab.world import World, zfs

DEFAULTS = '[defaults]\nhost = "localhost"\ntag = "mirror"\nkeep-days = 30\nretries = 0\n'


def job(name: str, more: str = "") -> str:
    return f'[jobs.{name}]\nremote = "tank/{name}"\nlocal = "offsite/{name}"\n{more}\n'


def test_jobs_of_a_file_run_one_after_the_other_and_one_that_fails_stops_none(world: World, tmp_path: Path) -> None:
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
    assert "offsite/two: conflict with tank/two" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert world.snapshots("offsite/one") == ["a", "b"]
    assert world.snapshots("offsite/three") == ["b"]

    zfs("destroy", "offsite/two")
    assert world.program("run", "two", "--config", str(file)).stderr == ""
    assert world.snapshots("offsite/two") == ["b"]


def test_a_bad_file_is_told_by_job_and_key_and_nothing_runs(world: World, tmp_path: Path) -> None:
    world.snapshot("tank/data@a")
    file = tmp_path / "jobs.toml"
    file.write_text(DEFAULTS + job("data") + job("other", "keep-day = 3"))
    before = world.everything()
    for words in (("check",), ("run",), ("run", "data")):
        done = world.program(*words, "--config", str(file), expect=2)
        assert done.stderr == f"zfs_replicate: {file}: job other: keep-day: is not known; do you mean keep-days?\n"
    assert world.everything() == before
