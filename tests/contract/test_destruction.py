"""zfs destroy, rollback and bookmark (facts 5, 6)."""

from __future__ import annotations

from tests.support.contract.zfs import Zfs
from tests.support.exits import failed
from zfs_replicate.errors import DatasetBusy, DatasetMissing, TargetDiverged
from zfs_replicate.zfs import commands, refusals


def test_destroy_ignores_missing_names(zfs: Zfs) -> None:
    zfs.make_source("a", "b", "c")
    assert zfs.run(commands.destroy(zfs.source, ("a", "no", "c"))).status == 0
    assert zfs.snapshots(zfs.source) == ["b"]


def test_destroy_of_only_missing_names_fails(zfs: Zfs) -> None:
    zfs.make_source("a")
    assert zfs.run(commands.destroy(zfs.source, ("no", "none"))).error is DatasetMissing


def test_destroy_in_a_missing_dataset(zfs: Zfs) -> None:
    assert zfs.run(commands.destroy(zfs.source, ("a",))).error is DatasetMissing


def test_destroy_with_held_snapshots_destroys_none(zfs: Zfs) -> None:
    zfs.make_source("a", "b", "c")
    zfs.ok("hold", "tag", f"{zfs.source}@b", f"{zfs.source}@c")
    result = zfs.run(commands.destroy(zfs.source, ("a", "b", "c")))
    assert result.error is DatasetBusy
    assert {line.split("'")[0] for line in result.stderr.splitlines()} == {
        f"cannot destroy snapshot {zfs.source}@{short}: it" for short in ("b", "c")
    }
    assert zfs.snapshots(zfs.source) == ["a", "b", "c"]


def test_destroy_with_a_cloned_snapshot_destroys_none(zfs: Zfs) -> None:
    zfs.make_source("a", "b")
    zfs.ok("clone", f"{zfs.source}@b", f"{zfs.source}-clone")
    result = zfs.run(commands.destroy(zfs.source, ("a", "b")))
    assert result.error is DatasetBusy
    assert "dependent clones" in result.stderr
    assert zfs.snapshots(zfs.source) == ["a", "b"]


def test_destroy_names_each_cloned_snapshot(zfs: Zfs) -> None:
    zfs.make_source("a", "b", "c")
    for short in ("a", "c"):
        zfs.ok("clone", f"{zfs.source}@{short}", f"{zfs.source}-{short}")
    result = zfs.run(commands.destroy(zfs.source, ("a", "b", "c")))
    assert refused_names(zfs, result.stderr) == ["a", "c"]


def test_destroy_with_mounted_snapshots_destroys_none(zfs: Zfs) -> None:
    """Each is named; a clone hides them, since it is looked for first."""
    zfs.make_source("a", "b", "c", "d")
    zfs.ok("clone", f"{zfs.source}@d", f"{zfs.source}-clone")
    with zfs.mounted_snapshot(f"{zfs.source}@a"), zfs.mounted_snapshot(f"{zfs.source}@c"):
        hidden = zfs.run(commands.destroy(zfs.source, ("a", "b", "c", "d")))
        result = zfs.run(commands.destroy(zfs.source, ("a", "b", "c")))
    assert [refused_names(zfs, hidden.stderr), refused_names(zfs, result.stderr)] == [["d"], ["a", "c"]]
    assert result.error is DatasetBusy
    assert zfs.snapshots(zfs.source) == ["a", "b", "c", "d"]


def refused_names(zfs: Zfs, stderr: str) -> list[str]:
    refused = refusals.refused_destroys(failed(stderr), zfs.source, ("a", "b", "c", "d"))
    return sorted(name for refusal in refused for name in refusal.names)


def test_destroy_of_a_dataset_with_dependents_needs_r(zfs: Zfs) -> None:
    zfs.make_source("a")
    assert zfs.zfs("destroy", zfs.source).status == 1
    zfs.ok("destroy", "-r", zfs.source)
    assert not zfs.exists(zfs.source)


def test_recursive_destroy_goes_as_far_as_it_can(zfs: Zfs) -> None:
    zfs.make_source("a", "b")
    zfs.ok("create", f"{zfs.source}/child")
    zfs.ok("hold", "tag", f"{zfs.source}@a")
    assert zfs.zfs("destroy", "-r", zfs.source).error is DatasetBusy
    assert not zfs.exists(f"{zfs.source}/child")
    assert zfs.snapshots(zfs.source) == ["a", "b"]


