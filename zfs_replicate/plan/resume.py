"""Whether a cut receive can be continued: (source, target, token) → the snapshot, or why not. Pure."""

from __future__ import annotations

from dataclasses import replace

from zfs_replicate.model import Dataset, ResumeToken, Snapshot, TokenContents
from zfs_replicate.plan.pair import Pair


def resumable(pair: Pair, token: ResumeToken) -> tuple[Snapshot | None, str]:
    """Return the source snapshot that the token continues, or why the token is stale.

    `zfs send -t` looks the snapshot up by name and guid, and the base by guid (zfs-send(8)).
    """
    source, contents = pair.source, token.contents
    if contents is None:
        return None, "the saved state is damaged"
    wanted = next((snapshot for snapshot in source.snapshots if snapshot.guid == contents.to_guid), None)
    if wanted is None:
        return None, f"the source no longer has {contents.to_name}"
    if contents.to_name != f"{source.name}@{wanted.name}":
        return None, f"{contents.to_name} is now {source.name}@{wanted.name}"
    stale = _misplaced(pair, wanted, contents)
    return (None, stale) if stale else (wanted, "")


def _misplaced(pair: Pair, wanted: Snapshot, contents: TokenContents) -> str:
    """Return why the snapshot cannot be continued from where the target is now; empty when it can."""
    here = pair.target.snapshots if pair.target else ()
    present = {snapshot.guid for snapshot in here}
    if wanted.guid in present:
        return f"@{wanted.name} has arrived already"
    if contents.from_guid is None:
        if here:
            return "it continues a first send, but the target has snapshots"
    elif contents.from_guid not in present:
        return "the target no longer has the snapshot that it starts from"
    elif contents.from_guid not in _guids(pair.source):
        return "the source no longer has the snapshot that it starts from"
    # zfs would take the whole rest, then fail: "kernel modules must be upgraded"
    if any(snapshot.has_partial_receive for snapshot in here) and not here[-1].has_partial_receive:
        return f"a snapshot was taken on the target meanwhile: @{here[-1].name}"
    base = pair.base
    if base is not None and (base.guid != contents.from_guid or wanted.createtxg < base.createtxg):
        return "the target has gone on since"
    if contents.is_raw != pair.is_raw:
        return "it mixes raw and plain streams"
    return ""


def after_abort(target: Dataset) -> Dataset | None:
    """What `receive -A` leaves: an unfinished first receive goes away whole (zfs-receive(8))."""
    if not target.snapshots and not target.is_placeholder:
        return None
    return replace(target, resume_token=None)


def _guids(dataset: Dataset) -> set[int]:
    return {snapshot.guid for snapshot in dataset.snapshots} | {bookmark.guid for bookmark in dataset.bookmarks}
