"""Decide whether an interrupted receive can be continued. (Pair, ResumeToken) → the snapshot, or why not. Pure."""

from __future__ import annotations

from dataclasses import replace

from zfs_replicate.model import Dataset, ResumeToken, Snapshot, TokenContents
from zfs_replicate.plan.pair import Pair


def resumable(pair: Pair, token: ResumeToken) -> tuple[Snapshot | None, str]:
    """Given a token, return the source snapshot that it continues and "", or None and why the token is stale.

    `zfs send -t` looks the snapshot up by name and guid, and the base by guid (zfs-send(8)).
    """
    source, contents = pair.source, token.contents
    if contents is None:
        return None, "the saved state is damaged"
    snapshot = next((snapshot for snapshot in source.snapshots if snapshot.guid == contents.to_guid), None)
    if snapshot is None:
        return None, f"the source no longer has {contents.to_name}"
    if contents.to_name != f"{source.name}@{snapshot.name}":
        return None, f"{contents.to_name} is now {source.name}@{snapshot.name}"
    reason = _stale_reason(pair, snapshot, contents)
    return (None, reason) if reason else (snapshot, "")


def _stale_reason(pair: Pair, snapshot: Snapshot, contents: TokenContents) -> str:
    """Return why the target as it is now cannot continue this snapshot; empty if it can."""
    on_target = pair.target.snapshots if pair.target else ()
    present = {existing.guid for existing in on_target}
    if snapshot.guid in present:
        return f"@{snapshot.name} has already arrived"
    if contents.from_guid is None:
        if on_target:
            return "it continues a full send, but the target already has snapshots"
    elif contents.from_guid not in present:
        return "the target no longer has the snapshot that it starts from"
    elif contents.from_guid not in _guids(pair.source):
        return "the source no longer has the snapshot that it starts from"
    # zfs would receive all the rest, and only then fail: "kernel modules must be upgraded"
    if any(existing.has_partial_receive for existing in on_target) and not on_target[-1].has_partial_receive:
        return f"a snapshot has since been taken on the target: @{on_target[-1].name}"
    base = pair.base
    if base is not None and (base.guid != contents.from_guid or snapshot.createtxg < base.createtxg):
        return "the target has moved on since"
    if contents.is_raw != pair.is_raw:
        return "it would mix raw and plain streams"
    return ""


def after_abort(target: Dataset) -> Dataset | None:
    """Return what `zfs receive -A` leaves of the target; None if this was its first receive (zfs-receive(8))."""
    if not target.snapshots and not target.is_placeholder:
        return None
    return replace(target, resume_token=None)


def _guids(dataset: Dataset) -> set[int]:
    return {snapshot.guid for snapshot in dataset.snapshots} | {bookmark.guid for bookmark in dataset.bookmarks}
