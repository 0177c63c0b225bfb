"""Two mirrors with one tag, as from a crontab line that was copied: neither loses its base to the other."""

from __future__ import annotations

import json

import pytest

from tests.support.lab.mirrors import (
    FIRST,
    PLACES,
    SHARED,
    beside,
    destroy_unheld,
    let_go,
    make_pool,
    make_vault,
    mirror,
    pool_guid,
    release,
    status,
)
from tests.support.lab.world import World, destroy_pools, paste, run, zfs
from zfs_replicate.plan.identity import GRACE_DAYS
from zfs_replicate.zfs import marks


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("host", ["127.0.0.1", "lab@127.0.0.1"])
def test_mirrors_with_one_tag_go_on_beside_each_other(vault: World, place: str, host: str) -> None:
    """The user `lab` may not make bookmarks: a claim shows whose the plain hold is."""
    second = PLACES[place]
    zfs("allow", "lab", "send,hold,release", "tank/data")
    vault.snapshot("tank/data@s0")
    assert mirror(vault, FIRST, host=host) == ""
    assert SHARED in mirror(vault, second, host=host)
    for number, target in enumerate((FIRST, second, second, FIRST, second), 1):
        vault.write("tank/data", "file")
        vault.snapshot(f"tank/data@s{number}")
        destroy_unheld(vault)
        assert mirror(vault, target, host=host) == ""
    destroy_unheld(vault)
    assert mirror(vault, FIRST, host=host) == ""
    claim = set() if host == "127.0.0.1" else {f"{beside(FIRST)}.new"}
    assert vault.holds("tank/data") == {"s5": {"mirror", beside(second)} | claim}


def test_two_disks_in_turn_go_on_beside_each_other(world: World) -> None:
    """Their pools have the same name, and one is attached at a time."""
    disks = [pool_guid("offsite")]
    world.snapshot("tank/data@s0")
    mirror(world, FIRST)
    run("zpool", "export", "offsite")
    make_pool(world, "offsite", "second.img")
    disks.append(pool_guid("offsite"))
    assert SHARED in mirror(world, FIRST)
    for number, disk in enumerate((0, 1, 0, 0, 1), 1):
        run("zpool", "export", "offsite")
        run("zpool", "import", "-N", "-d", str(world.directory), disks[disk])
        world.snapshot(f"tank/data@s{number}")
        destroy_unheld(world)
        assert mirror(world, FIRST) == ""
    assert len(world.holds("tank/data")) == 2


def test_a_shared_tag_is_shown_by_plan_and_status(vault: World) -> None:
    """And by -v; the state of the copies is no worse for it."""
    second = PLACES["another pool"]
    vault.snapshot("tank/data@one")
    mirror(vault, FIRST)
    assert SHARED in mirror(vault, second, "-n")
    assert SHARED in mirror(vault, second)
    for target, names_own in ((FIRST, False), (second, True)):
        for text in (mirror(vault, target, "-n"), mirror(vault, target, "-v"), status(vault, target)[1][0]):
            assert SHARED in text
            assert (f"this one holds beside it with {beside(second)}" in text) is names_own
        assert status(vault, target)[0] == "OK"


def test_the_second_mirror_goes_by_the_printed_command(vault: World) -> None:
    second = PLACES["another pool"]
    vault.snapshot("tank/data@one")
    mirror(vault, FIRST)
    mirror(vault, second)
    destroy_pools(("vault",))
    (problem,) = status(vault, FIRST)[1]
    assert let_go(problem).endswith(
        f"-t {marks.tag_beside('mirror', problem.partition('(')[2].partition(')')[0])} -r tank/data"
    )
    assert status(vault, FIRST) == ("OK", [])
    assert vault.holds("tank/data") == {"one": {"mirror"}}
    assert len(zfs("list", "-H", "-t", "bookmark", "-o", "name", "tank/data").splitlines()) == 1