def test_rollback_to_a_received_snapshot_discards_changes(zfs: Zfs) -> None:
    zfs.make_source("a")
    zfs.copy_first()
    zfs.write(zfs.target)
    zfs.ok("rollback", f"{zfs.target}@a")
    assert zfs.written(zfs.target) == 0


def test_rollback_to_a_local_snapshot_leaves_written_above_zero(zfs: Zfs) -> None:
    zfs.make_source("a")
    zfs.copy_first()
    zfs.write(zfs.target)
    zfs.ok("snapshot", f"{zfs.target}@b")
    zfs.write(zfs.source)
    zfs.ok("rollback", f"{zfs.source}@a")
    assert zfs.written(zfs.source) == 1024
    back = ("-i", f"{zfs.target}@a", f"{zfs.target}@b")
    assert zfs.pipe(back, ("-s", "-u", zfs.source))[1].status == 0
    assert zfs.written(zfs.source) == 0


def test_rollback_past_newer_snapshots_needs_r(zfs: Zfs) -> None:
    zfs.make_source("a", "b")
    assert zfs.zfs("rollback", f"{zfs.source}@a").status == 1
    assert zfs.snapshots(zfs.source) == ["a", "b"]
    zfs.ok("rollback", "-r", f"{zfs.source}@a")
    assert zfs.snapshots(zfs.source) == ["a"]


def test_rollback_past_a_newer_bookmark_needs_r(zfs: Zfs) -> None:
    zfs.make_source("a", "b")
    zfs.ok("bookmark", f"{zfs.source}@b", f"{zfs.source}#b")
    zfs.ok("destroy", f"{zfs.source}@b")
    assert zfs.zfs("rollback", f"{zfs.source}@a").status == 1
    zfs.ok("rollback", "-r", f"{zfs.source}@a")
    assert not zfs.exists(f"{zfs.source}#b")


def test_rollback_to_the_newest_passes_older_bookmarks(zfs: Zfs) -> None:
    zfs.make_source("a", "b", "c")
    for short in ("a", "b"):
        zfs.ok("bookmark", f"{zfs.source}@{short}", f"{zfs.source}#{short}")
    zfs.write(zfs.source)
    zfs.ok("rollback", f"{zfs.source}@c")
    assert zfs.snapshots(zfs.source) == ["a", "b", "c"]


def test_rollback_without_r_names_what_is_newer(zfs: Zfs) -> None:
    zfs.make_source("a", "b")
    zfs.ok("bookmark", f"{zfs.source}@b", f"{zfs.source}#b")
    result = zfs.run(commands.rollback(f"{zfs.source}@a"))
    assert result.error is TargetDiverged
    assert "more recent snapshots or bookmarks exist" in result.stderr
    zfs.ok("destroy", f"{zfs.source}@b")
    assert zfs.run(commands.rollback(f"{zfs.source}@a")).error is TargetDiverged
    zfs.ok("destroy", f"{zfs.source}#b")
    zfs.ok("rollback", f"{zfs.source}@a")


def test_rollback_past_a_held_snapshot_destroys_the_others(zfs: Zfs) -> None:
    zfs.make_source("a", "b", "c", "d")
    zfs.ok("hold", "tag", f"{zfs.source}@c")
    zfs.write(zfs.source)
    assert zfs.zfs("rollback", "-r", f"{zfs.source}@a").error is DatasetBusy
    assert zfs.snapshots(zfs.source) == ["a", "c"]
    assert zfs.written(zfs.source) > 0


def test_rollback_past_a_cloned_snapshot_destroys_nothing(zfs: Zfs) -> None:
    zfs.make_source("a", "b", "c")
    zfs.ok("clone", f"{zfs.source}@c", f"{zfs.source}-clone")
    assert zfs.zfs("rollback", "-r", f"{zfs.source}@a").status == 1
    assert zfs.snapshots(zfs.source) == ["a", "b", "c"]


def test_rollback_to_a_missing_snapshot(zfs: Zfs) -> None:
    zfs.make_source("a")
    assert zfs.zfs("rollback", f"{zfs.source}@no").error is DatasetMissing


def test_bookmark_outlives_its_snapshot(zfs: Zfs) -> None:
    zfs.make_source("a")
    guid = zfs.guid(f"{zfs.source}@a")
    zfs.ok("bookmark", f"{zfs.source}@a", f"{zfs.source}#mark")
    zfs.ok("destroy", f"{zfs.source}@a")
    assert zfs.guid(f"{zfs.source}#mark") == guid


