"""A mirror whose target is full goes on by itself, and loses nothing before its time."""

from __future__ import annotations

import pytest

from tests.support.simulated import Mirror, request_of
from tests.support.simulator.faults import Fail
from tests.support.simulator.world import RECORD_SIZE
from zfs_replicate.actions import mirror as action
from zfs_replicate.errors import OutOfSpace
from zfs_replicate.model import SECONDS_PER_DAY
from zfs_replicate.plans import Attempt

LARGE = 8 * RECORD_SIZE
DAYS = ("-k", "30")


@pytest.fixture
def mirror() -> Mirror:
    """off/data/a has @one, which is overdue, and @two; the data of one is deleted before the next is taken."""
    mirror = Mirror()
    for name, days in (("one", 20), ("two", 20)):
        replace_data(mirror, name)
        mirror.run_well()
        mirror.world.now += days * SECONDS_PER_DAY
    replace_data(mirror, "three")
    return mirror


def replace_data(mirror: Mirror, name: str) -> None:
    mirror.world.delete("tank/data/a")
    mirror.world.write("tank/data/a", LARGE)
    mirror.source.run("zfs", "snapshot", "-r", f"tank/data@{name}")


def limit(mirror: Mirror, dataset: str, room: int) -> None:
    """Set a quota that leaves so much room."""
    used = sum(copy.used() for copy in mirror.world.pool_of("off").tree(dataset))
    mirror.target.run("zfs", "set", f"quota={used + room}", dataset)


def attempts(mirror: Mirror, monkeypatch: pytest.MonkeyPatch, *options: str) -> list[Attempt]:
    """Run the program with its own loop around the passes, without retries."""
    passes: list[Attempt] = []
    monkeypatch.setattr(action, "locked", lambda _root: Held())
    monkeypatch.setattr(action, "one_pass", lambda _request: mirror.run(*options))
    action._make_attempts(request_of((*options, "--retries", "0")), passes)
    return passes


class Held:
    def __enter__(self) -> None: ...
    def __exit__(self, *_error: object) -> None: ...


@pytest.mark.parametrize("dataset", ["off/data/a", "off/data", "off"])
def test_an_overdue_snapshot_makes_room_before_the_stream(mirror: Mirror, dataset: str) -> None:
    limit(mirror, dataset, LARGE // 2)
    mirror.run_well(*DAYS)
    assert mirror.world.snapshots("off/data/a") == ["two", "three"]
    assert mirror.world.content("off/data/a@three") == mirror.world.content("tank/data/a@three")
    assert mirror.world.holds("off/data/a") == {"three": {"mirror:target"}}


def test_the_pool_itself_can_be_full(mirror: Mirror) -> None:
    pool = mirror.world.pool_of("off")
    pool.capacity = sum(dataset.used() for dataset in pool.datasets.values()) + LARGE // 2
    mirror.run_well(*DAYS)
    assert mirror.world.snapshots("off/data/a") == ["two", "three"]


def test_a_wrong_estimate_costs_a_second_pass_in_the_same_run(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror.world.faults.arm(Fail("cannot receive incremental stream: out of space"), "zfs receive")
    first, second = attempts(mirror, monkeypatch, *DAYS)
    assert [type(outcome.error) for outcome in first.outcomes if outcome.error] == [OutOfSpace]
    assert [outcome.error for outcome in second.outcomes] == [None] * 3
    assert mirror.world.snapshots("off/data/a") == ["two", "three"]


def test_a_mirror_that_can_never_fit_keeps_everything(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror.world.write("tank/data/a", 10 * LARGE)
    mirror.source.run("zfs", "snapshot", "tank/data/a@four")
    limit(mirror, "off/data/a", 1)
    for _day in range(100):
        mirror.world.now += SECONDS_PER_DAY
        mirror.source.run("zfs", "snapshot", "-r", f"tank/data@{_day}")
        attempts(mirror, monkeypatch, *DAYS)
    assert mirror.world.snapshots("off/data/a") == ["one", "two"]
