"""Test the main job: a tree arrives, follows the source, and has the properties that it should."""

from __future__ import annotations

from tests.support.lab.servers import Server
from tests.support.lab.world import PROGRAM, World, run, zfs


def make_tree(world: World) -> None:
    """Make children at two depths, a volume, a name with a space, data, and one snapshot of all."""
    for name in ("tank/data/a", "tank/data/a/b", "tank/data/with space"):
        zfs("create", name)
    zfs("create", "-s", "-V", "8M", "tank/data/volume")
    world.write("tank/data/a/b", "file", 100_000)
    world.snapshot("tank/data@one", recursive=True)


def assert_same(world: World, source: str = "tank/data", target: str = "offsite/data") -> None:
    """Check that the target has every dataset and snapshot of the source, by guid and in the same order."""
    names = world.datasets(source)
    assert world.datasets(target) == [target + name.removeprefix(source) for name in names]
    for name in names:
        assert world.guids(target + name.removeprefix(source)) == world.guids(name)


def test_mirror_first_run_brings_the_whole_tree(world: World) -> None:
    make_tree(world)
    world.replicate()
    assert_same(world)
    assert world.read("offsite/data/a/b", "file") == world.read("tank/data/a/b", "file")


def test_mirror_next_run_brings_all_new_snapshots(world: World) -> None:
    make_tree(world)
    world.replicate()
    world.write("tank/data/a/b", "second")
    for name in ("two", "three", "four"):
        world.snapshot(f"tank/data@{name}", recursive=True)
    world.replicate()
    assert_same(world)
    assert world.read("offsite/data/a/b", "second") == world.read("tank/data/a/b", "second")


def test_mirror_is_silent_on_success(world: World) -> None:
    make_tree(world)
    for _ in range(2):
        done = world.replicate()
        assert (done.stdout, done.stderr) == ("", "")


def test_mirror_verbose_prints_each_step(world: World) -> None:
    make_tree(world)
    done = world.replicate("-v")
    for expected in (
        "placed the hold mirror on tank/data/a/b@one",
        "tank/data/a/b@one → offsite/data/a/b",
        "5 datasets, 5 received",
    ):
        assert expected in done.stderr


def test_mirror_on_a_terminal_shows_datasets_and_a_summary(world: World) -> None:
    make_tree(world)
    command = "-h 127.0.0.1 -r tank/data -l offsite/data -t mirror"
    done = run("script", "-qec", f"python3 {PROGRAM} {command}", "/dev/null")
    assert "offsite/data/a/b: 1 snapshot, " in done.stdout
    last = done.stdout.strip().splitlines()[-1]
    assert last.startswith("5 datasets, 5 received: ")
    assert last.endswith("/s)")


def test_mirror_receives_read_only_unmounted_and_noauto(world: World) -> None:
    make_tree(world)
    world.replicate()
    for name in ("offsite/data", "offsite/data/a/b", "offsite/data/with space"):
        assert (world.get(name, "readonly"), world.get(name, "canmount")) == ("on", "noauto")
        assert world.get(name, "mounted") == "no"
    assert world.get("offsite/data/volume", "readonly") == "on"


def test_mirror_keeps_properties_changed_on_the_target(world: World) -> None:
    make_tree(world)
    world.replicate()
    zfs("set", "canmount=on", "offsite/data/a")
    world.snapshot("tank/data@two", recursive=True)
    world.replicate()
    assert world.get("offsite/data/a", "canmount") == "on"


def test_mirror_takes_no_property_of_the_source(world: World) -> None:
    make_tree(world)
    zfs("set", "mountpoint=/srv/live", "tank/data/a")
    world.snapshot("tank/data@two", recursive=True)
    world.replicate()
    assert world.get("offsite/data/a", "mountpoint") == "none"


def test_mirror_creates_missing_parents_unmounted(world: World) -> None:
    world.snapshot("tank/data@one")
    world.replicate_from("tank/data", "offsite/far/below/data")
    for name in ("offsite/far", "offsite/far/below"):
        assert (world.get(name, "canmount"), world.get(name, "mounted")) == ("off", "no")
    assert world.guids("offsite/far/below/data") == world.guids("tank/data")


def test_mirror_picks_up_a_new_child(world: World) -> None:
    make_tree(world)
    world.replicate()
    zfs("create", "tank/data/a/new")
    world.snapshot("tank/data/a/new@first")
    world.replicate()
    assert_same(world)


