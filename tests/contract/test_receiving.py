"""zfs receive of whole streams: what is accepted, what is refused, and the result (facts 3, 8, 10)."""

from __future__ import annotations

import pytest

from tests.support.contract.zfs import MIB, Zfs
from zfs_replicate.errors import DatasetMissing, OutOfSpace, StreamBroken, TargetChanged, TargetDiverged


def test_first_copy_keeps_guid_and_creation(zfs: Zfs) -> None:
    zfs.make_source("a")
    zfs.copy_first()
    for column in ("guid", "creation"):
        assert zfs.column(f"{zfs.target}@a", column) == zfs.column(f"{zfs.source}@a", column)
    assert zfs.guid(zfs.target) != zfs.guid(zfs.source)
    assert zfs.written(zfs.target) == 0


def test_first_copy_sets_its_options_locally(zfs: Zfs) -> None:
    zfs.make_source("a")
    zfs.copy_first()
    assert zfs.setting(zfs.target, "readonly") == ("on", "local")
    assert zfs.setting(zfs.target, "canmount") == ("noauto", "local")


def test_volume_is_received_only_without_canmount(zfs: Zfs) -> None:
    zfs.ok("create", "-s", "-V", "8M", zfs.source)
    zfs.ok("snapshot", f"{zfs.source}@a")
    options = ("-s", "-u", "-o", "readonly=on")
    _sent, received = zfs.pipe((f"{zfs.source}@a",), (*options, "-o", "canmount=noauto", zfs.target))
    assert "'canmount' does not apply to datasets of this type" in received.stderr
    assert not zfs.exists(zfs.target)
    _sent, received = zfs.pipe((f"{zfs.source}@a",), (*options, zfs.target))
    assert received.status == 0
    assert zfs.column(zfs.target, "type") == "volume"


def test_full_stream_onto_an_existing_dataset_is_refused(zfs: Zfs) -> None:
    zfs.make_source("a")
    zfs.ok("create", zfs.target)
    assert zfs.send(f"{zfs.source}@a").error is TargetDiverged
    assert zfs.snapshots(zfs.target) == []


def test_full_stream_fills_an_empty_dataset_with_force(zfs: Zfs) -> None:
    zfs.make_source("a")
    zfs.ok("create", "-o", "canmount=off", "-o", "user:mark=on", zfs.target)
    zfs.ok("create", f"{zfs.target}/child")
    options = ("-s", "-u", "-F", "-o", "readonly=on", "-o", "canmount=noauto")
    _sent, received = zfs.pipe((f"{zfs.source}@a",), (*options, zfs.target))
    assert received.status == 0
    assert zfs.snapshots(zfs.target) == ["a"]
    assert zfs.exists(f"{zfs.target}/child")
    assert zfs.setting(zfs.target, "canmount") == ("noauto", "local")
    assert zfs.setting(zfs.target, "user:mark") == ("on", "local")


def test_full_stream_never_replaces_snapshots(zfs: Zfs) -> None:
    zfs.make_source("a")
    zfs.ok("create", zfs.target)
    zfs.ok("snapshot", f"{zfs.target}@mine")
    _sent, received = zfs.pipe((f"{zfs.source}@a",), ("-s", "-u", "-F", zfs.target))
    assert received.error is TargetDiverged
    assert zfs.snapshots(zfs.target) == ["mine"]


def test_parent_must_exist(zfs: Zfs) -> None:
    zfs.make_source("a")
    _sent, received = zfs.pipe((f"{zfs.source}@a",), ("-s", "-u", f"{zfs.target}/child"))
    assert received.error is DatasetMissing
    assert received.stderr.startswith(f"cannot open '{zfs.target}': dataset does not exist\n")


def test_incremental_needs_a_target(zfs: Zfs) -> None:
    zfs.make_source("a", "b")
    received = zfs.send("-i", f"{zfs.source}@a", f"{zfs.source}@b")
    assert received.stderr == f"cannot receive incremental stream: destination '{zfs.target}' does not exist\n"


