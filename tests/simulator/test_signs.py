"""What a mirror holds on the source is shown there to be its own: neither runs nor commands of others take it."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Callable
from functools import partial

import pytest

from tests.support.shared_tag import SOURCE, Site, printed_commands
from tests.support.simulator import Crash
from tests.support.simulator.faults import Call, CrashClient, Fail
from zfs_replicate.errors import ReplicateError

WEB, MOVED = f"{SOURCE}/web", "tank/old/web"
COPY_OF_WEB = "vault/web"


@pytest.fixture(params=["root", "pulled"])
def site(request: pytest.FixtureRequest) -> Site:
    """A source with one snapshot; the user `pulled` may not make bookmarks."""
    site = Site(request.param)
    site.snapshot("s0")
    return site


def forget(site: Site) -> None:
    """Lose all that the mirrors have on the source, as a source does that is restored from a copy."""
    for name, tags in site.world.holds(SOURCE).items():
        for tag in tags:
            site.administrator.run("zfs", "release", tag, f"{SOURCE}@{name}")
    site.world.dataset(SOURCE).bookmarks.clear()


def go_on(site: Site, *targets: str) -> None:
    """Let all mirrors run for some days, each after a retention that destroys what is not held."""
    for name in ("later", "still later"):
        site.snapshot(name)
        for target in targets:
            site.retain_only_held()
            site.run(target)


def mirror_both(site: Site) -> None:
    site.run("one")
    site.run("two")


# --- runs ---


def test_a_mirror_that_holds_again_shows_itself(site: Site) -> None:
    mirror_both(site)
    forget(site)
    site.snapshot("s1")
    site.world.faults.arm(Fail("cannot send: I/O error\n"), "zfs send", host="source")
    assert site.attempt("one").outcomes[0].error is not None
    site.run("two")
    go_on(site, "one", "two")


def test_a_mirror_that_holds_again_is_seen_amid_its_run(site: Site) -> None:
    mirror_both(site)
    forget(site)
    site.snapshot("s1")

    def amid() -> None:
        go_on(site, "two")
        site.retain_only_held()

    source = site.amid()
    source.happens(amid, "zfs send", 1, "after")
    site.attempt("one", source=source)
    site.retain_only_held()
    site.run("one")
    site.run("two")


def test_a_mirror_in_conflict_shows_itself(site: Site) -> None:
    mirror_both(site)
    forget(site)
    site.snapshot("s1")
    site.world.write("off/data", 50_000_000)
    assert site.attempt("one").outcomes[0].plan.conflict
    site.run("two")
    assert not any("--unknown" in command for command in printed_commands(site.attempt("two", "-n")))
    site.snapshot("s2")
    site.retain_only_held()
    site.run("one", "--rollback")
    go_on(site, "two", "one")


def test_mirrors_in_conflict_at_one_moment_share_no_hold(site: Site) -> None:
    mirror_both(site)
    forget(site)
    site.snapshot("s1")
    for copy in ("off/data", "vault/data"):
        site.world.write(copy, 50_000_000)
    source = site.amid()
    source.happens(lambda: site.attempt("two"), "zfs hold", 1, "before")
    site.attempt("one", source=source)
    for name, target in (("s2", "one"), ("s3", "two")):
        site.run(target, "--rollback")
        site.snapshot(name)
        site.retain_only_held()
    go_on(site, "one", "two")


@pytest.mark.parametrize("first", ["one", "two"])
def test_a_mirror_that_reads_while_another_runs_keeps_its_tag(site: Site, first: str) -> None:
    """There are more holds than it has listed: both are read once more."""
    mirror_both(site)
    site.snapshot("s1")
    source = site.amid()
    source.happens(lambda: site.run("two" if first == "one" else "one"), "zfs list", 1, "after")
    site.attempt(first, source=source)
    go_on(site, "one", "two")
    tags = site.world.holds(SOURCE)["still later"]
    assert {tag for tag in tags if not tag.endswith(".new")} == {"mirror", site.tag_of("two")}
    assert site.world.holds(SOURCE).keys() == {"still later"}


# --- release ---


def paste_all(site: Site, attempt: Callable[[], list[str]]) -> list[str]:
    """Paste each command that a plan prints, one at a time, until none is printed; return them."""
    pasted: list[str] = []
    while commands := [command for command in attempt() if command not in pasted]:
        assert site.paste(commands[0]) == 0
        pasted.append(commands[0])
    return pasted


def leftovers(site: Site) -> list[str]:
    plan = site.attempt("one", "-n").plan
    assert plan is not None
    return [leftover.command for leftover in plan.leftovers]


@pytest.mark.parametrize("nth", range(1, 6))
def test_a_release_that_was_cut_turns_no_command_against_others(site: Site, nth: int) -> None:
    mirror_both(site)
    site.world.faults.arm(CrashClient(), lambda _command: True, host="source", nth=nth, at="after")
    with contextlib.suppress(Crash):
        site.paste(f"zfs_replicate release -h source -t {site.tag_of('two')} -r {SOURCE}")
    site.world.faults.restart()
    site.source.reconnect()
    paste_all(site, lambda: list(printed_commands(site.attempt("one", "-n"))))
    go_on(site, "one")
    assert len(site.world.holds(SOURCE)) == 1


def test_a_release_for_a_target_takes_only_its_own_twice(site: Site) -> None:
    mirror_both(site)
    for _time in range(2):
        assert site.paste(f"zfs_replicate release -h source -t mirror -r {SOURCE} -l vault/data") == 0
    assert "mirror" in site.world.holds(SOURCE)["s0"]
    site.run("two")
    go_on(site, "two", "one")


def test_a_release_waits_for_holds_that_were_not_read(site: Site) -> None:
    mirror_both(site)
    before = site.world.holds(SOURCE)
    for nth, (old, new) in enumerate((("s0", "r0"), ("r0", "q0")), 1):
        rename = partial(site.administrator.run, "zfs", "rename", f"{SOURCE}@{old}", f"{SOURCE}@{new}")
        site.world.faults.arm(Call(rename), "zfs holds", host="source", nth=nth)
    with pytest.raises(ReplicateError, match="nothing was released"):
        site.paste(f"zfs_replicate release -h source -t mirror -r {SOURCE}")
    assert site.world.holds(SOURCE) == {"q0": before["s0"]}


@pytest.mark.parametrize("first", ["one", "two"])
def test_a_moved_dataset_is_let_go_by_one_mirror_of_two(site: Site, first: str) -> None:
    """The other one has followed it. Whichever saw it first has the plain tag there."""
    site.administrator.run("zfs", "create", WEB)
    site.administrator.run("zfs", "create", "tank/old")
    site.administrator.run("zfs", "allow", "pulled", "send,hold,release", "tank/old")
    site.snapshot("s1")
    runs = [partial(site.run, "one"), partial(site.run, COPY_OF_WEB, root=WEB)]
    for run in runs if first == "one" else reversed(runs):
        run()
    site.administrator.run("zfs", "rename", WEB, MOVED)
    site.run(COPY_OF_WEB, root=MOVED)
    pasted = paste_all(site, lambda: leftovers(site))
    assert [shlex.split(command)[-1] for command in pasted] == [MOVED, "off/data/web"]
    assert [{tag for tag in tags if not tag.endswith(".new")} for tags in site.world.holds(MOVED).values()] == [
        {site.tag_of(COPY_OF_WEB, MOVED) if first == "one" else "mirror"}
    ]


def test_an_older_hold_above_what_another_mirrors_goes_alone(site: Site) -> None:
    """Nothing shows whose it is, and below it another mirror is alone."""
    site.administrator.run("zfs", "create", WEB)
    site.snapshot("s1")
    site.run("two")
    for name, tags in site.world.holds(WEB).items():
        for tag in tags - {"mirror"}:
            site.administrator.run("zfs", "release", tag, f"{WEB}@{name}")
    site.world.dataset(WEB).bookmarks.clear()
    below = f"{WEB}/new"
    site.administrator.run("zfs", "create", below)
    site.snapshot("s2")
    site.run("two", "-x", "web")
    site.run("off/new", root=below)
    before = site.world.holds(below)
    plan = site.attempt("two", "-n", "-x", "web").plan
    assert plan is not None
    for leftover in plan.leftovers:
        assert site.paste(leftover.command) == 0
    assert site.world.holds(below) == before
    assert site.world.holds(WEB) == {}
