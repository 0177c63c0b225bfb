"""Cut streams: what is saved, what the saved state refuses, how to resume (facts 3, 8, 10)."""

from __future__ import annotations

import pytest

from tests.support.contract.cuts import CUT, contents, cut_first, cut_incremental, resume
from tests.support.contract.zfs import MIB, Zfs
from zfs_replicate.errors import DatasetBusy, PartialState, StreamBroken, TargetDiverged
from zfs_replicate.model import TokenContents
from zfs_replicate.zfs import commands

# --- a first receive ---


def test_cut_first_receive_leaves_a_dataset_with_only_a_token(zfs: Zfs) -> None:
    assert cut_first(zfs).startswith("1-")
    assert zfs.snapshots(zfs.target) == []
    assert zfs.setting(zfs.target, "readonly") == ("on", "local")


def test_token_of_a_first_receive(zfs: Zfs) -> None:
    cut_first(zfs)
    guid = zfs.guid(f"{zfs.source}@a")
    assert contents(zfs, zfs.target) == TokenContents(f"{zfs.source}@a", guid, None, False)


def test_first_receive_is_resumed_without_force(zfs: Zfs) -> None:
    token = cut_first(zfs)
    assert resume(zfs, token, "-o", "readonly=on", "-o", "canmount=noauto") == (0, "")
    assert zfs.guid(f"{zfs.target}@a") == zfs.guid(f"{zfs.source}@a")
    assert zfs.token(zfs.target) == ""
    assert zfs.written(zfs.target) == 0


def test_abort_of_a_first_receive_removes_the_dataset(zfs: Zfs) -> None:
    cut_first(zfs)
    zfs.ok("receive", "-A", zfs.target)
    assert not zfs.exists(zfs.target)
    assert zfs.zfs("receive", "-A", zfs.target).status == 2


def test_unfinished_dataset_refuses_all_other_streams(zfs: Zfs) -> None:
    cut_first(zfs)
    zfs.ok("snapshot", f"{zfs.source}@b")
    assert zfs.send(f"{zfs.source}@a").error is TargetDiverged
    assert zfs.send("-i", f"{zfs.source}@a", f"{zfs.source}@b").error is PartialState


def test_unfinished_dataset_takes_no_snapshot_but_a_child(zfs: Zfs) -> None:
    cut_first(zfs)
    assert zfs.zfs("snapshot", f"{zfs.target}@mine").error is DatasetBusy
    zfs.ok("create", f"{zfs.target}/child")


def test_abort_of_a_first_receive_with_a_child_fails_for_good(zfs: Zfs) -> None:
    token = cut_first(zfs)
    zfs.ok("create", f"{zfs.target}/child")
    for _time in range(2):
        result = zfs.zfs("receive", "-A", zfs.target)
        assert result.stderr == f"cannot destroy '{zfs.target}': dataset already exists\n"
    assert resume(zfs, token) == (0, "")
    assert zfs.exists(f"{zfs.target}/child")


def test_unfinished_dataset_can_be_destroyed(zfs: Zfs) -> None:
    cut_first(zfs)
    zfs.ok("destroy", zfs.target)
    assert not zfs.exists(zfs.target)


@pytest.mark.parametrize("place", [100, 311])
def test_cut_in_the_very_first_bytes_leaves_nothing(zfs: Zfs, place: int) -> None:
    zfs.make_source("a")
    received = zfs.send(f"{zfs.source}@a", cut=place)
    assert received.stderr == "cannot receive: failed to read from stream\n"
    assert not zfs.exists(zfs.target)


def test_cut_before_the_first_record_leaves_nothing(zfs: Zfs) -> None:
    zfs.make_source("a")
    received = zfs.send(f"{zfs.source}@a", cut=400)
    assert received.stderr == (
        f"cannot open '{zfs.target}': dataset does not exist\n"
        "cannot receive new filesystem stream: invalid backup stream\n"
    )
    assert not zfs.exists(zfs.target)


def test_cut_after_the_second_record_leaves_a_state(zfs: Zfs) -> None:
    zfs.make_source("a")
    assert zfs.send(f"{zfs.source}@a", cut=700).error is StreamBroken
    assert zfs.token(zfs.target)


# --- an incremental ---


def test_cut_incremental_leaves_the_target_as_it_was(zfs: Zfs) -> None:
    assert cut_incremental(zfs).startswith("1-")
    assert zfs.snapshots(zfs.target) == ["a"]
    assert zfs.written(zfs.target) == 0


def test_token_of_an_incremental(zfs: Zfs) -> None:
    cut_incremental(zfs)
    expected = f"{zfs.source}@b", zfs.guid(f"{zfs.source}@b"), zfs.guid(f"{zfs.source}@a"), False
    assert contents(zfs, zfs.target) == TokenContents(*expected)


