"""zfs hold, release and holds, with many snapshots and with missing ones (facts 4)."""

from __future__ import annotations

from tests.support.contract.zfs import MIB, Zfs
from tests.support.exits import failed
from zfs_replicate.errors import DatasetBusy
from zfs_replicate.run.hold_tags import read_tags
from zfs_replicate.steps import SnapshotRename
from zfs_replicate.zfs import commands, parse, queries, refusals


def names(zfs: Zfs, *shorts: str) -> tuple[str, ...]:
    return tuple(f"{zfs.source}@{short}" for short in shorts)


def test_hold_and_release_many_at_once(zfs: Zfs) -> None:
    zfs.make_source("a", "b")
    snapshots = names(zfs, "a", "b")
    assert zfs.run(commands.hold("tag", snapshots)).status == 0
    assert [zfs.tags(name) for name in snapshots] == [{"tag"}, {"tag"}]
    assert zfs.run(commands.release("tag", snapshots)).status == 0
    assert [zfs.tags(name) for name in snapshots] == [set(), set()]


def test_several_tags_on_one_snapshot(zfs: Zfs) -> None:
    zfs.make_source("a")
    for tag in ("one", "two:target"):
        zfs.ok("hold", tag, f"{zfs.source}@a")
    zfs.ok("release", "one", f"{zfs.source}@a")
    assert zfs.tags(f"{zfs.source}@a") == {"two:target"}


def test_an_existing_hold_is_an_error_but_stops_nothing(zfs: Zfs) -> None:
    zfs.make_source("a", "b")
    zfs.ok("hold", "tag", f"{zfs.source}@a")
    result = zfs.run(commands.hold("tag", names(zfs, "a", "b")))
    assert result.status == 1
    assert refusals.failed_snapshots(failed(result.stderr), names(zfs, "a", "b")) == {}
    assert zfs.tags(f"{zfs.source}@b") == {"tag"}


def test_hold_twice_in_one_command(zfs: Zfs) -> None:
    zfs.make_source("a")
    result = zfs.run(commands.hold("tag", names(zfs, "a", "a")))
    assert result.status == 1
    assert refusals.failed_snapshots(failed(result.stderr), names(zfs, "a")) == {}


def test_hold_of_a_missing_snapshot_stops_nothing(zfs: Zfs) -> None:
    zfs.make_source("a", "b")
    result = zfs.run(commands.hold("tag", names(zfs, "a", "no", "b")))
    assert result.status == 1
    assert set(refusals.failed_snapshots(failed(result.stderr), names(zfs, "a", "no", "b"))) == set(names(zfs, "no"))
    assert zfs.tags(f"{zfs.source}@b") == {"tag"}


def test_hold_in_a_missing_dataset_names_it_and_stops_nothing(zfs: Zfs) -> None:
    zfs.make_source("a")
    gone = f"{zfs.source}/gone@a"
    result = zfs.run(commands.hold("tag", (gone, f"{zfs.source}@a")))
    assert result.stderr == f"cannot open '{zfs.source}/gone': dataset does not exist\n"
    assert set(refusals.failed_snapshots(failed(result.stderr), (gone, f"{zfs.source}@a"))) == {gone}
    assert zfs.tags(f"{zfs.source}@a") == {"tag"}


def test_hold_of_a_dataset_is_refused(zfs: Zfs) -> None:
    zfs.make_source("a")
    assert zfs.zfs("hold", "tag", zfs.source).stderr == f"'{zfs.source}' is not a snapshot\n"


def test_tag_that_begins_with_a_dot_is_refused(zfs: Zfs) -> None:
    zfs.make_source("a")
    assert zfs.zfs("hold", ".tag", f"{zfs.source}@a").status == 2


def test_recursive_hold_and_release(zfs: Zfs) -> None:
    zfs.make_source()
    zfs.ok("create", f"{zfs.source}/child")
    zfs.ok("snapshot", "-r", f"{zfs.source}@a")
    zfs.ok("hold", "-r", "tag", f"{zfs.source}@a")
    assert zfs.tags(f"{zfs.source}/child@a") == {"tag"}
    zfs.ok("release", "-r", "tag", f"{zfs.source}@a")
    assert zfs.tags(f"{zfs.source}/child@a") == set()


def test_release_without_a_hold_is_an_error_but_stops_nothing(zfs: Zfs) -> None:
    zfs.make_source("a", "b")
    zfs.ok("hold", "tag", f"{zfs.source}@b")
    result = zfs.run(commands.release("tag", names(zfs, "a", "b")))
    assert result.status == 1
    assert refusals.failed_snapshots(failed(result.stderr), names(zfs, "a", "b")) == {}
    assert zfs.tags(f"{zfs.source}@b") == set()


def test_release_of_a_missing_snapshot_stops_nothing(zfs: Zfs) -> None:
    zfs.make_source("a")
    zfs.ok("hold", "tag", f"{zfs.source}@a")
    snapshots = (f"{zfs.source}/gone@a", *names(zfs, "no", "a"))
    result = zfs.run(commands.release("tag", snapshots))
    assert result.status == 1
    assert set(refusals.failed_snapshots(failed(result.stderr), snapshots)) == set(snapshots[:2])
    assert zfs.tags(f"{zfs.source}@a") == set()


