"""Cut streams, and resume them."""

from __future__ import annotations

from tests.support.contract.zfs import MIB, Zfs
from zfs_replicate.errors import StreamBroken
from zfs_replicate.model import TokenContents
from zfs_replicate.zfs import queries, saved_state

CUT = 900_000
"""A byte in the first of a snapshot's 2 MiB."""


def contents(zfs: Zfs, dataset: str) -> TokenContents | None:
    """Decode the resume token of a dataset."""
    return saved_state.token_contents(zfs.run(queries.decode_token(zfs.token(dataset))).stdout.encode())


def cut_first(zfs: Zfs) -> str:
    """Cut a first receive; return the token."""
    zfs.make_source("a", size=2 * MIB)
    options = ("-s", "-u", "-o", "readonly=on", "-o", "canmount=noauto")
    _sent, received = zfs.pipe((f"{zfs.source}@a",), (*options, zfs.target), cut=CUT)
    assert received.error is StreamBroken
    return zfs.token(zfs.target)


def cut_incremental(zfs: Zfs, *snapshots: str) -> str:
    """Make a target with @a and a cut receive of @b; return the token."""
    zfs.make_source("a", "b", *snapshots, size=2 * MIB)
    zfs.copy_first()
    last = ("a", "b", *snapshots)[-1]
    assert zfs.send("-I", f"{zfs.source}@a", f"{zfs.source}@{last}", cut=CUT).error is StreamBroken
    return zfs.token(zfs.target)


def resume(zfs: Zfs, token: str, *options: str) -> tuple[int, str]:
    """Resume by a token; return the receiver's status and its stderr, or the sender's if that is empty."""
    sent, received = zfs.pipe(("-t", token), ("-s", "-u", *options, zfs.target))
    return received.status, received.stderr or sent.stderr