def test_mirror_makes_a_placeholder_and_fills_it_later(world: World) -> None:
    zfs("create", "tank/data/a")
    zfs("create", "tank/data/a/b")
    world.snapshot("tank/data@one", "tank/data/a/b@one")
    world.replicate()
    assert world.get("offsite/data/a", "zfs_replicate:placeholder") == "on"
    assert world.get("offsite/data/a", "canmount") == "off"
    assert world.snapshots("offsite/data/a") == []
    world.write("tank/data/a", "late")
    world.snapshot("tank/data@two", "tank/data/a@two", "tank/data/a/b@two")
    world.replicate()
    assert_same(world)
    assert world.get("offsite/data/a", "zfs_replicate:placeholder") == "-"
    assert world.read("offsite/data/a", "late") == world.read("tank/data/a", "late")
    zfs("set", "zfs_replicate:placeholder=on", "offsite/data/a")  # as a kill just before the end leaves it
    assert "clear the placeholder mark" in world.replicate("-n").stdout
    world.replicate()
    assert world.get("offsite/data/a", "zfs_replicate:placeholder") == "-"


def test_mirror_finds_renamed_snapshots_by_guid(world: World) -> None:
    world.snapshot("tank/data@one", "tank/data@two")
    world.replicate()
    zfs("rename", "tank/data@two", "tank/data@renamed-on-source")
    zfs("rename", "offsite/data@two", "offsite/data@renamed-on-target")
    world.snapshot("tank/data@three", "tank/data@four")
    world.replicate()
    assert world.guids("offsite/data") == world.guids("tank/data")
    assert world.snapshots("offsite/data") == ["one", "renamed-on-target", "three", "four"]


def test_mirror_up_to_date_tree_is_not_touched(world: World) -> None:
    make_tree(world)
    world.replicate()
    before = world.everything()
    done = world.replicate("-v")
    assert "5 datasets, 0 received" in done.stderr
    assert world.everything() == before


def test_mirror_dry_run_prints_the_plan_and_changes_nothing(world: World) -> None:
    make_tree(world)
    before = world.everything()
    done = world.replicate("-n")
    assert "send tank/data/a/b@one in full" in done.stdout
    assert "place the hold mirror on tank/data/a/b@one" in done.stdout
    assert world.everything() == before


def test_mirror_excludes_by_pattern_with_descendants(world: World) -> None:
    make_tree(world)
    world.replicate("-x", "a", "-x", "with*")
    assert world.datasets("offsite/data") == ["offsite/data", "offsite/data/volume"]
    assert world.holds("tank/data/a/b") == {}


def test_mirror_localhost_needs_no_ssh(world: World) -> None:
    make_tree(world)
    world.replicate(host="localhost", env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"})
    assert_same(world)


def test_mirror_several_datasets_at_once(world: World) -> None:
    for number in range(6):
        zfs("create", f"tank/data/child{number}")
        world.write(f"tank/data/child{number}", "file", 1_000_000)
    world.snapshot("tank/data@one", recursive=True)
    world.replicate("-j", "4")
    assert_same(world)


def test_mirror_target_newer_snapshots_of_its_own_do_no_harm(world: World) -> None:
    world.snapshot("tank/data@one")
    world.replicate()
    world.snapshot("offsite/data@mine")
    world.snapshot("tank/data@two")
    done = world.replicate("-v")
    assert world.snapshots("offsite/data") == ["one", "mine", "two"]
    assert done.returncode == 0


def test_mirror_keeps_what_the_source_no_longer_has(world: World) -> None:
    make_tree(world)
    world.replicate()
    zfs("release", "-r", "mirror", "tank/data/a@one")
    zfs("destroy", "-r", "tank/data/a")
    done = world.replicate("-v", "-k", "0")
    assert "offsite/data/a/b: not on the source" in done.stderr
    assert world.snapshots("offsite/data/a/b") == ["one"]


def remote_commands(world: World, server: Server, count: int) -> tuple[int, int]:
    """Count those of a run with nothing to do, and of one with a new snapshot on each dataset."""
    root = f"tank/data/of{count}"
    zfs("create", root)
    for number in range(count - 1):
        zfs("create", "-u", f"{root}/child{number:03}")
    world.snapshot(f"{root}@one", recursive=True)
    counts = [0]
    for number in range(3):
        if number == 2:
            world.snapshot(f"{root}@two", recursive=True)
        world.replicate_from(root, f"offsite/of{count}", "-p", str(server.port))
        counts.append(len(server.commands()))
    for below in ("", "/child001"):
        assert world.guids(f"offsite/of{count}{below}") == world.guids(f"{root}{below}")
    return counts[2] - counts[1], counts[3] - counts[2]


def test_remote_commands_do_not_grow_with_the_datasets(world: World, counting_sshd: Server) -> None:
    """Work that takes the pool long is divided among several commands, if there is much of it."""
    few, many = remote_commands(world, counting_sshd, 3), remote_commands(world, counting_sshd, 100)
    print(f"remote commands with nothing to do, and with a new snapshot on each: {few} for 3 datasets, {many} for 100")
    assert few[0] == many[0] <= 4
    assert few[1] <= 9  # old bookmarks go in a command of their own, once the new ones are there
    assert many[1] <= 16