def test_incremental_needs_its_base_on_the_target(zfs: Zfs) -> None:
    zfs.make_source("a", "b", "c")
    zfs.copy_first()
    received = zfs.send("-i", f"{zfs.source}@b", f"{zfs.source}@c")
    assert received.error is TargetDiverged
    assert "does not\nmatch incremental source" in received.stderr


def test_base_is_found_by_guid(zfs: Zfs) -> None:
    zfs.make_source("a", "b")
    zfs.copy_first()
    zfs.ok("rename", f"{zfs.target}@a", f"{zfs.target}@other")
    assert zfs.send("-i", f"{zfs.source}@a", f"{zfs.source}@b").status == 0
    assert zfs.snapshots(zfs.target) == ["other", "b"]


def test_a_refusal_of_a_changed_target_leaves_nothing(zfs: Zfs) -> None:
    """So an increment may be tried where only zfs knows whether the target was changed."""
    zfs.make_source("a", "b", size=MIB)
    zfs.copy_first()
    zfs.ok("set", "readonly=off", zfs.target)
    zfs.write(zfs.target)
    zfs.ok("list", zfs.target)
    assert zfs.send("-i", f"{zfs.source}@a", f"{zfs.source}@b").error is TargetChanged
    assert (zfs.snapshots(zfs.target), zfs.token(zfs.target)) == (["a"], "")
    zfs.ok("rollback", f"{zfs.target}@a")
    assert zfs.send("-i", f"{zfs.source}@a", f"{zfs.source}@b").status == 0


def test_modified_target_is_refused(zfs: Zfs) -> None:
    zfs.make_source("a", "b")
    zfs.copy_first()
    zfs.ok("set", "readonly=off", zfs.target)
    zfs.write(zfs.target)
    received = zfs.send("-I", f"{zfs.source}@a", f"{zfs.source}@b")
    assert received.error is TargetChanged
    assert "has been modified\nsince most recent snapshot" in received.stderr
    assert zfs.snapshots(zfs.target) == ["a"]


def test_own_unmodified_snapshot_on_the_target_is_accepted(zfs: Zfs) -> None:
    zfs.make_source("a", "b", "c")
    zfs.copy_first()
    zfs.ok("snapshot", f"{zfs.target}@own")
    zfs.ok("hold", "tag", f"{zfs.target}@own")
    assert zfs.send("-I", f"{zfs.source}@a", f"{zfs.source}@c").status == 0
    assert zfs.snapshots(zfs.target) == ["a", "own", "b", "c"]
    assert zfs.written(zfs.target) == 0


def test_own_snapshot_with_data_on_the_target_is_refused(zfs: Zfs) -> None:
    zfs.make_source("a", "b")
    zfs.copy_first()
    zfs.ok("set", "readonly=off", zfs.target)
    zfs.write(zfs.target)
    zfs.ok("snapshot", f"{zfs.target}@own")
    assert zfs.send("-i", f"{zfs.source}@a", f"{zfs.source}@b").error is TargetChanged
    assert zfs.snapshots(zfs.target) == ["a", "own"]


def test_name_of_a_different_snapshot_is_refused(zfs: Zfs) -> None:
    zfs.make_source("a", "b", "c")
    zfs.copy_first()
    zfs.ok("snapshot", f"{zfs.target}@c")
    received = zfs.send("-I", f"{zfs.source}@a", f"{zfs.source}@c")
    assert received.error is TargetDiverged
    assert received.stderr == f"cannot restore to {zfs.target}@c: destination already exists\n"
    assert zfs.snapshots(zfs.target) == ["a", "c", "b"]


def test_existing_snapshots_are_skipped(zfs: Zfs) -> None:
    zfs.make_source("a", "b", "c")
    zfs.copy_first()
    assert zfs.send("-i", f"{zfs.source}@a", f"{zfs.source}@b").status == 0
    for _time in range(2):
        assert zfs.send("-I", f"{zfs.source}@a", f"{zfs.source}@c").status == 0
    assert zfs.snapshots(zfs.target) == ["a", "b", "c"]


