"""Of several mirrors with one tag, each printed release command lets one go, and takes nothing that another needs."""

from __future__ import annotations

import copy
import itertools
import random
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.shared_tag import SOURCE, TARGETS, Site, printed_commands
from tests.support.simulator.faults import At

MOMENTS: tuple[At, ...] = ("before", "after")


def held(site: Site, dataset: str = SOURCE) -> dict[str, set[str]]:
    """Return the tags by snapshot, without claims."""
    by_name = {
        name: {tag for tag in tags if not tag.endswith(".new")} for name, tags in site.world.holds(dataset).items()
    }
    return {name: tags for name, tags in by_name.items() if tags}


def let_go(site: Site, living: str, gone: set[str]) -> None:
    """Run what a living mirror prints of the ones that are gone, as their administrator would."""
    tags = {site.tag_of(target) for target in gone}
    for command in printed_commands(site.attempt(living, "-n")):
        match = re.search(r" -t (\S+) ", command)
        if match is not None and match[1] in {*tags, "mirror"}:
            assert site.paste(command) == 0


def mixed(user: str) -> Site:
    """The first mirror has the plain tag on the root, the second on a child that it saw first."""
    site = Site(user)
    site.snapshot("s0")
    site.run("one")
    site.run("two")
    site.administrator.run("zfs", "create", f"{SOURCE}/child")
    site.snapshot("s1")
    site.run("two")
    site.run("one")
    return site


@pytest.mark.parametrize("user", ["root", "pulled"])
@pytest.mark.parametrize(("living", "gone"), [("one", "two"), ("two", "one")])
def test_a_printed_command_takes_one_mirror_of_two(user: str, living: str, gone: str) -> None:
    site = mixed(user)
    let_go(site, living, {gone})
    own_tag = site.tag_of(living)
    root, child = held(site), held(site, f"{SOURCE}/child")
    assert (root, child) == (
        ({"s1": {"mirror"}}, {"s1": {own_tag}}) if living == "one" else ({"s1": {own_tag}}, {"s1": {"mirror"}})
    )
    assert list(printed_commands(site.attempt(living, "-n"))) == []
    site.snapshot("s2")
    site.retain_only_held()
    site.run(living)
    assert {name for dataset in site.datasets for name in held(site, dataset)} == {"s2"}


@pytest.mark.parametrize("user", ["root", "pulled"])
def test_the_plain_tag_means_no_mirror_where_several_share_it(user: str, capsys: pytest.CaptureFixture[str]) -> None:
    site = mixed(user)
    before = [held(site, dataset) for dataset in site.datasets]
    assert site.paste("zfs_replicate release -h source -t mirror -r tank/data") == 0
    assert [held(site, dataset) for dataset in site.datasets] == before
    printed = capsys.readouterr().out
    for target in ("one", "two"):
        tag = site.tag_of(target)
        assert f"{tag}: another mirror, which keeps its holds and bookmarks" in printed
        assert f"zfs_replicate release -h source -t {tag} -r tank/data" in printed


def act(site: Site, choose: random.Random, name: str, target: str, gone: set[str]) -> None:
    """Do one thing: on the source, with a mirror, or what a mirror prints."""
    match choose.randrange(6):
        case 0:
            site.snapshot(name)
        case 1:
            site.retain_only_held()
        case 2:
            site.administrator.run("zfs", "create", f"{SOURCE}/{name}")
        case 3:
            host, at = choose.choice(["source", "target"]), choose.choice(MOMENTS)
            site.attempt_that_dies(target, host, choose.randrange(1, 20), at)
        case 4:
            let_go(site, target, gone)
        case _:
            site.run(target)


