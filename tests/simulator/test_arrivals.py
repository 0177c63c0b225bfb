"""Cut streams of many snapshots at every place, let the source prune all that it can, and mirror on."""

from __future__ import annotations

import contextlib

import pytest

from tests.support.simulated import Mirror
from tests.support.simulator import Crash
from tests.support.simulator.faults import Action, CrashClient, Die, Fail, HangUp, Signal
from zfs_replicate.signals import Interrupted

RECORD = 131_072
DATASETS = ("tank/data", "tank/data/a", "tank/data/b")


@pytest.fixture
def mirror() -> Mirror:
    """Both sides have `b`; the source has `c`, `d` and `e` besides."""
    mirror = Mirror()
    mirror.snapshot("b")
    mirror.run_well()
    for name in "cde":
        mirror.snapshot(name, 3 * RECORD)
    return mirror


def prune_source(mirror: Mirror) -> None:
    """Destroy all but the newest snapshot of each dataset, as far as nothing holds them."""
    for dataset in DATASETS:
        for name in mirror.world.snapshots(dataset)[:-1]:
            if not mirror.world.holds(dataset).get(name):
                mirror.source.run("zfs", "destroy", f"{dataset}@{name}")


def arrived(mirror: Mirror) -> dict[str, str]:
    """Return the newest snapshot of each copy by the name of its source."""
    return {name: mirror.world.snapshots(name.replace("tank", "off"))[-1] for name in DATASETS}


def assert_held(mirror: Mirror) -> None:
    for dataset, name in arrived(mirror).items():
        assert "mirror" in mirror.world.holds(dataset)[name]
        assert "mirror:target" in mirror.world.holds(dataset.replace("tank", "off"))[name]


def assert_current(mirror: Mirror) -> None:
    """Check that each copy has the newest snapshot, and that each side holds that one and no other."""
    assert set(arrived(mirror).values()) == {"e"}
    for dataset in DATASETS:
        assert mirror.world.holds(dataset) == {"e": {"mirror"}}
        assert mirror.world.holds(dataset.replace("tank", "off")) == {"e": {"mirror:target"}}


def cut(mirror: Mirror, action: Action, host: str, at: int) -> None:
    """Cut the first stream after so many bytes."""
    mirror.world.faults.arm(action, "zfs receive" if host == "target" else "zfs send", host=host, at=at)
    with contextlib.suppress(Interrupted):
        assert any(outcome.error for outcome in mirror.run().outcomes)


@pytest.mark.parametrize(("action", "host"), [(Die(), "source"), (Die(), "target"), (Signal(), "source")])
@pytest.mark.parametrize("records", [1, 4, 7])
def test_a_cut_stream_leaves_its_arrivals_held(mirror: Mirror, action: Action, host: str, records: int) -> None:
    cut(mirror, action, host, records * RECORD)
    assert_held(mirror)
    assert {"bcd"[records // 3]} <= set(arrived(mirror).values())
    prune_source(mirror)
    mirror.run_well()
    assert_current(mirror)


def test_a_full_target_leaves_its_arrivals_held(mirror: Mirror) -> None:
    room = mirror.world.dataset("off/data").used() + 5 * RECORD
    mirror.target.run("zfs", "set", f"quota={room}", "off/data")
    assert any(outcome.error for outcome in mirror.run().outcomes)
    assert arrived(mirror)["tank/data"] == "c"
    assert_held(mirror)
    prune_source(mirror)
    mirror.target.run("zfs", "set", "quota=0", "off/data")
    mirror.run_well()
    assert_current(mirror)


@pytest.mark.parametrize("action", [HangUp(), CrashClient()])
def test_the_next_run_holds_arrivals_before_it_sends(mirror: Mirror, action: Action) -> None:
    mirror.world.faults.arm(action, "zfs send", host="source", at=4 * RECORD)
    with contextlib.suppress(Crash):
        mirror.run()
    mirror.world.faults.restart()
    mirror.source.reconnect()
    assert arrived(mirror)["tank/data"] == "c"
    mirror.world.faults.arm(Fail("cannot receive: out of space\n"), lambda c: c[:2] == ("zfs", "receive"), nth=1)
    mirror.run()
    assert_held(mirror)


@pytest.mark.parametrize("host", ["source", "target"])
@pytest.mark.parametrize("at", ["before", "after"])
def test_a_signal_at_any_command_loses_nothing(host: str, at: str) -> None:
    """The end of the loop: the signal would have come after the last command."""
    for nth in range(1, 60):
        mirror = Mirror()
        mirror.snapshot("b")
        mirror.run_well()
        for name in "cde":
            mirror.snapshot(name, 3 * RECORD)
        fault = mirror.world.faults.arm(Signal(), lambda _command: True, host=host, nth=nth, at=at)  # type: ignore[arg-type]
        try:
            mirror.run()
        except Interrupted:
            assert_held(mirror)
            prune_source(mirror)
            mirror.world.faults.restart()
        else:
            assert not fault.has_fired
            break
        mirror.run_well()
        assert_current(mirror)
    else:
        raise AssertionError("the run has more commands than were tried")
