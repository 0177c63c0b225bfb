"""Test bad input: a clear error, the documented exit status, and no change."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.lab.servers import KNOWN_HOSTS, sshd, trust
from tests.support.lab.world import PROGRAM, World, run, zfs

WAITING_PORT = 2218

GOOD = {"-h": "127.0.0.1", "-r": "tank/data", "-l": "offsite/data", "-t": "mirror"}


def arguments(**changes: str) -> list[str]:
    options = {**GOOD, **{f"-{letter}": value for letter, value in changes.items()}}
    return [word for pair in options.items() for word in pair]


USAGE_ERRORS = {
    "a snapshot as the source": (arguments(r="tank/data@one"), "is the name of a snapshot or bookmark"),
    "a snapshot as the target": (arguments(l="offsite/data@one"), "is the name of a snapshot or bookmark"),
    "a character that ZFS does not allow": (arguments(r="tank/da%ta"), "that ZFS does not allow"),
    "a quote in the name": (arguments(r="tank/da'ta"), "that ZFS does not allow"),
    "an empty component": (arguments(l="offsite//data"), "empty component"),
    "a tag with a dot in front": (arguments(t=".mirror"), "must not begin with a dot"),
    "a tag that is an option": (arguments(t="-r"), "must not begin with a dot or a dash"),
    "a tag that is too long": (arguments(t="x" * 249), "bytes long"),
    "negative days": (arguments(k="-1"), "whole number"),
    "days that are not a number": (arguments(k="month"), "whole number"),
    "a port out of range": (arguments(p="70000"), "whole number"),
    "no jobs": (arguments(j="0"), "whole number"),
    "a buffer that is not a size": (arguments(b="lots"), "must be a size"),
    "a key file that does not exist": (arguments(i="/nonexistent/key"), "no such file"),
    "a host that is an option": (arguments(h="-oProxyCommand=x"), "is not a host name"),
    "a target name that is too long": (arguments(l="offsite/" + "x" * 250), "bytes long"),
    "the same dataset on localhost": (arguments(h="localhost", l="tank/data"), "overlaps"),
    "a target within the source on localhost": (arguments(h="localhost", l="tank/data/copy"), "overlaps"),
    "an unknown option": ([*arguments(), "--force"], "unknown option --force"),
    "nothing at all": ([], "are required"),
}


@pytest.mark.parametrize(("words", "expected"), USAGE_ERRORS.values(), ids=USAGE_ERRORS.keys())
def test_usage_error(world: World, words: Sequence[str], expected: str) -> None:
    before = world.everything()
    done = world.program(*words, expect=2)
    assert expected in done.stderr
    assert "Usage:" in done.stderr
    assert done.stdout == ""
    assert world.everything() == before


def failure(world: World, expect: int, **changes: str) -> str:
    before = world.everything()
    done = world.program(*arguments(**changes), expect=expect)
    assert world.everything() == before
    assert done.stdout == ""
    return done.stderr


def test_overlap_through_ssh_is_found_by_the_pool(world: World) -> None:
    world.snapshot("tank/data@one")
    assert "overlap" in failure(world, 2, l="tank/data/copy")


def test_no_such_source_dataset(world: World) -> None:
    assert "tank/nope on 127.0.0.1: there is no such dataset" in failure(world, 1, r="tank/nope")


def test_no_such_source_pool(world: World) -> None:
    assert "nopool on 127.0.0.1" in failure(world, 1, r="nopool/data")


def test_no_such_target_pool(world: World) -> None:
    world.snapshot("tank/data@one")
    assert "nopool on localhost: cannot read the pool's properties: there is no such pool" in failure(
        world, 1, l="nopool/x"
    )


def test_source_without_any_snapshot(world: World) -> None:
    assert "zfs snapshot -r tank/data@NAME" in failure(world, 1)


def test_child_whose_target_name_would_be_too_long_fails_alone(world: World) -> None:
    long_child = "tank/data/" + "x" * 200
    zfs("create", long_child)
    world.snapshot("tank/data@one", recursive=True)
    target = "offsite/" + "y" * 60
    done = world.replicate_from("tank/data", target, expect=1)
    assert "bytes long" in done.stderr
    assert world.snapshots(target) == ["one"]


def test_a_failure_is_one_paragraph(world: World) -> None:
    done = world.program(*arguments(r="tank/nope"), expect=1)
    assert len(done.stderr.strip().splitlines()) == 1


def test_help_is_help_alone(world: World) -> None:
    assert "Usage:" in world.program("--help").stdout
    assert world.program("--version").stdout.startswith("zfs_replicate ")
    world.program("-h", expect=2)


def test_second_run_on_the_same_tree_exits_0_and_changes_nothing(world: World, tmp_path: Path) -> None:
    world.snapshot("tank/data@one")
    wait = f'case "$SSH_ORIGINAL_COMMAND" in *" zfs send "*) while [ ! -e {tmp_path}/go ]; do sleep 0.1; done;; esac'
    with sshd(tmp_path, WAITING_PORT, wrapper=f'{wait}\nexec sh -c "$SSH_ORIGINAL_COMMAND"'):
        trust(WAITING_PORT, KNOWN_HOSTS)
        with world.start("-v", "-p", str(WAITING_PORT)) as first:
            assert first.stderr is not None
            next(line for line in first.stderr if "→" in line)
            for target in ("offsite/data", "offsite/data/below"):
                done = world.replicate_from("tank/data", target)
                assert (done.stdout, done.stderr) == ("", "")
            done = world.replicate("-v")
            assert "another run is already working" in done.stderr
            assert not world.exists("offsite/data@one")
            (tmp_path / "go").touch()
            first.communicate()
    assert first.returncode == 0
    assert world.snapshots("offsite/data") == ["one"]


def test_second_run_on_another_tree_goes_ahead(world: World) -> None:
    world.snapshot("tank/data@one")
    with_lock = "flock -s /run/zfs_replicate/*.lock true; ls /run/zfs_replicate"
    world.replicate()
    assert run("sh", "-c", with_lock).stdout
    world.replicate_from("tank/data", "offsite/other")
    assert world.snapshots("offsite/other") == ["one"]


def test_a_run_with_closed_standard_streams_mirrors(world: World) -> None:
    world.snapshot("tank/data@one")
    words = f"{sys.executable} {PROGRAM} -h 127.0.0.1 -r tank/data -l offsite/data -t mirror"
    run("sh", "-c", f"exec {words} <&- >&- 2>&-")
    assert world.guids("offsite/data") == world.guids("tank/data")
    status = f"{sys.executable} {PROGRAM} status -l offsite/data -t mirror"
    assert run("sh", "-c", f"exec {status} 2>&-").stdout.startswith("ZFS_REPLICATE OK")
    run("sh", "-c", f"exec {status} <&- >&- 2>&-")
