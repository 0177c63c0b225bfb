"""A placeholder that no stream can fill gets its copy all the same, and what lies below it is not sent again."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest

from tests.support.simulated import Mirror
from tests.support.simulator import Crash, SimulatedHost
from tests.support.simulator.faults import Call, CrashClient, Die, Fail
from zfs_replicate.errors import PermissionDenied, ReplicateError
from zfs_replicate.model import PLACEHOLDER_PROPERTY
from zfs_replicate.plans import Outcome
from zfs_replicate.steps import Resume, Send

PLACE, COPY = "off/data", "off/data.zfs_replicate"


def encrypted(mirror: Mirror) -> None:
    """The source is encrypted, and arrives raw, but for one dataset below."""
    for name in ("tank/data/b", "tank/data/a", "tank/data"):
        mirror.source.run("zfs", "destroy", name)
    mirror.source.run("zfs", "create", "-o", "encryption=on", "tank/data")
    mirror.source.run("zfs", "create", "tank/data/a")
    mirror.source.run("zfs", "create", "-V", "8M", "-o", "encryption=off", "tank/data/b")


def vault(mirror: Mirror) -> None:
    """The target encrypts what arrives in plain."""
    pool = mirror.world.dataset("off")
    pool.key, pool.is_encryption_root = mirror.world.new_guid(), True


def with_placeholder(prepare: Callable[[Mirror], None], size: int = 4096) -> Mirror:
    """A mirror whose off/data is a placeholder, while the source has a snapshot of it now."""
    mirror = Mirror()
    prepare(mirror)
    mirror.source.run("zfs", "snapshot", "tank/data/a@one", "tank/data/b@one")
    mirror.run_well()
    mirror.snapshot("two", size)
    return mirror


@pytest.fixture(params=[encrypted, vault])
def mirror(request: pytest.FixtureRequest) -> Mirror:
    return with_placeholder(request.param)


def guids(mirror: Mirror, name: str) -> list[int]:
    return [snapshot.guid for snapshot in mirror.world.dataset(name).snapshots]


def assert_in_place(mirror: Mirror) -> None:
    assert mirror.is_mirrored()
    assert COPY not in mirror.world.pools["off"].datasets
    assert mirror.world.snapshots(PLACE) == ["two"]
    for name in ("a", "b"):
        assert mirror.world.snapshots(f"{PLACE}/{name}") == ["one", "two"]
        assert guids(mirror, f"{PLACE}/{name}") == guids(mirror, f"tank/data/{name}")
        assert mirror.world.holds(f"{PLACE}/{name}") == {"two": {"mirror:target"}}
    assert mirror.world.holds(PLACE) == {"two": {"mirror:target"}}
    assert PLACEHOLDER_PROPERTY not in mirror.world.dataset(PLACE).properties


def full_sends(outcomes: tuple[Outcome, ...]) -> list[str]:
    return [
        done.step.snapshot
        for outcome in outcomes
        for done in outcome.done
        if isinstance(done.step, Send) and done.step.base is None
    ]


def without_renames(mirror: Mirror) -> SimulatedHost:
    """Return the target as a user who may not rename there."""
    rights = "receive,create,mount,readonly,canmount,hold,release,userprop,destroy"
    mirror.target.run("zfs", "allow", "puller", rights, "off")
    return SimulatedHost(mirror.world, "off", name="target", user="puller")


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


def test_a_mounted_placeholder_is_unmounted(mirror: Mirror) -> None:
    mirror.world.dataset(PLACE).is_mounted = True
    mirror.run_well()
    assert_in_place(mirror)


def test_data_written_until_the_placeholder_is_unmounted_is_kept(mirror: Mirror) -> None:
    mirror.world.dataset(PLACE).is_mounted = True
    mirror.world.faults.arm(Call(lambda: mirror.world.write(PLACE, 65_536)), "zfs unmount", host="target")
    errors = {outcome.plan.target: outcome.error for outcome in mirror.run().outcomes}
    assert "data has been written to it since" in str(errors[PLACE])
    assert mirror.world.content(PLACE)
    assert mirror.world.dataset(PLACE).is_mounted


@pytest.mark.parametrize("busy", ["", "/a"])
def test_nothing_moves_while_a_placeholder_is_in_use(mirror: Mirror, busy: str) -> None:
    mirror.world.dataset(PLACE).is_mounted = True
    mirror.world.dataset(PLACE + busy).is_mounted = mirror.world.dataset(PLACE + busy).is_in_use = True
    for name in ("two", "three"):
        errors = {outcome.plan.target: outcome.error for outcome in mirror.run().outcomes}
        assert "it is mounted and in use" in str(errors.pop(PLACE))
        assert set(errors.values()) == {None}
        for child in ("a", "b"):
            assert mirror.world.snapshots(f"{PLACE}/{child}")[-1] == name
        assert mirror.world.dataset(PLACE).is_mounted
        if name == "two":
            mirror.snapshot("three")
    mirror.world.dataset(PLACE + busy).is_in_use = False
    mirror.target.run("zfs", "unmount", PLACE)
    assert full_sends(mirror.run_well()) == []
    assert mirror.is_mirrored()


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


def test_a_copy_gets_to_its_place_without_a_common_snapshot(mirror: Mirror) -> None:
    """What has moved below the copy shows what it is, and is not sent again."""
    mirror.world.faults.arm(CrashClient(), "zfs rename", host="target", nth=3)
    with contextlib.suppress(Crash):
        mirror.run()
    mirror.world.faults.restart()
    for tag in mirror.world.holds("tank/data")["two"]:
        mirror.source.run("zfs", "release", tag, "tank/data@two")
    mirror.source.run("zfs", "destroy", "tank/data@two")
    mirror.world.write("tank/data", 4096)
    mirror.source.run("zfs", "snapshot", "-r", "tank/data@three")
    attempt = mirror.run()
    errors = {outcome.plan.target: outcome.error for outcome in attempt.outcomes}
    assert "no common snapshot is left" in str(errors.pop(PLACE))
    assert set(errors.values()) == {None}
    assert full_sends(attempt.outcomes) == []
    assert COPY not in mirror.world.pools["off"].datasets
    assert mirror.world.snapshots(PLACE) == ["two"]
    for name in ("a", "b"):
        assert mirror.world.snapshots(f"{PLACE}/{name}") == ["one", "two", "three"]


@pytest.mark.parametrize("prepare", [encrypted, vault])
@pytest.mark.parametrize("is_parent_there", [False, True])
def test_nested_copies_get_to_their_places_in_one_run(prepare: Callable[[Mirror], None], is_parent_there: bool) -> None:
    """The child's copy waits for its place; the parent's waits, too, or arrives now."""
    mirror = Mirror()
    prepare(mirror)
    mirror.source.run("zfs", "create", "tank/data/a/deep")
    mirror.source.run("zfs", "snapshot", "tank/data/a/deep@one", "tank/data/b@one")
    mirror.run_well()
    deep = guids(mirror, "off/data/a/deep")
    root, mirror.target = mirror.target, without_renames(mirror)
    mirror.source.run("zfs", "snapshot", "tank/data/a@two")
    mirror.run()
    mirror.source.run("zfs", "snapshot", "tank/data@two")
    if is_parent_there:
        mirror.run()
    names = [name for name in mirror.world.pools["off"].datasets if name.endswith(".zfs_replicate")]
    assert len(names) == 1 + is_parent_there, names
    mirror.target = root
    outcomes = mirror.run_well()
    assert full_sends(outcomes) == ([] if is_parent_there else ["tank/data@two"])
    assert guids(mirror, "off/data/a/deep") == deep
    assert not any("zfs_replicate" in name for name in mirror.world.pools["off"].datasets)
