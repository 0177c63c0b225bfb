"""What only a person can decide: (source, target) → a conflict with its evidence and the ways out, or None. Pure.

Every text names the snapshots with their dates and the command that mends it, ready to paste.
"""

from __future__ import annotations

import shlex
from datetime import UTC, datetime

from zfs_replicate.model import Conflict, Dataset, Snapshot
from zfs_replicate.route import common_base, newer_than
from zfs_replicate.zfs import names


def find_conflict(source: Dataset, target_name: str, target: Dataset | None, is_resuming: bool) -> Conflict | None:
    """Given one dataset and its counterpart (None: absent), return what stands in the way of mirroring it."""
    problem = _path_problem(source, target_name)
    if problem is not None or target is None:
        return problem
    if target.kind is not source.kind:
        return Conflict(
            f"it is a {target.kind.value}, but {source.name} is a {source.kind.value}", _move_aside(target.name)
        )
    base = common_base(source, target)
    if base is None:
        if target.snapshots:
            return _no_common_snapshot(source, target)
        if source.snapshots and not target.is_placeholder and not is_resuming:
            return Conflict(
                "it exists without any snapshot and may hold data of its own",
                f"{_move_aside(target.name)}, or choose another -l",
            )
        return None
    arriving = newer_than(source, base)
    if not arriving:
        return None
    return _changed(target, base.guid) or _name_taken(target, arriving)


def _path_problem(source: Dataset, target_name: str) -> Conflict | None:
    longest = max((snapshot.name for snapshot in source.snapshots), key=len, default="")
    problem = names.dataset_problem(target_name)
    length = len(target_name) + len(longest) + 1
    if problem is None and length > names.MAX_NAME_LENGTH:
        problem = f"is {length} bytes long with @{longest}; ZFS takes {names.MAX_NAME_LENGTH} at most"
    if problem is None:
        return None
    return Conflict(f"the target name {problem}", f"choose a shorter -l, or leave it out with -x for {source.name}")


def _no_common_snapshot(source: Dataset, target: Dataset) -> Conflict:
    theirs = (
        f"the newest on the source is {_dated(source.snapshots[-1])}" if source.snapshots else "the source has none"
    )
    return Conflict(
        f"no common snapshot is left: the newest on the target is {_dated(target.snapshots[-1])}, {theirs}",
        f"{_move_aside(target.name)}, then run again for a new full copy",
    )


def _changed(target: Dataset, base_guid: int) -> Conflict | None:
    """Changed means: bytes were written since the base. Newer snapshots alone do no harm (lab: OpenZFS 2.3, 2.4)."""
    place = next(index for index, snapshot in enumerate(target.snapshots) if snapshot.guid == base_guid)
    base, own = target.snapshots[place], target.snapshots[place + 1 :]
    written = target.written + sum(snapshot.written for snapshot in own)
    if not written:
        return None
    newer = f"; it has newer snapshots of its own: {', '.join(map(_dated, own))}" if own else ""
    flag = "-r " if own else ""
    command = f"zfs rollback {flag}{shlex.quote(f'{target.name}@{base.name}')}"
    return Conflict(
        f"it was changed since the newest common snapshot {_dated(base)}: {written} bytes were written{newer}",
        f"discard the changes with: {command}; or keep them: {_move_aside(target.name)}",
    )


def _name_taken(target: Dataset, arriving: tuple[Snapshot, ...]) -> Conflict | None:
    taken = {snapshot.name: snapshot for snapshot in target.snapshots}
    for snapshot in arriving:
        if snapshot.name in taken:
            mine = taken[snapshot.name]
            whole_name = f"{target.name}@{mine.name}"
            return Conflict(
                f"its snapshot {_dated(mine)} is another one than the source's {_dated(snapshot)}",
                f"rename it: zfs rename {shlex.quote(whole_name)} {shlex.quote(whole_name + '.local')}",
            )
    return None


def _move_aside(target: str) -> str:
    return f"move it aside: zfs rename {shlex.quote(target)} {shlex.quote(target + '.old')}"


def _dated(snapshot: Snapshot) -> str:
    return f"@{snapshot.name} ({datetime.fromtimestamp(snapshot.creation, UTC):%Y-%m-%d %H:%M} UTC)"