def test_older_snapshot_is_refused_after_a_newer_one(zfs: Zfs) -> None:
    zfs.make_source("a", "b", "c")
    zfs.copy_first()
    assert zfs.send("-i", f"{zfs.source}@a", f"{zfs.source}@c").status == 0
    assert zfs.send("-i", f"{zfs.source}@a", f"{zfs.source}@b").error is TargetChanged
    assert zfs.snapshots(zfs.target) == ["a", "c"]


def test_forced_incremental_discards_newer_snapshots(zfs: Zfs) -> None:
    zfs.make_source("a", "b")
    zfs.copy_first()
    zfs.write(zfs.target)
    zfs.ok("snapshot", f"{zfs.target}@own")
    _sent, received = zfs.pipe(("-i", f"{zfs.source}@a", f"{zfs.source}@b"), ("-s", "-u", "-F", zfs.target))
    assert received.status == 0
    assert zfs.snapshots(zfs.target) == ["a", "b"]


def test_snapshot_without_changes_has_nothing_written(zfs: Zfs) -> None:
    zfs.make_source("a")
    zfs.copy_first()
    zfs.ok("snapshot", f"{zfs.source}@b")
    assert zfs.send("-i", f"{zfs.source}@a", f"{zfs.source}@b").status == 0
    assert zfs.written(f"{zfs.target}@b") == 0


@pytest.mark.parametrize("stream", [b"", b"Welcome to nas1!\n"])
def test_stream_that_ends_at_once(zfs: Zfs, stream: bytes) -> None:
    received = zfs.feed(stream, ("-s", "-u", zfs.target))
    assert received.error is StreamBroken
    assert received.stderr == "cannot receive: failed to read from stream\n"
    assert not zfs.exists(zfs.target)


def test_stream_behind_a_banner(zfs: Zfs) -> None:
    zfs.make_source("a")
    received = zfs.feed(b"Welcome to nas1!\n" + zfs.stream(f"{zfs.source}@a"), ("-s", "-u", zfs.target))
    assert received.error is StreamBroken
    assert "bad magic number" in received.stderr


def test_full_pool(zfs: Zfs) -> None:
    zfs.make_source("a", size=12 * MIB)
    target = f"csmall/{zfs.target.rpartition('/')[2]}"
    _sent, received = zfs.pipe((f"{zfs.source}@a",), ("-s", "-u", target))
    assert received.error is OutOfSpace
    assert zfs.token(target)
    zfs.ok("receive", "-A", target)
    assert not zfs.exists(target)


def test_reached_quota(zfs: Zfs) -> None:
    zfs.make_source("a", size=3 * MIB)
    zfs.ok("create", "-o", f"quota={MIB}", zfs.target)
    _sent, received = zfs.pipe((f"{zfs.source}@a",), ("-s", "-u", f"{zfs.target}/child"))
    assert received.error is OutOfSpace
    assert "quota exceeded" in received.stderr
    assert zfs.token(f"{zfs.target}/child")


def test_available_is_what_the_quota_leaves(zfs: Zfs) -> None:
    zfs.ok("create", "-o", f"quota={MIB}", zfs.target)
    zfs.ok("create", f"{zfs.target}/child")
    assert 0 < int(zfs.column(f"{zfs.target}/child", "available")) < MIB


def test_available_grows_when_a_snapshot_with_deleted_data_goes(zfs: Zfs) -> None:
    zfs.make_source("a", size=3 * MIB)
    zfs.delete(zfs.source)
    zfs.ok("snapshot", f"{zfs.source}@b")
    zfs.copy_first()
    assert zfs.send("-i", "@a", f"{zfs.source}@b").status == 0
    zfs.ok("set", f"quota={8 * MIB}", zfs.target)
    before = int(zfs.column(zfs.target, "available"))
    assert before < 5 * MIB
    zfs.ok("destroy", f"{zfs.target}@a")
    assert int(zfs.column(zfs.target, "available")) > before + 2 * MIB