def test_resumed_incremental_brings_one_snapshot(zfs: Zfs) -> None:
    token = cut_incremental(zfs, "c")
    assert resume(zfs, token) == (0, "")
    assert zfs.snapshots(zfs.target) == ["a", "b"]
    assert zfs.send("-I", f"{zfs.source}@b", f"{zfs.source}@c").status == 0
    assert zfs.guid(f"{zfs.target}@c") == zfs.guid(f"{zfs.source}@c")


def test_cut_in_a_later_snapshot_keeps_the_earlier_ones(zfs: Zfs) -> None:
    zfs.make_source("a", "b", "c", size=2 * MIB)
    zfs.copy_first()
    zfs.send("-I", f"{zfs.source}@a", f"{zfs.source}@c", cut=2 * MIB + CUT)
    assert zfs.snapshots(zfs.target) == ["a", "b"]
    token_contents = contents(zfs, zfs.target)
    assert token_contents is not None
    assert (token_contents.to_guid, token_contents.from_guid) == (
        zfs.guid(f"{zfs.source}@c"),
        zfs.guid(f"{zfs.source}@b"),
    )


def test_saved_state_is_a_clone_of_the_newest_snapshot(zfs: Zfs) -> None:
    cut_incremental(zfs)
    assert zfs.column(f"{zfs.target}@a", "clones") == f"{zfs.target}/%recv"
    result = zfs.run(commands.destroy(zfs.target, ("a",)))
    assert result.error is DatasetBusy
    assert "dependent clones" in result.stderr


def test_saved_state_refuses_all_other_streams(zfs: Zfs) -> None:
    cut_incremental(zfs, "c")
    assert zfs.send("-i", f"{zfs.source}@a", f"{zfs.source}@b").error is PartialState
    assert zfs.send("-I", f"{zfs.source}@a", f"{zfs.source}@c").error is PartialState
    assert zfs.snapshots(zfs.target) == ["a"]


def test_abort_of_an_incremental_leaves_the_target_unchanged(zfs: Zfs) -> None:
    cut_incremental(zfs)
    zfs.ok("receive", "-A", zfs.target)
    assert zfs.token(zfs.target) == ""
    assert zfs.snapshots(zfs.target) == ["a"]
    result = zfs.zfs("receive", "-A", zfs.target)
    assert (result.status, result.stderr) == (
        1,
        f"'{zfs.target}' does not have any resumable receive state to abort\n",
    )
    assert zfs.send("-i", f"{zfs.source}@a", f"{zfs.source}@b").status == 0


def test_second_cut_makes_the_old_token_useless(zfs: Zfs) -> None:
    token = cut_incremental(zfs)
    assert zfs.send("-t", token, cut=CUT // 2).error is StreamBroken
    second = zfs.token(zfs.target)
    assert second != token
    status, stderr = resume(zfs, token)
    assert status == 1
    assert "kernel modules must be upgraded" in stderr
    assert resume(zfs, zfs.token(zfs.target)) == (0, "")


def test_cut_without_s_saves_nothing(zfs: Zfs) -> None:
    zfs.make_source("a", "b", size=2 * MIB)
    zfs.copy_first()
    _sent, received = zfs.pipe(("-i", f"{zfs.source}@a", f"{zfs.source}@b"), ("-u", zfs.target), cut=CUT)
    assert received.stderr == "cannot receive incremental stream: incomplete stream\n"
    assert zfs.token(zfs.target) == ""


def test_compound_stream_without_its_last_record_fails(zfs: Zfs) -> None:
    zfs.make_source("a", "b")
    zfs.copy_first()
    stream = zfs.stream("-I", f"{zfs.source}@a", f"{zfs.source}@b")
    received = zfs.feed(stream[:-312], ("-s", "-u", zfs.target))
    assert received.stderr == "cannot receive: failed to read from stream\n"
    assert zfs.snapshots(zfs.target) == ["a", "b"]
    assert zfs.token(zfs.target) == ""


def test_stream_without_its_end_record_is_not_committed(zfs: Zfs) -> None:
    zfs.make_source("a", "b")
    zfs.copy_first()
    stream = zfs.stream("-i", f"{zfs.source}@a", f"{zfs.source}@b")
    assert zfs.feed(stream[:-312], ("-s", "-u", zfs.target)).error is StreamBroken
    assert zfs.snapshots(zfs.target) == ["a"]
    assert resume(zfs, zfs.token(zfs.target)) == (0, "")
    assert zfs.snapshots(zfs.target) == ["a", "b"]


def test_damaged_stream_is_saved_up_to_the_damage(zfs: Zfs) -> None:
    zfs.make_source("a", "b", size=2 * MIB)
    zfs.copy_first()
    stream = bytearray(zfs.stream("-i", f"{zfs.source}@a", f"{zfs.source}@b"))
    stream[CUT : CUT + 4] = bytes(byte ^ 0xFF for byte in stream[CUT : CUT + 4])
    assert zfs.feed(bytes(stream), ("-s", "-u", zfs.target)).error is StreamBroken
    assert resume(zfs, zfs.token(zfs.target)) == (0, "")