def test_bookmark_twice_is_refused(zfs: Zfs) -> None:
    zfs.make_source("a")
    zfs.ok("bookmark", f"{zfs.source}@a", f"{zfs.source}#mark")
    result = zfs.zfs("bookmark", f"{zfs.source}@a", f"{zfs.source}#mark")
    assert result.status == 1
    assert "bookmark exists" in result.stderr


def test_bookmark_of_a_missing_snapshot(zfs: Zfs) -> None:
    zfs.make_source("a")
    result = zfs.zfs("bookmark", f"{zfs.source}@no", f"{zfs.source}#mark")
    assert (result.status, result.error) == (2, DatasetMissing)


def test_missing_bookmark_cannot_be_destroyed(zfs: Zfs) -> None:
    zfs.make_source("a")
    assert zfs.zfs("destroy", f"{zfs.source}#no").stderr == f"bookmark '{zfs.source}#no' does not exist.\n"


def test_many_bookmarks_in_one_command(zfs: Zfs) -> None:
    zfs.make_source("a", "b")
    zfs.ok("bookmark", f"{zfs.source}@a", f"{zfs.source}#old")
    pairs = ((f"{zfs.source}@no", f"{zfs.source}#no"), (f"{zfs.source}@b", f"{zfs.source}#new"))
    result = zfs.run(commands.bookmark(pairs, (f"{zfs.source}#old",)))
    assert result.status == 0
    assert refusals.absent_datasets(failed(result.stderr.partition("\n")[0])) == frozenset({f"{zfs.source}@no"})
    assert zfs.exists(f"{zfs.source}#new")
    assert not zfs.exists(f"{zfs.source}#old")


def test_an_existing_snapshot_refuses_the_whole_tree(zfs: Zfs) -> None:
    zfs.make_source("a")
    zfs.ok("create", f"{zfs.source}/child")
    assert zfs.zfs("snapshot", "-r", f"{zfs.source}@a").status == 1
    assert zfs.snapshots(f"{zfs.source}/child") == []


# --- datasets ---


def test_without_r_a_dataset_with_anything_in_it_stays(zfs: Zfs) -> None:
    zfs.ok("create", zfs.target)
    for inside in (("create", f"{zfs.target}/child"), ("snapshot", f"{zfs.target}@a")):
        zfs.ok(*inside)
        assert "filesystem has children" in zfs.zfs("destroy", zfs.target).stderr
        zfs.ok("destroy", inside[1])
    zfs.ok("destroy", zfs.target)
    assert not zfs.exists(zfs.target)


def test_a_dataset_moves_with_its_snapshots_and_holds(zfs: Zfs) -> None:
    zfs.ok("create", zfs.target)
    for name in ("from", "to", "from/with space"):
        zfs.ok("create", f"{zfs.target}/{name}")
    zfs.ok("create", "-s", "-V", "8M", f"{zfs.target}/from/volume")
    zfs.ok("snapshot", "-r", f"{zfs.target}/from@a")
    zfs.ok("hold", "t", f"{zfs.target}/from/with space@a")
    guid = zfs.guid(f"{zfs.target}/from/with space@a")
    zfs.ok("rename", "-u", f"{zfs.target}/from/with space", f"{zfs.target}/to/with space")
    assert zfs.guid(f"{zfs.target}/to/with space@a") == guid
    assert zfs.column(f"{zfs.target}/to/with space@a", "userrefs") == "1"
    refused = zfs.zfs("rename", "-u", f"{zfs.target}/from/volume", f"{zfs.target}/to/volume")
    assert "operation not applicable to datasets of this type" in refused.stderr
    zfs.ok("rename", f"{zfs.target}/from/volume", f"{zfs.target}/to/volume")
    assert "dataset already exists" in zfs.zfs("rename", "-u", f"{zfs.target}/from", f"{zfs.target}/to").stderr


def test_a_dataset_moves_to_no_name_that_is_too_long(zfs: Zfs) -> None:
    zfs.ok("create", zfs.target)
    short = f"{zfs.target}/{'x' * (239 - len(zfs.target))}"
    zfs.ok("create", short)
    zfs.ok("snapshot", f"{short}@of-ten-12")
    zfs.ok("create", f"{zfs.target}/longer")
    refused = zfs.zfs("rename", "-u", short, f"{zfs.target}/longer/{short.rpartition('/')[2]}")
    assert "dataset name is too long" in refused.stderr
