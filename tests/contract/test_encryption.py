"""Encrypted datasets: raw streams, and mixing them with plain ones (facts 2, 3)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.contract.zfs import MIB, Zfs
from zfs_replicate.errors import KeyUnavailable, TargetDiverged
from zfs_replicate.zfs import parse_tree, queries, saved_state


@pytest.fixture
def encrypted(zfs: Zfs, tmp_path: Path) -> Zfs:
    """An encrypted source with snapshots a and b."""
    key = tmp_path / "key"
    key.write_text("correct horse battery staple")
    options = ("-o", "encryption=on", "-o", "keyformat=passphrase", "-o", f"keylocation=file://{key}")
    zfs.ok("create", *options, zfs.source)
    for name in ("a", "b"):
        zfs.write(zfs.source, 2 * MIB)
        zfs.ok("snapshot", f"{zfs.source}@{name}")
    return zfs


def test_raw_copy_is_encrypted_and_takes_raw_incrementals(encrypted: Zfs) -> None:
    zfs = encrypted
    assert zfs.send("-w", f"{zfs.source}@a").status == 0
    assert zfs.send("-w", "-I", f"{zfs.source}@a", f"{zfs.source}@b").status == 0
    (dataset,) = parse_tree.listing(zfs.run(queries.list_tree(zfs.target)).lines).datasets
    assert dataset.is_encrypted
    assert dataset.written == 0


def test_raw_stream_needs_no_key(encrypted: Zfs) -> None:
    zfs = encrypted
    zfs.ok("unload-key", zfs.source)
    sent, _received = zfs.pipe((f"{zfs.source}@a",), ("-s", "-u", zfs.target))
    assert sent.error is KeyUnavailable
    assert zfs.send("-w", f"{zfs.source}@a").status == 0


def test_token_of_a_raw_stream_is_raw(encrypted: Zfs) -> None:
    zfs = encrypted
    zfs.send("-w", f"{zfs.source}@a", cut=MIB)
    token = zfs.token(zfs.target)
    token_contents = saved_state.token_contents(zfs.run(queries.decode_token(token)).stdout.encode())
    assert token_contents is not None
    assert token_contents.is_raw
    assert zfs.send("-t", token).status == 0
    assert zfs.column(f"{zfs.target}@a", "encryption") != "off"


def test_raw_incremental_from_a_bookmark(encrypted: Zfs) -> None:
    zfs = encrypted
    zfs.send("-w", f"{zfs.source}@a")
    zfs.ok("bookmark", f"{zfs.source}@a", f"{zfs.source}#a")
    zfs.ok("destroy", f"{zfs.source}@a")
    assert zfs.send("-w", "-i", f"{zfs.source}#a", f"{zfs.source}@b").status == 0


def test_raw_incremental_needs_its_base_to_be_the_newest(encrypted: Zfs) -> None:
    zfs = encrypted
    zfs.send("-w", f"{zfs.source}@a")
    zfs.ok("snapshot", f"{zfs.target}@own")
    assert zfs.written(zfs.target) == 0
    increment = ("-w", "-i", f"{zfs.source}@a", f"{zfs.source}@b")
    assert "has been modified" in zfs.send(*increment).stderr
    zfs.ok("destroy", f"{zfs.target}@own")
    assert zfs.send(*increment).status == 0


def test_locked_raw_copy_can_be_rolled_back(encrypted: Zfs) -> None:
    zfs = encrypted
    zfs.send("-w", f"{zfs.source}@a")
    zfs.ok("snapshot", f"{zfs.target}@own")
    zfs.ok("rollback", "-r", f"{zfs.target}@a")
    assert zfs.send("-w", "-i", f"{zfs.source}@a", f"{zfs.source}@b").status == 0


def test_plain_incremental_onto_a_raw_copy_is_refused(encrypted: Zfs) -> None:
    zfs = encrypted
    zfs.send("-w", f"{zfs.source}@a")
    assert zfs.send("-i", f"{zfs.source}@a", f"{zfs.source}@b").error is KeyUnavailable


def test_plain_copy_is_plain_and_takes_plain_incrementals_only(encrypted: Zfs) -> None:
    zfs = encrypted
    zfs.send(f"{zfs.source}@a")
    assert zfs.column(zfs.target, "encryption") == "off"
    stderr = zfs.send("-w", "-i", f"{zfs.source}@a", f"{zfs.source}@b").stderr
    assert "cannot perform raw receive on top of existing unencrypted dataset" in stderr
    assert zfs.send("-i", f"{zfs.source}@a", f"{zfs.source}@b").status == 0


def test_raw_stream_does_not_fill_a_plain_placeholder(encrypted: Zfs) -> None:
    zfs = encrypted
    zfs.ok("create", zfs.target)
    _sent, received = zfs.pipe(("-w", f"{zfs.source}@a"), ("-s", "-u", "-F", zfs.target))
    assert received.error is TargetDiverged


def test_plain_stream_below_a_locked_parent_is_refused(encrypted: Zfs) -> None:
    zfs = encrypted
    zfs.send("-w", f"{zfs.source}@a")
    zfs.ok("create", f"{zfs.source}-plain")
    zfs.ok("snapshot", f"{zfs.source}-plain@a")
    _sent, received = zfs.pipe((f"{zfs.source}-plain@a",), ("-s", "-u", f"{zfs.target}/child"))
    assert received.error is KeyUnavailable


def below_locked(zfs: Zfs, kind: str) -> str:
    """Copy the source raw; make a plain dataset below it with snapshots a and b, and return its name."""
    zfs.send("-w", f"{zfs.source}@a")
    plain = f"{zfs.source}/plain"
    options = ("-s", "-V", "8M") if kind == "volume" else ()
    zfs.ok("create", *options, "-o", "encryption=off", plain)
    for name in ("a", "b"):
        zfs.ok("snapshot", f"{plain}@{name}")
    return plain


@pytest.mark.parametrize("kind", ["filesystem", "volume"])
def test_plain_stream_can_stay_plain_below_a_locked_parent(encrypted: Zfs, kind: str) -> None:
    zfs = encrypted
    plain, child = below_locked(zfs, kind), f"{zfs.target}/plain"
    _sent, received = zfs.pipe((f"{plain}@a",), ("-s", "-u", "-o", "encryption=off", child))
    assert received.status == 0, received
    assert zfs.column(child, "encryption") == "off"
    increment = ("-i", f"{plain}@a", f"{plain}@b")
    _sent, received = zfs.pipe(increment, ("-s", "-u", "-o", "encryption=off", child))
    assert "encryption property 'encryption' cannot be set for incremental streams" in received.stderr
    _sent, received = zfs.pipe(increment, ("-s", "-u", child))
    assert received.status == 0, received


def test_resume_of_a_plain_stream_sets_no_encryption(encrypted: Zfs) -> None:
    zfs = encrypted
    plain, child = below_locked(zfs, "filesystem"), f"{zfs.target}/plain"
    zfs.write(plain, 2 * MIB)
    zfs.ok("snapshot", f"{plain}@c")
    zfs.pipe((f"{plain}@c",), ("-s", "-u", "-o", "encryption=off", child), cut=MIB)
    resume = ("-t", zfs.token(child))
    _sent, received = zfs.pipe(resume, ("-s", "-u", "-o", "encryption=off", child))
    assert "encryption property 'encryption' cannot be set for incremental streams" in received.stderr
    _sent, received = zfs.pipe(resume, ("-s", "-u", child))
    assert received.status == 0, received
    assert zfs.column(child, "encryption") == "off"


def test_raw_stream_sets_no_encryption(encrypted: Zfs) -> None:
    zfs = encrypted
    _sent, received = zfs.pipe(("-w", f"{zfs.source}@a"), ("-s", "-u", "-o", "encryption=off", zfs.target))
    assert "encryption property 'encryption' cannot be set or excluded for raw streams" in received.stderr


def test_dataset_below_a_locked_parent_is_created_plain(encrypted: Zfs) -> None:
    zfs = encrypted
    zfs.send("-w", f"{zfs.source}@a")
    refused = zfs.zfs("create", f"{zfs.target}/parent")
    assert "encryption root's key is not loaded or provided" in refused.stderr
    zfs.ok("create", "-o", "encryption=off", "-o", "canmount=off", f"{zfs.target}/parent")
    assert zfs.column(f"{zfs.target}/parent", "encryption") == "off"


def test_plain_stream_fills_no_placeholder_below_a_locked_parent(encrypted: Zfs) -> None:
    zfs = encrypted
    plain, child = below_locked(zfs, "filesystem"), f"{zfs.target}/plain"
    zfs.ok("create", "-o", "encryption=off", "-o", "canmount=off", child)
    _sent, received = zfs.pipe((f"{plain}@a",), ("-s", "-u", "-F", child))
    assert received.error is KeyUnavailable


def test_raw_copy_has_the_ivset_guids_of_its_source(encrypted: Zfs) -> None:
    zfs = encrypted
    zfs.ok("bookmark", f"{zfs.source}@a", f"{zfs.source}#a")
    zfs.send("-w", f"{zfs.source}@a")
    source, target = (
        parse_tree.listing(zfs.run(queries.list_tree(root)).lines).datasets for root in (zfs.source, zfs.target)
    )
    (first, second), (copy,) = source[0].snapshots, target[0].snapshots
    assert 0 not in (first.ivset_guid, second.ivset_guid)
    assert first.ivset_guid == copy.ivset_guid == source[0].bookmarks[0].ivset_guid != second.ivset_guid
    assert (source[0].encryption_root, source[0].is_key_loaded) == (zfs.source, True)
    assert (target[0].encryption_root, target[0].is_key_loaded) == (zfs.target, False)


def test_raw_increment_onto_another_key_is_refused(encrypted: Zfs, tmp_path: Path) -> None:
    """The same snapshots, moved by plain streams into another dataset with a key of its own."""
    zfs = encrypted
    zfs.send("-w", f"{zfs.source}@a")
    other = f"{zfs.source}-vault"
    create_vault(zfs, other, tmp_path)
    zfs.pipe((f"{zfs.source}@a",), ("-u", f"{other}/moved"))
    zfs.ok("snapshot", f"{other}/moved@b")
    (_vault, moved) = parse_tree.listing(zfs.run(queries.list_tree(other)).lines).datasets
    assert moved.encryption_root == other
    refused = zfs.send("-w", "-i", f"{other}/moved@a", f"{other}/moved@b")
    assert "IV set guid mismatch" in refused.stderr
    assert refused.error is KeyUnavailable


def create_vault(zfs: Zfs, name: str, directory: Path) -> None:
    key = directory / "other key"
    key.write_text("another passphrase of this test")
    zfs.ok("create", "-o", "encryption=on", "-o", "keyformat=passphrase", "-o", f"keylocation=file://{key}", name)


# --- moving ---


def placeholder_of(zfs: Zfs, name: str, tmp_path: Path) -> None:
    """Create an encrypted placeholder with a raw copy and a plain one below it."""
    create_vault(zfs, zfs.target, tmp_path)
    zfs.ok("create", name)
    zfs.pipe(("-w", f"{zfs.source}@a"), ("-u", f"{name}/raw"))
    zfs.ok("create", "-o", "encryption=off", f"{zfs.source}/plain")
    zfs.ok("snapshot", f"{zfs.source}/plain@a")
    zfs.pipe((f"{zfs.source}/plain@a",), ("-u", f"{name}/plain"))


@pytest.mark.parametrize("raw", [("-w",), ()])
def test_no_full_stream_fills_an_encrypted_placeholder(encrypted: Zfs, tmp_path: Path, raw: tuple[str, ...]) -> None:
    zfs = encrypted
    name = f"{zfs.target}/here"
    placeholder_of(zfs, name, tmp_path)
    _sent, received = zfs.pipe((*raw, f"{zfs.source}@a"), ("-s", "-u", "-F", name))
    assert "zfs receive -F cannot be used to destroy an encrypted filesystem" in received.stderr


def test_an_encryption_root_moves_but_no_child_leaves_it(encrypted: Zfs, tmp_path: Path) -> None:
    zfs = encrypted
    name, copy = f"{zfs.target}/here", f"{zfs.target}/copy"
    placeholder_of(zfs, name, tmp_path)
    zfs.pipe(("-w", f"{zfs.source}@a"), ("-u", copy))
    guid = zfs.guid(f"{name}/raw")
    zfs.ok("rename", "-u", f"{name}/raw", f"{copy}/raw")
    assert zfs.guid(f"{copy}/raw") == guid
    assert zfs.column(f"{copy}/raw", "encryptionroot") == f"{copy}/raw"
    refused = zfs.zfs("rename", "-u", f"{name}/plain", f"{copy}/plain")
    assert "cannot move encrypted child outside of its encryption root" in refused.stderr
    zfs.ok("rename", "-u", f"{name}/plain", f"{zfs.target}/plain")


def test_a_plain_dataset_moves_below_a_locked_raw_copy(encrypted: Zfs) -> None:
    zfs = encrypted
    zfs.send("-w", f"{zfs.source}@a")
    plain = f"{zfs.target}-plain"
    zfs.ok("create", plain)
    zfs.ok("rename", "-u", plain, f"{zfs.target}/plain")
    assert zfs.column(f"{zfs.target}/plain", "encryption") == "off"