@pytest.mark.parametrize("user", ["root", "pulled"])
@pytest.mark.parametrize("seed", range(20))
def test_random_histories_survive_every_printed_command(user: str, seed: int) -> None:
    """Up to three mirrors, children that come later, deaths of runs, retention; one mirror after another is let go."""
    choose = random.Random(seed)
    site = Site(user)
    site.snapshot("s0")
    living = choose.sample(sorted(TARGETS), 3)
    names = (f"s{number}" for number in itertools.count(1))
    gone: set[str] = set()
    while len(living) > 1:
        for _step in range(choose.randrange(4, 14)):
            act(site, choose, next(names), choose.choice(living), gone)
        gone.add(living.pop())
        let_go(site, choose.choice(living), gone)
        site.retain_only_held()
        for target in living:
            site.run(target)
    for _round in range(3):
        site.snapshot(next(names))
        site.retain_only_held()
        site.run(living[0])
        let_go(site, living[0], gone)
    newest = site.world.snapshots(SOURCE)[-1]
    for dataset in site.datasets:
        assert list(map(len, held(site, dataset).values())) == [1], dataset
        assert held(site, dataset).keys() == {newest}, dataset
    assert list(printed_commands(site.attempt(living[0], "-n"))) == []


# --- whose the plain holds are, without the right to bookmark ---


@pytest.mark.parametrize("user", ["root", "pulled"])
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("command", ["zfs list", "zfs hold", "zfs send", "zfs release"])
@pytest.mark.parametrize("nth", [1, 2])
def test_two_first_runs_at_one_moment_lose_no_base(user: str, moment: At, command: str, nth: int) -> None:
    site = Site(user)
    site.snapshot("s0")
    amid = site.amid()
    amid.happens(lambda: site.run("two"), command, nth, moment)
    site.attempt("one", source=amid)
    for number, target in enumerate(("one", "two", "two", "one", "one", "two"), 1):
        site.snapshot(f"s{number}")
        site.retain_only_held()
        site.run(target)
    assert sorted(map(len, held(site).values())) == [1, 1]


@pytest.mark.parametrize("user", ["root", "pulled"])
def test_a_first_run_releases_no_hold_that_it_did_not_place(user: str) -> None:
    """The other mirror had read the source before there was s1, and held s0 after this one had read that."""
    site = Site(user)
    site.snapshot("s0")
    has_read, goes_on = threading.Event(), threading.Event()
    hosts = [site.amid() for _mirror in range(2)]

    def wait() -> None:
        has_read.set()
        assert goes_on.wait(60)

    def let_other_end() -> None:
        goes_on.set()
        other.result(60)

    hosts[1].happens(wait, "zfs hold", 1, "before")
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(site.attempt, "two", source=hosts[1])
        assert has_read.wait(60)
        site.snapshot("s1")
        hosts[0].happens(let_other_end, "zfs hold", 1, "before")
        site.attempt("one", source=hosts[0])
    assert site.world.snapshots(TARGETS["two"]) == ["s0"]
    assert "mirror" in held(site)["s0"]
    for number, target in enumerate(("one", "one", "two", "one", "two"), 2):
        site.snapshot(f"s{number}")
        site.retain_only_held()
        site.run(target)


@pytest.mark.parametrize("user", ["root", "pulled"])
def test_the_disk_of_a_split_pool_is_another_mirror(user: str) -> None:
    """It has the copies and their holds, but another guid: zpool-split(8)."""
    site = Site(user)
    site.snapshot("s0")
    site.run("one")
    disks = [site.world.pools["off"], copy.deepcopy(site.world.pools["off"])]
    disks[1].guid = site.world.new_guid()
    for number, disk in enumerate((1, 0, 1, 0, 0, 1, 1, 0), 1):
        site.world.pools["off"] = disks[disk]
        site.snapshot(f"s{number}")
        if number > 1:
            site.retain_only_held()
        site.run("one")


@pytest.mark.parametrize("user", ["root", "pulled"])
def test_a_mirror_that_returns_takes_nothing_of_another(user: str) -> None:
    """It was let go, and another one has the plain tag since: its copy and the hold on that show nothing any more."""
    site = Site(user)
    site.snapshot("s0")
    site.run("one")
    assert site.paste("zfs_replicate release -h source -t mirror -r tank/data") == 0
    assert held(site) == {}
    for number, target in enumerate(("two", "one", "one", "two", "one"), 1):
        if number > 1:
            site.snapshot(f"s{number}")
        site.retain_only_held()
        site.run(target)
