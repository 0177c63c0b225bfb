"""Cut streams to begin with, and how they are resumed."""

from __future__ import annotations

from tests.support.contract.zfs import MIB, Zfs
from zfs_replicate.errors import StreamBroken
from zfs_replicate.model import TokenContents
from zfs_replicate.zfs import commands, parse

CUT = 900_000
"""Somewhere in the first of a snapshot's 2 MiB."""


def contents(zfs: Zfs, dataset: str) -> TokenContents | None:
    return parse.token_contents(zfs.run(commands.decode_token(zfs.token(dataset))).stdout)


def cut_first(zfs: Zfs) -> str:
    """A first receive that was cut; the token."""
    zfs.make_source("a", size=2 * MIB)
    options = ("-s", "-u", "-o", "readonly=on", "-o", "canmount=noauto")
    _sent, received = zfs.pipe((f"{zfs.source}@a",), (*options, zfs.target), cut=CUT)
    assert received.error is StreamBroken
    return zfs.token(zfs.target)


def cut_incremental(zfs: Zfs, *snapshots: str) -> str:
    """A target that has @a, and a cut receive of @b; the token."""
    zfs.make_source("a", "b", *snapshots, size=2 * MIB)
    zfs.copy_first()
    last = ("a", "b", *snapshots)[-1]
    assert zfs.send("-I", f"{zfs.source}@a", f"{zfs.source}@{last}", cut=CUT).error is StreamBroken
    return zfs.token(zfs.target)


def resume(zfs: Zfs, token: str, *options: str) -> tuple[int, str]:
    sent, received = zfs.pipe(("-t", token), ("-s", "-u", *options, zfs.target))
    """The status of the receive, and what it said, or else the send."""
    return received.status, received.stderr or sent.stderr
