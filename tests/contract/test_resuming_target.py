"""Changes of the target between cut and resume, and placeholders (facts 3, 10)."""

from __future__ import annotations

from tests.support.contract.cuts import CUT, cut_incremental, resume
from tests.support.contract.zfs import MIB, Zfs
from zfs_replicate.errors import PartialState, StreamBroken

# --- the target changes meanwhile ---


def test_own_snapshot_taken_meanwhile_makes_every_resume_fail(zfs: Zfs) -> None:
    cut_incremental(zfs)
    zfs.ok("snapshot", f"{zfs.target}@mine")
    for _time in range(2):
        status, stderr = resume(zfs, zfs.token(zfs.target))
        assert (status, "kernel modules must be upgraded" in stderr) == (1, True)
    assert zfs.snapshots(zfs.target) == ["a", "mine"]
    zfs.ok("receive", "-A", zfs.target)
    assert zfs.send("-i", f"{zfs.source}@a", f"{zfs.source}@b").status == 0


def test_resume_works_once_that_snapshot_is_destroyed(zfs: Zfs) -> None:
    cut_incremental(zfs)
    zfs.ok("snapshot", f"{zfs.target}@mine")
    resume(zfs, zfs.token(zfs.target))
    zfs.ok("destroy", f"{zfs.target}@mine")
    assert resume(zfs, zfs.token(zfs.target)) == (0, "")


def test_own_snapshot_taken_before_the_receive_does_not_matter(zfs: Zfs) -> None:
    zfs.make_source("a", "b", size=2 * MIB)
    zfs.copy_first()
    zfs.ok("snapshot", f"{zfs.target}@own")
    zfs.send("-i", f"{zfs.source}@a", f"{zfs.source}@b", cut=CUT)
    assert zfs.column(f"{zfs.target}@own", "clones") == f"{zfs.target}/%recv"
    assert resume(zfs, zfs.token(zfs.target)) == (0, "")
    assert zfs.snapshots(zfs.target) == ["a", "own", "b"]


def test_write_on_the_target_after_a_cut_blocks_resume(zfs: Zfs) -> None:
    token = cut_incremental(zfs)
    zfs.ok("set", "readonly=off", zfs.target)
    zfs.write(zfs.target)
    status, stderr = resume(zfs, token)
    assert (status, "has been modified\nsince most recent snapshot" in stderr) == (1, True)
    zfs.ok("rollback", f"{zfs.target}@a")
    assert resume(zfs, zfs.token(zfs.target)) == (0, "")


def test_rename_of_the_target_keeps_the_state(zfs: Zfs) -> None:
    cut_incremental(zfs)
    zfs.ok("rename", zfs.target, f"{zfs.target}-new")
    zfs.target += "-new"
    assert resume(zfs, zfs.token(zfs.target)) == (0, "")


def test_saved_state_prevents_a_rollback(zfs: Zfs) -> None:
    zfs.make_source("a", "b", "c", size=2 * MIB)
    zfs.copy_first()
    zfs.send("-I", f"{zfs.source}@a", f"{zfs.source}@c", cut=2 * MIB + CUT)
    assert "%recv" in zfs.zfs("rollback", "-r", f"{zfs.target}@a").stderr
    zfs.ok("rollback", f"{zfs.target}@b")
    zfs.ok("receive", "-A", zfs.target)
    zfs.ok("rollback", "-r", f"{zfs.target}@a")
    assert zfs.snapshots(zfs.target) == ["a"]


def test_saved_state_is_destroyed_with_its_dataset(zfs: Zfs) -> None:
    cut_incremental(zfs)
    zfs.ok("destroy", "-r", zfs.target)
    assert not zfs.exists(zfs.target)


# --- a placeholder ---


def cut_onto_placeholder(zfs: Zfs) -> str:
    zfs.make_source("a", size=2 * MIB)
    zfs.ok("create", "-o", "canmount=off", "-o", "user:mark=on", zfs.target)
    zfs.ok("create", f"{zfs.target}/child")
    options = ("-s", "-u", "-F", "-o", "readonly=on")
    _sent, received = zfs.pipe((f"{zfs.source}@a",), (*options, zfs.target), cut=CUT)
    assert received.error is StreamBroken
    return zfs.token(zfs.target)


def test_cut_receive_onto_a_placeholder_leaves_a_token(zfs: Zfs) -> None:
    assert cut_onto_placeholder(zfs).startswith("1-")
    assert zfs.setting(zfs.target, "user:mark") == ("on", "local")
    assert zfs.setting(zfs.target, "readonly")[0] == "off"
    assert zfs.snapshots(zfs.target) == []


def test_resume_onto_a_placeholder_needs_force(zfs: Zfs) -> None:
    token = cut_onto_placeholder(zfs)
    status, stderr = resume(zfs, token)
    assert (status, "Resuming recv on existing destination" in stderr) == (1, True)
    assert resume(zfs, token, "-F", "-o", "readonly=on") == (0, "")
    assert zfs.snapshots(zfs.target) == ["a"]
    assert zfs.exists(f"{zfs.target}/child")
    assert zfs.setting(zfs.target, "readonly") == ("on", "local")


def test_second_full_stream_onto_a_cut_placeholder_is_refused(zfs: Zfs) -> None:
    cut_onto_placeholder(zfs)
    _sent, received = zfs.pipe((f"{zfs.source}@a",), ("-s", "-u", "-F", zfs.target))
    assert received.error is PartialState


def test_abort_keeps_the_placeholder(zfs: Zfs) -> None:
    cut_onto_placeholder(zfs)
    zfs.ok("receive", "-A", zfs.target)
    assert zfs.token(zfs.target) == ""
    assert zfs.exists(f"{zfs.target}/child")
