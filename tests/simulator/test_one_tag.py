"""Two mirrors with one tag: in any order of runs, crashes and retention, neither loses its base to the other."""

from __future__ import annotations

import contextlib
import itertools
import random

import pytest

from tests.support.shared_tag import TARGETS, Site
from tests.support.simulator import Crash
from tests.support.simulator.faults import At, Call, CrashClient, Fail
from zfs_replicate.model import SECONDS_PER_DAY
from zfs_replicate.plan.identity import GRACE_DAYS

MOMENTS: tuple[At, ...] = ("before", "after")


@pytest.mark.parametrize("user", ["root", "pulled"])
@pytest.mark.parametrize("other", ["two", "beside"])
@pytest.mark.parametrize("order", list(itertools.product((0, 1), repeat=4)))
def test_mirrors_with_one_tag_go_on_in_any_order(user: str, other: str, order: tuple[int, ...]) -> None:
    site = Site(user)
    site.snapshot("s0")
    for target in ("one", other):
        site.run(target)
    for number, which in enumerate(order, 1):
        site.snapshot(f"s{number}")
        site.retain_only_held()
        site.run(("one", other)[which])
    for target in ("one", other):
        site.retain_only_held()
        site.run(target)


def test_the_second_mirror_says_so_in_its_first_run_only() -> None:
    site = Site()
    site.snapshot("s0")
    assert site.run("one").plan.warnings == ()  # type: ignore[union-attr]
    (warning,) = site.run("two").plan.warnings  # type: ignore[union-attr]
    assert "seems to use the tag mirror, too; this one holds beside it with mirror." in warning
    assert f"zfs_replicate release -h source -t {site.tag_of('one')} -r tank/data" in warning
    for target in ("one", "two"):
        plan = site.run(target).plan
        assert plan is not None
        assert plan.warnings == ()
        assert "seems to use the tag mirror, too" in plan.datasets[0].notes[0]


@pytest.mark.parametrize("user", ["root", "pulled"])
@pytest.mark.parametrize("nth", range(1, 16))
def test_a_mirror_alone_leaves_one_hold_wherever_it_dies(user: str, nth: int) -> None:
    """In its first run, or in the second; in the end it uses the plain tag, with a claim if it may not bookmark."""
    for is_first in (True, False):
        for host in ("source", "target"):
            site = Site(user)
            site.snapshot("s0")
            site.snapshot("s1")
            if not is_first:
                site.run("one")
                site.snapshot("s2")
            site.world.faults.arm(CrashClient(), lambda _command: True, host=host, nth=nth, at="after")
            with contextlib.suppress(Crash):
                site.attempt("one")
            site.world.faults.restart()
            site.source.reconnect()
            site.snapshot("s3")
            site.run("one")
            claim = {f"{site.tag_of('one')}.new"} if user == "pulled" else set()
            assert site.world.holds("tank/data") == {"s3": {"mirror"} | claim}, (is_first, host)


def test_a_first_hold_whose_snapshot_is_renamed_does_not_leak() -> None:
    """A first run died; in the next, the snapshot that it had held gets another name before its holds are read."""
    site = Site()
    site.snapshot("s0")
    site.snapshot("s1")
    site.world.faults.arm(CrashClient(), "zfs send", host="source")
    with contextlib.suppress(Crash):
        site.attempt("one")
    site.world.faults.restart()
    site.source.reconnect()
    site.snapshot("s2")
    rename = Call(lambda: site.administrator.run("zfs", "rename", "tank/data@s1", "tank/data@r1"))
    site.world.faults.arm(rename, "zfs holds", host="source")
    site.attempt("one")
    site.run("one")
    assert site.world.holds("tank/data") == {"s2": {"mirror"}}


def as_left_by_an_older_version(site: Site, targets: tuple[str, ...]) -> None:
    """Copies of one snapshot, held as before there were identities: one hold and one bookmark for all of them."""
    for target in targets:
        site.run(target)
    for tag in site.world.holds("tank/data")["s0"] - {"mirror"}:
        site.administrator.run("zfs", "release", tag, "tank/data@s0")
    bookmarks = site.world.dataset("tank/data").bookmarks
    if bookmarks:
        mark = next(iter(bookmarks.values()))
        bookmarks.clear()
        bookmarks["zfs_replicate_mirror_s0"] = mark