def test_a_replaced_target_lets_the_old_one_go_by_the_command(vault: World) -> None:
    """A pool that was made anew is another mirror, until a person says that it is not."""
    target = PLACES["another pool"]
    vault.snapshot("tank/data@one")
    mirror(vault, target)
    destroy_pools(("vault",))
    (vault.directory / "vault.img").unlink()
    zfs("destroy", "offsite/second")
    make_vault(vault)
    vault.snapshot("tank/data@two")
    let_go(mirror(vault, target))
    assert vault.holds("tank/data") == {"two": {beside(target)}}
    vault.snapshot("tank/data@three")
    destroy_unheld(vault)
    assert mirror(vault, target, "-n").count(SHARED) == 0
    assert mirror(vault, target) == ""
    destroy_unheld(vault)
    assert vault.snapshots("tank/data") == ["three"]


@pytest.mark.parametrize(("days", "is_kept"), [(GRACE_DAYS - 1, True), (GRACE_DAYS, False)])
def test_holds_of_an_older_version_go_over_by_themselves(vault: World, days: int, is_kept: bool) -> None:
    """Its holds and bookmarks do not say whose they are: they stay for a while, for the other mirror."""
    second = PLACES["another pool"]
    vault.snapshot("tank/data@one", days_ago=days)
    for target in (FIRST, second):
        run("sh", "-c", f"zfs send tank/data@one | zfs receive -u {target}")
        zfs("hold", "mirror:target", f"{target}@one")
    zfs("hold", "mirror", "tank/data@one")
    zfs("bookmark", "tank/data@one", "tank/data#zfs_replicate_mirror_one")
    for number, target in enumerate((FIRST, FIRST, second, FIRST, second) if is_kept else (FIRST, second, FIRST), 1):
        vault.snapshot(f"tank/data@s{number}")
        destroy_unheld(vault)
        mirror(vault, target)
    assert SHARED in status(vault, FIRST)[1][0]
    holds, bookmarks = vault.holds("tank/data"), zfs("list", "-H", "-t", "bookmark", "-o", "name", "tank/data").split()
    assert (holds.pop("one", None), len(bookmarks)) == (({"mirror"}, 3) if is_kept else (None, 2))
    first, last = sorted(holds)
    assert sorted((holds[first], holds[last]), key=sorted) == [{"mirror"}, {beside(second)}]


def test_a_hold_of_unknown_origin_goes_by_the_printed_command(vault: World) -> None:
    vault.snapshot("tank/data@one", "tank/data@two")
    mirror(vault, FIRST)
    zfs("hold", "mirror", "tank/data@one")
    vault.snapshot("tank/data@three")
    text = mirror(vault, FIRST, "-v")
    assert vault.holds("tank/data") == {"one": {"mirror"}, "three": {"mirror"}}
    assert "nothing shows that this mirror placed it" in text
    paste(text, "zfs release mirror tank/data@one")
    assert vault.holds("tank/data") == {"three": {"mirror"}}


def test_leftovers_of_one_mirror_are_not_those_of_the_other(vault: World) -> None:
    """The first mirrors a dataset that the second has excluded since: nobody tells the second to release that."""
    second = PLACES["another pool"]
    zfs("create", "tank/data/left out")
    vault.snapshot("tank/data@one", recursive=True)
    mirror(vault, FIRST)
    mirror(vault, second)
    where = ("-h", "127.0.0.1", "-r", "tank/data", "-l", second, "-t", "mirror", "-x", "left out", "--json")
    leftovers = json.loads(vault.program("status", *where).stdout)["leftover_holds"]
    assert {leftover["tag"] for leftover in leftovers} == {beside(second), "mirror:target"}
    for leftover in leftovers:
        release(leftover["command"])
    assert vault.holds("tank/data/left out") == {"one": {"mirror"}}
    assert json.loads(vault.program("status", *where).stdout)["leftover_holds"] == []
