"""What only a person can decide: (source, target) → a conflict with its evidence and the ways out, or None. Pure.

Every text names the snapshots with their dates and the command that mends it, ready to paste.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace

from zfs_replicate.model import Dataset, Snapshot
from zfs_replicate.plan.pair import Pair
from zfs_replicate.steps import Conflict, Release, Rollback, Side
from zfs_replicate.units import date
from zfs_replicate.zfs import names

INCONCLUSIVE_BYTES = 12 << 10
"""So much counts as written after no more than a rollback to a snapshot taken here: zfs itself decides about so little.
The smallest real change writes more (lab: 1024 and 14336 bytes with sectors of 512)."""


def find_conflict(pair: Pair, is_resuming: bool, target_tag: str) -> Conflict | None:
    """Given one dataset and its counterpart, return what stands in the way of mirroring it.

    Where a rollback of the target would help, the conflict carries it. Holds of `target_tag` are ours.
    """
    source, target, base = pair.source, pair.target, pair.base
    problem = _path_problem(source, pair.target_name)
    if problem is not None or target is None:
        return problem
    if target.kind is not source.kind:
        return Conflict(
            f"it is a {target.kind.value}, but {source.name} is a {source.kind.value}", _move_aside(target.name)
        )
    if base is None:
        if target.snapshots:
            return _no_common_snapshot(source, target)
        if source.snapshots and not target.is_placeholder and not is_resuming:
            return Conflict(
                "it exists without any snapshot and may hold data of its own",
                f"{_move_aside(target.name)}, or choose another -l",
            )
        return None
    arriving = pair.newer_than(base)
    if not arriving:
        return None
    beyond = _Beyond.of(target, base.guid)
    return _changed(beyond, target_tag) or _name_taken(target, beyond, arriving, target_tag)


def rolled_back(target: Dataset, rollback: Rollback) -> Dataset:
    """Given a target and what will be rolled back, return the target as it will be."""
    kept = tuple(snapshot for snapshot in target.snapshots if f"{target.name}@{snapshot.name}" not in rollback.lost)
    return replace(target, snapshots=kept, written=0, resume_token=None)


@dataclass(frozen=True, slots=True)
class _Beyond:
    """What a target has beyond the newest common snapshot: its own newer snapshots, and bytes written."""

    target: str
    base: Snapshot
    newer: tuple[Snapshot, ...]
    byte_count: int

    @classmethod
    def of(cls, target: Dataset, base_guid: int) -> _Beyond:
        place = next(index for index, snapshot in enumerate(target.snapshots) if snapshot.guid == base_guid)
        newer = target.snapshots[place + 1 :]
        written = target.written + sum(snapshot.written for snapshot in newer)
        return cls(target.name, target.snapshots[place], newer, written)

    def rollback(self, target_tag: str) -> Rollback | None:
        """What a rollback to the base would discard; None where a foreign hold or a clone forbids it."""
        if any(snapshot.clones or set(snapshot.holds) - {target_tag} for snapshot in self.newer):
            return None
        own = tuple(f"{self.target}@{snapshot.name}" for snapshot in self.newer if snapshot.holds)
        return Rollback(
            self.target,
            f"{self.target}@{self.base.name}",
            self.byte_count,
            tuple(f"{self.target}@{snapshot.name}" for snapshot in self.newer),
            Release(Side.TARGET, target_tag, own) if own else None,
        )

    def next_step(self, target_tag: str) -> str:
        """How to discard it: by hand, or by us; and what forbids that."""
        guards = [
            f"@{snapshot.name} is {how}"
            for snapshot in self.newer
            for how in (
                *(f"held by {tag}" for tag in snapshot.holds if tag != target_tag),
                *(f"cloned as {clone}" for clone in snapshot.clones),
            )
        ]
        if guards:
            return (
                f"it cannot be rolled back while {', '.join(guards)}; see to that first, or {_move_aside(self.target)}"
            )
        flag = "-r " if self.newer else ""
        command = f"zfs rollback {flag}{shlex.quote(f'{self.target}@{self.base.name}')}"
        return f"discard it with: {command} (or run once with --rollback); or keep it: {_move_aside(self.target)}"


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


def _changed(beyond: _Beyond, target_tag: str) -> Conflict | None:
    """Changed means: bytes were written since the base. Newer snapshots alone do no harm (lab: OpenZFS 2.3, 2.4)."""
    if beyond.byte_count <= INCONCLUSIVE_BYTES:
        return None
    newer = f"; it has newer snapshots of its own: {', '.join(map(_dated, beyond.newer))}" if beyond.newer else ""
    return Conflict(
        f"it was changed since the newest common snapshot {_dated(beyond.base)}: {beyond.byte_count} bytes were"
        f" written{newer}",
        beyond.next_step(target_tag),
        beyond.rollback(target_tag),
    )


def _name_taken(target: Dataset, beyond: _Beyond, arriving: tuple[Snapshot, ...], target_tag: str) -> Conflict | None:
    taken = {snapshot.name: snapshot for snapshot in target.snapshots}
    for snapshot in arriving:
        if snapshot.name in taken:
            mine = taken[snapshot.name]
            whole_name = f"{target.name}@{mine.name}"
            return Conflict(
                f"its snapshot {_dated(mine)} is another one than the source's {_dated(snapshot)}",
                f"rename it: zfs rename {shlex.quote(whole_name)} {shlex.quote(whole_name + '.local')}",
                beyond.rollback(target_tag) if mine in beyond.newer else None,
            )
    return None


def _move_aside(target: str) -> str:
    return f"move it aside: zfs rename {shlex.quote(target)} {shlex.quote(target + '.old')}"


def _dated(snapshot: Snapshot) -> str:
    return f"@{snapshot.name} ({date(snapshot.creation)})"