def test_holds_lists_tags_and_reports_missing_snapshots(zfs: Zfs) -> None:
    zfs.make_source("a", "b")
    zfs.ok("hold", "tag", f"{zfs.source}@b")
    snapshots = (*names(zfs, "a", "no", "b"), f"{zfs.source}/gone@a")
    result = zfs.run(queries.list_holds(snapshots))
    assert parse.holds(result.stdout.encode(), {f"{zfs.source}@b": 1}) == {f"{zfs.source}@b": ("tag",)}
    assert refusals.absent_datasets(failed(result.stderr)) == frozenset({f"{zfs.source}@no", f"{zfs.source}/gone@a"})
    assert result.status == 1


def test_holds_of_vanished_snapshots_only(zfs: Zfs) -> None:
    zfs.make_source()
    snapshots = (*names(zfs, "no", "neither"), f"{zfs.source}/gone@a")
    result = zfs.run(queries.list_holds(snapshots))
    assert (result.stdout, result.status) == ("", 1)
    assert result.stderr.endswith("\nno datasets available\n")
    assert refusals.absent_datasets(failed(result.stderr)) == frozenset(snapshots)


def test_a_tag_is_printed_as_it_is(zfs: Zfs) -> None:
    """Also tabs, line breaks and control characters, and text that looks like a line about another snapshot."""
    zfs.make_source("a", "b")
    first, second = names(zfs, "a", "b")
    tags = {"a b", "tab\tin it", "line\nbreaks\n", "\x1b[2J", "\u2028\x0b\r", f"x\tTue\n{second}\tmirror"}
    for tag in tags:
        zfs.ok("hold", tag, first)
    zfs.ok("hold", "mirror", second)
    assert zfs.tags(first) == tags
    held = read_tags(zfs.host, {first: len(tags), second: 1})
    assert (set(held[first]), held[second]) == (tags, ("mirror",))


def test_held_snapshot_cannot_be_destroyed(zfs: Zfs) -> None:
    zfs.make_source("a")
    zfs.ok("hold", "tag", f"{zfs.source}@a")
    assert zfs.run(commands.destroy(zfs.source, ("a",))).error is DatasetBusy
    assert zfs.snapshots(zfs.source) == ["a"]


def test_last_release_destroys_a_deferred_snapshot(zfs: Zfs) -> None:
    zfs.make_source("a", "b")
    for tag in ("one", "two"):
        zfs.ok("hold", tag, f"{zfs.source}@a")
    zfs.ok("destroy", "-d", f"{zfs.source}@a")
    zfs.ok("release", "one", f"{zfs.source}@a")
    assert zfs.snapshots(zfs.source) == ["a", "b"]
    zfs.ok("release", "two", f"{zfs.source}@a")
    assert zfs.snapshots(zfs.source) == ["b"]


def test_a_deferred_snapshot_goes_with_its_last_clone(zfs: Zfs) -> None:
    zfs.make_source("a")
    zfs.ok("clone", f"{zfs.source}@a", f"{zfs.source}-clone")
    zfs.ok("destroy", "-d", f"{zfs.source}@a")
    assert zfs.snapshots(zfs.source) == ["a"]
    zfs.ok("destroy", f"{zfs.source}-clone")
    assert zfs.snapshots(zfs.source) == []


def test_a_snapshot_in_use_can_be_renamed(zfs: Zfs) -> None:
    """Held, cloned, and the base of a saved receive, which goes on."""
    zfs.make_source("a", "b", size=MIB)
    zfs.copy_first()
    zfs.ok("hold", "tag", f"{zfs.target}@a")
    zfs.ok("clone", f"{zfs.target}@a", f"{zfs.target}-clone")
    zfs.send("-i", f"{zfs.source}@a", f"{zfs.source}@b", cut=MIB // 2)
    token = zfs.token(zfs.target)
    assert token
    assert zfs.run(commands.rename_snapshot(zfs.target, SnapshotRename("a", "c"))).status == 0
    assert zfs.tags(f"{zfs.target}@c") == {"tag"}
    assert zfs.send("-t", token).status == 0
    assert zfs.snapshots(zfs.target) == ["c", "b"]


def test_a_rename_to_a_name_that_is_taken_is_refused(zfs: Zfs) -> None:
    zfs.make_source("a", "b")
    result = zfs.run(commands.rename_snapshot(zfs.source, SnapshotRename("a", "b")))
    assert (result.status, "dataset already exists" in result.stderr) == (1, True)


def test_renamed_snapshot_stays_held(zfs: Zfs) -> None:
    zfs.make_source("a")
    zfs.ok("hold", "tag", f"{zfs.source}@a")
    zfs.ok("rename", f"{zfs.source}@a", f"{zfs.source}@b")
    assert zfs.tags(f"{zfs.source}@b") == {"tag"}
