"""zfs send: what a stream contains, and what is refused (facts 2, 6)."""

from __future__ import annotations

import pytest

from tests.support.contract.zfs import Zfs
from zfs_replicate.errors import DatasetMissing


def test_single_incremental_contains_only_its_tip(zfs: Zfs) -> None:
    zfs.make_source("a", "b", "c")
    zfs.copy_first()
    assert zfs.send("-i", f"{zfs.source}@a", f"{zfs.source}@c").status == 0
    assert zfs.snapshots(zfs.target) == ["a", "c"]


def test_compound_incremental_contains_all_between(zfs: Zfs) -> None:
    zfs.make_source("a", "b", "c", "d")
    zfs.copy_first()
    assert zfs.send("-I", f"{zfs.source}@a", f"{zfs.source}@c").status == 0
    assert zfs.snapshots(zfs.target) == ["a", "b", "c"]


def test_flags_of_the_product_are_accepted(zfs: Zfs) -> None:
    zfs.make_source("a", "b", "c")
    assert zfs.send("-L", "-c", f"{zfs.source}@a").status == 0
    assert zfs.send("-L", "-c", "-I", f"{zfs.source}@a", f"{zfs.source}@c").status == 0
    assert zfs.send("-L", "-w", "-i", f"{zfs.source}@c", f"{zfs.source}@c").status == 1


def test_incremental_from_a_bookmark_of_a_destroyed_snapshot(zfs: Zfs) -> None:
    zfs.make_source("a", "b")
    zfs.copy_first()
    zfs.ok("bookmark", f"{zfs.source}@a", f"{zfs.source}#mark")
    zfs.ok("destroy", f"{zfs.source}@a")
    assert zfs.send("-i", f"{zfs.source}#mark", f"{zfs.source}@b").status == 0
    assert zfs.snapshots(zfs.target) == ["a", "b"]


def test_compound_incremental_from_a_bookmark_is_refused(zfs: Zfs) -> None:
    zfs.make_source("a", "b")
    zfs.copy_first()
    zfs.ok("bookmark", f"{zfs.source}@a", f"{zfs.source}#mark")
    sent, received = zfs.pipe(("-I", f"{zfs.source}#mark", f"{zfs.source}@b"), ("-s", "-u", zfs.target))
    assert sent.stderr == "Error: multiple snapshots cannot be sent from a bookmark.\n"
    assert (sent.status, received.status) == (1, 1)
    assert zfs.snapshots(zfs.target) == ["a"]


@pytest.mark.parametrize(
    "arguments",
    [("SOURCE@no",), ("-i", "SOURCE@no", "SOURCE@b"), ("-I", "SOURCE@no", "SOURCE@b"), ("-I", "SOURCE@a", "SOURCE@no")],
)
def test_missing_snapshot(zfs: Zfs, arguments: tuple[str, ...]) -> None:
    zfs.make_source("a", "b")
    sent, received = zfs.pipe([word.replace("SOURCE", zfs.source) for word in arguments], ("-s", "-u", zfs.target))
    assert sent.error is DatasetMissing
    assert received.stderr == "cannot receive: failed to read from stream\n"
    assert not zfs.exists(zfs.target)


def test_missing_bookmark(zfs: Zfs) -> None:
    zfs.make_source("a")
    sent, _received = zfs.pipe(("-i", f"{zfs.source}#no", f"{zfs.source}@a"), ("-s", "-u", zfs.target))
    assert f"incremental source ({zfs.source}#no) does not exist" in sent.stderr


@pytest.mark.parametrize("base", ["@b", "@c", "#c"])
def test_base_must_be_earlier(zfs: Zfs, base: str) -> None:
    zfs.make_source("a", "b", "c")
    zfs.ok("bookmark", f"{zfs.source}@c", f"{zfs.source}#c")
    sent, _received = zfs.pipe(("-i", f"{zfs.source}{base}", f"{zfs.source}@b"), ("-s", "-u", zfs.target))
    assert "not an earlier snapshot from the same fs" in sent.stderr
    assert sent.status == 1


def test_compound_incremental_backwards(zfs: Zfs) -> None:
    zfs.make_source("a", "b")
    zfs.copy_first("b")
    sent, received = zfs.pipe(("-I", f"{zfs.source}@b", f"{zfs.source}@a"), ("-s", "-u", zfs.target))
    assert f"incremental source ({zfs.source}@b) does not exist" in sent.stderr
    assert (sent.status, received.status) == (1, 1)
    assert zfs.snapshots(zfs.target) == ["b"]


def test_full_stream_of_a_clone_makes_an_independent_dataset(zfs: Zfs) -> None:
    zfs.make_source("a")
    zfs.ok("clone", f"{zfs.source}@a", f"{zfs.source}-clone")
    zfs.ok("snapshot", f"{zfs.source}-clone@b")
    assert zfs.send(f"{zfs.source}-clone@b").status == 0
    assert zfs.snapshots(zfs.target) == ["b"]
