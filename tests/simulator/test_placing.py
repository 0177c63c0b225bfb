"""A placeholder that no stream can fill gets its copy all the same, and what lies below it is not sent again."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest

from tests.support.placing import (
    COPY,
    PLACE,
    assert_in_place,
    encrypted,
    full_sends,
    guids,
    vault,
    with_placeholder,
    without_renames,
)
from tests.support.simulated import Mirror
from tests.support.simulator import Crash
from tests.support.simulator.faults import Call, CrashClient, Die, Fail
from zfs_replicate.errors import PermissionDenied, ReplicateError
from zfs_replicate.steps import Resume


@pytest.fixture(params=[encrypted, vault])
def mirror(request: pytest.FixtureRequest) -> Mirror:
    return with_placeholder(request.param)


def test_a_copy_takes_the_place_of_a_placeholder(mirror: Mirror) -> None:
    outcomes = mirror.run_well()
    assert_in_place(mirror)
    assert full_sends(outcomes) == ["tank/data@two"]
    mirror.snapshot("three")
    mirror.run_well()
    assert mirror.is_mirrored()


@pytest.mark.parametrize("at", ["before", "after"])
@pytest.mark.parametrize(
    ("command", "nth"),
    [("zfs receive", 1), *(("zfs rename", nth) for nth in (1, 2, 3)), ("zfs destroy", 1), ("zfs hold", 1)],
)
def test_a_crash_at_any_command_is_made_good(mirror: Mirror, command: str, nth: int, at: str) -> None:
    mirror.world.faults.arm(CrashClient(), command, host="target", nth=nth, at=at)  # type: ignore[arg-type]
    with contextlib.suppress(Crash):
        mirror.run()
    mirror.world.faults.restart()
    outcomes = mirror.run_well()
    assert_in_place(mirror)
    if (command, at) != ("zfs receive", "before"):
        assert full_sends(outcomes) == []


@pytest.mark.parametrize("prepare", [encrypted, vault])
def test_a_cut_stream_is_resumed_beside_the_placeholder(prepare: Callable[[Mirror], None]) -> None:
    mirror = with_placeholder(prepare, size=4 * 131_072)
    receives = ("zfs", "receive", "-s")
    mirror.world.faults.arm(Die(), lambda command: (*command[:3], command[-1]) == (*receives, COPY), at=300_000)
    mirror.run()
    assert mirror.world.dataset(COPY).is_unfinished
    outcomes = mirror.run_well()
    assert any(isinstance(done.step, Resume) for outcome in outcomes for done in outcome.done)
    assert_in_place(mirror)


def test_data_that_the_placeholder_gets_meanwhile_is_kept(mirror: Mirror) -> None:
    """Its copy has arrived then; once it is empty again, the copy takes its place."""
    mirror.world.faults.arm(Call(lambda: mirror.world.write(PLACE, 65_536)), "zfs receive", host="target", nth=1)
    for _time in range(2):
        errors = {outcome.plan.target: outcome.error for outcome in mirror.run().outcomes}
        assert "data has been written to it since" in str(errors[PLACE])
        assert mirror.world.content(PLACE)
        assert errors[f"{PLACE}/a"] is None
    mirror.world.delete(PLACE)
    assert full_sends(mirror.run_well()) == []
    assert_in_place(mirror)


def test_another_mirror_waits_for_its_copy_to_come_back(mirror: Mirror) -> None:
    """A mirror of its own into what was about to move."""
    own = ("-r", "tank/data/a", "-l", f"{PLACE}/a")
    mirror.world.faults.arm(CrashClient(), "zfs destroy", host="target")
    with contextlib.suppress(Crash):
        mirror.run()
    mirror.world.faults.restart()
    with pytest.raises(ReplicateError, match="run that mirror first"):
        mirror.run(*own)
    mirror.run_well()
    mirror.run_well(*own)
    assert_in_place(mirror)


@pytest.mark.parametrize("options", [(), ("-j", "4"), ("-x", "a"), ("-k", "30")])
def test_whatever_is_below_moves_along(mirror: Mirror, options: tuple[str, ...]) -> None:
    """Also a copy that is not mirrored any more, and one that somebody else has made."""
    mirror.target.run("zfs", "create", f"{PLACE}/theirs")
    mirror.run_well(*options)
    assert f"{PLACE}/theirs" in mirror.world.pools["off"].datasets
    assert guids(mirror, f"{PLACE}/a")[:1] == guids(mirror, "tank/data/a")[:1]
    mirror.run_well()
    assert_in_place(mirror)


def test_a_user_without_the_right_to_rename_mirrors_the_rest(mirror: Mirror) -> None:
    mirror.target = without_renames(mirror)
    for _time in range(2):
        errors = {outcome.plan.target: outcome.error for outcome in mirror.run().outcomes}
        assert isinstance(errors.pop(PLACE), PermissionDenied)
        assert set(errors.values()) == {None}
        assert mirror.world.snapshots(f"{PLACE}/a") == ["one", "two"]
    assert mirror.world.holds(COPY) == {"two": {"mirror:target"}}
    mirror.world.dataset("off").allowed["puller"].add("rename")
    assert full_sends(mirror.run_well()) == []
    assert_in_place(mirror)


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_copies_that_did_not_get_to_their_place_wait(mirror: Mirror, nth: int) -> None:
    """A rename fails: what has moved waits for the next run, what has not is mirrored."""
    mirror.snapshot("three")
    mirror.world.faults.arm(Fail("dataset is busy"), "zfs rename", host="target", nth=nth)
    errors = {outcome.plan.target: outcome.error for outcome in mirror.run().outcomes}
    assert "dataset is busy" in str(errors[PLACE])
    for place, name in enumerate(("a", "b"), 1):
        error = errors[f"{PLACE}/{name}"]
        assert (error is None) is (place >= nth), error
        assert error is None or f"its parent {PLACE} failed" in str(error)
    mirror.run_well()
    assert mirror.is_mirrored()
    assert COPY not in mirror.world.pools["off"].datasets


@pytest.mark.parametrize("prepare", [encrypted, vault])
@pytest.mark.parametrize("at", ["before", "after"])
@pytest.mark.parametrize("nth", range(10))
def test_placeholders_within_one_another(prepare: Callable[[Mirror], None], nth: int, at: str) -> None:
    """Both get their copies in one run, or in the next one if it dies at some command; 0: it does not die."""
    mirror = Mirror()
    prepare(mirror)
    mirror.source.run("zfs", "create", "tank/data/a/deep")
    for name in ("tank/data/a/deep@one", "tank/data/b@one"):
        mirror.source.run("zfs", "snapshot", name)
    mirror.run_well()
    deep = guids(mirror, "off/data/a/deep")
    mirror.snapshot("two")
    if nth:
        changing = ("rename", "destroy", "create", "receive")
        mirror.world.faults.arm(
            CrashClient(),
            lambda command: command[1] in changing,
            host="target",
            nth=nth,
            at=at,  # type: ignore[arg-type]
        )
    with contextlib.suppress(Crash):
        mirror.run()
    mirror.world.faults.restart()
    mirror.run_well()
    assert mirror.is_mirrored()
    assert guids(mirror, "off/data/a/deep")[:1] == deep
    assert not any("zfs_replicate" in name for name in mirror.world.pools["off"].datasets)


def test_placeholders_of_an_encrypted_target_below_a_raw_copy() -> None:
    """zfs does not move them away from the key of the target, so others are made."""
    mirror = Mirror()
    encrypted(mirror)
    vault(mirror)
    mirror.source.run("zfs", "destroy", "tank/data/b")
    mirror.source.run("zfs", "create", "tank/data/b")
    mirror.source.run("zfs", "create", "tank/data/a/deep")
    mirror.source.run("zfs", "snapshot", "tank/data/a/deep@one")
    for nth in range(1, 12):
        mirror.world.faults.arm(
            CrashClient(), lambda command: command[1] in ("rename", "destroy", "create"), host="target", nth=nth
        )
        with contextlib.suppress(Crash):
            mirror.run()
        mirror.world.faults.restart()
        if nth == 1:
            mirror.run_well()
            mirror.snapshot("two")
    mirror.run_well()
    assert mirror.is_mirrored()
    assert mirror.world.snapshots("off/data/a/deep") == ["one", "two"]
    assert not any("zfs_replicate" in name for name in mirror.world.pools["off"].datasets)