@pytest.mark.parametrize(("user", "is_old"), [("root", False), ("pulled", False), ("root", True)])
@pytest.mark.parametrize("seed", range(12))
def test_random_histories_of_two_mirrors_lose_no_base(user: str, is_old: bool, seed: int) -> None:
    """Runs, deaths of runs, and a source that destroys all that is not held.

    Without the right to bookmark, nothing tells holds of an older version from those of this one.
    """
    choose = random.Random(seed)
    site = Site(user)
    site.snapshot("s0")
    pair = choose.sample(sorted(TARGETS), 2)
    if is_old:
        as_left_by_an_older_version(site, (pair[0], pair[1]))
    names = (f"s{number}" for number in itertools.count(1))
    for _step in range(25):
        target = choose.choice(pair)
        match choose.randrange(4):
            case 0:
                site.snapshot(next(names))
            case 1:
                site.retain_only_held()
            case 2:
                site.run(target)
            case 3:
                host, at = choose.choice(["source", "target"]), choose.choice(MOMENTS)
                site.world.faults.arm(
                    CrashClient(), lambda _command: True, host=host, nth=choose.randrange(1, 15), at=at
                )
                with contextlib.suppress(Crash):
                    site.attempt(target)
                site.world.faults.restart()
                site.source.reconnect()
    site.world.now += GRACE_DAYS * SECONDS_PER_DAY
    for _round in range(3):
        site.snapshot(next(names))
        for target in pair:
            site.retain_only_held()
            site.run(target)
    newest = site.world.snapshots("tank/data")[-1]
    holds = site.world.holds("tank/data")
    assert len([tag for tag in holds.pop(newest) if not tag.endswith(".new")]) == 2
    assert holds == {}


def rename_while_holds_are_read(site: Site, first: str, count: int = 1) -> None:
    """Let a snapshot of the source get another name before each of the next questions for its holds."""

    def renaming(old: str, new: str) -> Call:
        return Call(lambda: site.administrator.run("zfs", "rename", f"tank/data@{old}", f"tank/data@{new}"))

    names = [first, *(f"old{number}" for number in range(count))]
    for nth, (old, new) in enumerate(itertools.pairwise(names), 1):
        site.world.faults.arm(renaming(old, new), "zfs holds", host="source", nth=nth, at="before")


@pytest.mark.parametrize(("count", "kept"), [(1, {"s1"}), (2, {"old1", "s1"})])
def test_a_hold_that_was_not_read_is_read_again(count: int, kept: set[str]) -> None:
    """A snapshot whose hold was to be released gets another name; if that happens twice, the next run releases it."""
    site = Site()
    site.snapshot("s0")
    site.run("one")
    site.snapshot("s1")
    site.world.faults.arm(Fail("cannot release: out of memory\n"), "zfs release", host="source")
    assert site.attempt("one").outcomes[0].error is not None
    rename_while_holds_are_read(site, "s0", count)
    site.run("one")
    assert site.world.holds("tank/data").keys() == kept
    site.run("one")
    assert site.world.holds("tank/data").keys() == {"s1"}
    assert site.world.holds("off/data").keys() == {"s1"}


@pytest.mark.parametrize("user", ["root", "pulled"])
@pytest.mark.parametrize("renamed", ["s0", "s1", "s2"])
@pytest.mark.parametrize("count", [1, 2])
def test_no_hold_leaks_that_was_not_read_amid_others(count: int, renamed: str, user: str) -> None:
    """Two runs that died left their holds, and one of the held snapshots gets another name while the next run reads."""
    site = Site(user)
    site.snapshot("s0")
    site.run("one")
    for name in ("s1", "s2"):
        site.snapshot(name)
        site.world.faults.arm(CrashClient(), "zfs send", host="source")
        with contextlib.suppress(Crash):
            site.attempt("one")
        site.world.faults.restart()
    assert len(site.world.holds("tank/data")) == 3
    site.snapshot("s3")
    rename_while_holds_are_read(site, renamed, count)
    site.attempt("one")
    site.run("one")
    assert site.world.holds("tank/data").keys() == {"s3"}
    assert site.world.holds("off/data").keys() == {"s3"}
