"""Resume tokens: valid, stale and damaged ones, and receives that are still running (facts 3, 10)."""

from __future__ import annotations

import pytest

from tests.support.contract.cuts import CUT, contents, cut_first, cut_incremental, resume
from tests.support.contract.zfs import MIB, Meanwhile, Result, Zfs
from zfs_replicate.errors import DatasetBusy, PartialState, StaleToken
from zfs_replicate.zfs import queries, saved_state


def decode(zfs: Zfs, token: str) -> Result:
    return zfs.run(queries.decode_token(token))


def test_valid_token_is_decoded_with_status_0(zfs: Zfs) -> None:
    assert decode(zfs, cut_incremental(zfs)).status == 0


def test_token_is_decoded_before_any_lookup(zfs: Zfs) -> None:
    token = cut_incremental(zfs)
    before = contents(zfs, zfs.target)
    zfs.ok("destroy", "-r", zfs.source)
    result = decode(zfs, token)
    assert result.error is StaleToken
    assert result.status == 255
    assert saved_state.token_contents(result.stdout.encode()) == before


def test_token_of_a_destroyed_snapshot(zfs: Zfs) -> None:
    token = cut_first(zfs)
    zfs.ok("destroy", f"{zfs.source}@a")
    sent, received = zfs.pipe(("-t", token), ("-s", "-u", zfs.target))
    assert sent.error is StaleToken
    assert "used in the initial send no longer exists" in sent.stderr
    assert (sent.status, received.status) == (255, 1)
    assert zfs.token(zfs.target) == token


def test_token_of_a_replaced_snapshot_with_the_same_name(zfs: Zfs) -> None:
    token = cut_incremental(zfs)
    zfs.ok("destroy", f"{zfs.source}@b")
    zfs.ok("snapshot", f"{zfs.source}@b")
    result = decode(zfs, token)
    assert result.error is StaleToken
    assert "is no longer the same snapshot" in result.stderr


def test_token_whose_base_is_destroyed(zfs: Zfs) -> None:
    token = cut_incremental(zfs)
    zfs.ok("destroy", f"{zfs.source}@a")
    result = decode(zfs, token)
    assert result.error is StaleToken
    assert "incremental source 0x" in result.stderr


def test_token_whose_base_is_only_a_bookmark(zfs: Zfs) -> None:
    token = cut_incremental(zfs)
    zfs.ok("bookmark", f"{zfs.source}@a", f"{zfs.source}#a")
    zfs.ok("destroy", f"{zfs.source}@a")
    assert resume(zfs, token) == (0, "")
    assert zfs.snapshots(zfs.target) == ["a", "b"]


def test_token_of_a_renamed_snapshot_resumes_with_the_old_name(zfs: Zfs) -> None:
    token = cut_incremental(zfs)
    zfs.ok("rename", f"{zfs.source}@b", f"{zfs.source}@other")
    assert resume(zfs, token)[0] == 0
    assert zfs.guid(f"{zfs.target}@{zfs.snapshots(zfs.target)[-1]}") == zfs.guid(f"{zfs.source}@other")


def test_token_of_a_renamed_dataset_resumes(zfs: Zfs) -> None:
    token = cut_incremental(zfs)
    zfs.ok("rename", zfs.source, f"{zfs.source}-new")
    assert resume(zfs, token)[0] == 0


@pytest.mark.parametrize("text", ["rubbish", "1-abc-d0-dead", ""])
def test_text_that_is_not_a_token(zfs: Zfs, text: str) -> None:
    result = decode(zfs, text)
    assert (result.status, result.error) == (255, StaleToken)
    assert result.stderr.startswith("cannot resume send: resume token is corrupt (")
    assert saved_state.token_contents(result.stdout.encode()) is None


def test_token_with_a_wrong_byte(zfs: Zfs) -> None:
    token = cut_first(zfs)
    place = len(token) // 2
    result = decode(zfs, token[:place] + ("0" if token[place] != "0" else "1") + token[place + 1 :])
    assert result.error is StaleToken


def test_token_for_a_target_without_a_state(zfs: Zfs) -> None:
    token = cut_incremental(zfs)
    zfs.ok("receive", "-A", zfs.target)
    status, stderr = resume(zfs, token)
    assert (status, "kernel modules must be upgraded" in stderr) == (1, True)
    assert zfs.snapshots(zfs.target) == ["a"]


def test_token_for_a_missing_target(zfs: Zfs) -> None:
    token = cut_first(zfs)
    zfs.ok("receive", "-A", zfs.target)
    assert resume(zfs, token) == (1, f"cannot receive resume stream: destination '{zfs.target}' does not exist\n")


# --- receives that are still running ---


def test_running_receive_refuses_abort_and_other_streams(zfs: Zfs) -> None:
    zfs.make_source("a", "b", size=2 * MIB)
    zfs.copy_first()
    results: list[Result] = []

    def look() -> None:
        results.append(zfs.zfs("receive", "-A", zfs.target))
        results.append(zfs.send("-i", f"{zfs.source}@a", f"{zfs.source}@b"))
        results.append(zfs.send("-t", zfs.token(zfs.target)))

    stream = ("-i", f"{zfs.source}@a", f"{zfs.source}@b")
    _sent, received = zfs.pipe(stream, ("-s", "-u", zfs.target), meanwhile=Meanwhile(CUT, look))
    assert [result.error for result in results] == [DatasetBusy, PartialState, PartialState]
    assert received.status == 0
    assert zfs.snapshots(zfs.target) == ["a", "b"]


def test_running_first_receive_refuses_abort_and_destroy(zfs: Zfs) -> None:
    zfs.make_source("a", size=2 * MIB)
    results: list[Result] = []

    def look() -> None:
        results.append(zfs.zfs("receive", "-A", zfs.target))
        results.append(zfs.zfs("destroy", "-r", zfs.target))

    _sent, received = zfs.pipe((f"{zfs.source}@a",), ("-s", "-u", zfs.target), meanwhile=Meanwhile(CUT, look))
    assert [result.error for result in results] == [DatasetBusy, DatasetBusy]
    assert received.status == 0


def test_own_snapshot_taken_during_a_receive_makes_it_fail(zfs: Zfs) -> None:
    zfs.make_source("a", "b", size=2 * MIB)
    zfs.copy_first()
    meanwhile = Meanwhile(CUT, lambda: zfs.ok("snapshot", f"{zfs.target}@mine"))
    stream = ("-i", f"{zfs.source}@a", f"{zfs.source}@b")
    _sent, received = zfs.pipe(stream, ("-s", "-u", zfs.target), meanwhile=meanwhile)
    assert received.stderr == (
        "cannot receive incremental stream: kernel modules must be upgraded to receive this stream.\n"
    )
    assert zfs.snapshots(zfs.target) == ["a", "mine"]
    assert zfs.token(zfs.target)
