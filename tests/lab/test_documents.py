"""Test that the commands in docs/ work, in the order in which they appear."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import TOP
from tests.support.lab.world import World, run, zfs

SSH = Path("/root/.ssh/config")
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: str) -> Iterator[str]:
    for match in BLOCK.finditer((TOP / "docs" / page).read_text()):
        yield match[1]


def typed(text: str) -> str:
    """Run text line by line in one shell that ends at the first failure, as a person would type it; return stdout."""
    return run("bash", "-euo", "pipefail", "-c", f"PATH={TOP}/bin:$PATH\n{text}").stdout


@pytest.fixture
def hosts(world: World) -> Iterator[World]:
    """Make this machine both machines of the pages, with zfs_replicate in PATH over SSH too."""
    SSH.write_text("Host nas1 backup\n  HostName 127.0.0.1\n  User root\n")
    link = Path("/usr/local/bin/zfs_replicate")
    link.write_text(f'#!/bin/sh\nexec python3 {TOP}/bin/zfs_replicate "$@"\n')
    link.chmod(0o755)
    zfs("create", "tank/data/web")
    world.write("tank/data", "report.txt")
    world.snapshot("tank/data@monday", days_ago=2, recursive=True)
    world.write("tank/data", "later.txt")
    world.snapshot("tank/data@tuesday", recursive=True)
    yield world
    SSH.unlink()
    link.unlink()


def test_restoring(hosts: World, tmp_path: Path) -> None:
    hosts.replicate_from("tank/data", "offsite/data", host="localhost", tag="offsite")
    one_file, one_dataset, trial, lost, goes_on, away, back, forth = blocks("restoring.md")
    typed(one_file)
    assert Path("/tmp/report.txt").stat().st_size == 4096
    typed(one_dataset)
    assert hosts.snapshots("tank/restored") == ["monday"]
    typed(trial)

    report = hosts.read("tank/data", "report.txt")
    run("zpool", "destroy", "-f", "tank")
    run("zpool", "create", "-O", "mountpoint=none", "tank", str(tmp_path / "tank.img"))
    typed(lost)
    assert hosts.read("tank/data", "report.txt") == report
    assert [hosts.get(name, "readonly") for name in hosts.datasets("tank/data")] == ["off", "off"]
    assert hosts.holds("offsite/data") == {"tuesday": {"offsite:target"}}
    typed(goes_on)
    assert hosts.snapshots("offsite/data") == ["monday", "tuesday", "after"]

    typed(away)
    Path("/srv/data/new.txt").write_text("written on the copy")
    hosts.write("tank/data", "never-arrived.txt", 1 << 20)
    typed(back)
    assert hosts.read("tank/data", "new.txt")
    typed(forth)
    assert hosts.guids("tank/data") == hosts.guids("offsite/data")
    assert hosts.holds("tank/data") == {"worked": {"offsite"}}
    assert hosts.holds("offsite/data") == {"worked": {"offsite:target"}}


def test_chains_and_retiring(hosts: World) -> None:
    first, second, direct = blocks("chains.md")
    typed(first)
    typed(second)
    assert hosts.guids("offsite/vault/data") == hosts.guids("tank/data")
    hosts.snapshot("tank/data@wednesday", recursive=True)
    typed(direct)
    assert hosts.guids("offsite/vault/data") == hosts.guids("tank/data")

    hosts.replicate_from("tank/data", "offsite/data", host="localhost", tag="offsite")
    release, destroy, other, unknown, part = blocks("retiring.md")
    zfs("hold", "offsite", "tank/data@monday")
    typed(other)
    assert "offsite" in hosts.holds("tank/data")["monday"]
    typed(unknown)
    holds = hosts.holds("tank/data")
    assert [name for name, tags in holds.items() if "offsite" in tags] == ["wednesday"]
    assert "tank/data/web@wednesday: held by offsite" in typed(part)
    typed(release)
    assert "offsite" not in {tag for tags in hosts.holds("tank/data").values() for tag in tags}
    hosts.program("release", "-h", "backup", "-r", "offsite/data", "-t", "hop2", "--yes")
    hosts.program("release", "--target", "-l", "offsite/data", "-t", "hop1", "--yes")
    typed(destroy)
    assert not hosts.exists("offsite/data")
    assert hosts.exists("offsite/vault/data")
