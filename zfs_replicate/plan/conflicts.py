"""Find what a person must decide before a dataset can be mirrored. (Pair, ...) → Conflict or None. Pure.

Each conflict names the snapshots with their dates, and the commands that resolve it, ready to paste.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace

from zfs_replicate.model import Dataset, Snapshot
from zfs_replicate.plan.emptiness import is_untouched
from zfs_replicate.plan.pair import Pair
from zfs_replicate.steps import Conflict, Release, Rollback, Side
from zfs_replicate.units import date, size
from zfs_replicate.zfs import names

INCONCLUSIVE_BYTES = 12 << 10
"""Up to this, `written` proves no change: a rollback to a snapshot taken on the target leaves 1 KiB written, and zfs
receives onto it. The smallest real change leaves 14 KiB (lab, sectors of 512 bytes)."""


def find_conflict(pair: Pair, arriving: tuple[Snapshot, ...], is_resuming: bool, target_tag: str) -> Conflict | None:
    """Given a source dataset and its counterpart, return what prevents mirroring it, or None.

    `arriving`: the snapshots that are to be sent. If rolling the target back would help, the conflict carries the
    rollback. Holds with `target_tag` are ours.
    """
    source, target, base = pair.source, pair.target, pair.base
    problem = _path_problem(source, pair.target_name, arriving)
    if problem is not None or target is None:
        return problem
    if target.kind is not source.kind:
        return Conflict(
            f"it is a {target.kind.value}, but {source.name} is a {source.kind.value}", _move_aside(target.name)
        )
    if not source.snapshots:
        return None  # nothing will arrive, whatever is on the target
    if base is None:
        if target.snapshots:
            return _no_common_snapshot(source, target)
        if target.is_placeholder and (target.odd_snapshots or not is_untouched(target)):
            return Conflict(
                "it was created as an empty parent, but data has been written to it since",
                f"move its files elsewhere and delete them here, then run again; or {_move_aside(target.name)}"
                " (which moves all datasets below it, too)",
            )
        if not target.is_placeholder and not is_resuming:
            return Conflict(
                "it exists but has no snapshots, and may hold data of its own",
                f"{_move_aside(target.name)}, or choose another -l",
            )
        return None
    if not arriving:
        return None
    divergence = _Divergence.of(target, base.guid)
    return (
        _changed_since_base(divergence, target_tag)
        or (_blocks_raw_streams(divergence, target_tag) if pair.is_raw else None)
        or _name_taken(target, divergence, arriving, target_tag)
    )


def below_conflict(above: str) -> Conflict:
    """Given a target dataset in conflict, return the conflict of what is not begun below it."""
    return Conflict(
        f"it is not begun, because {above} above it is in conflict", "resolve that one first, then run again"
    )


def rolled_back(target: Dataset, rollback: Rollback) -> Dataset:
    """Given a target and its planned rollback, return the target as it will be afterwards."""
    kept = tuple(snapshot for snapshot in target.snapshots if f"{target.name}@{snapshot.name}" not in rollback.lost)
    return replace(target, snapshots=kept, written=0, resume_token=None)


@dataclass(frozen=True, slots=True)
class _Divergence:
    """What a target has that is newer than the newest common snapshot: its own snapshots, and bytes written."""

    target: str
    base: Snapshot
    newer: tuple[Snapshot, ...]
    byte_count: int

    @classmethod
    def of(cls, target: Dataset, base_guid: int) -> _Divergence:
        place = next(index for index, snapshot in enumerate(target.snapshots) if snapshot.guid == base_guid)
        newer = target.snapshots[place + 1 :]
        written = target.written + sum(snapshot.written for snapshot in newer)
        return cls(target.name, target.snapshots[place], newer, written)

    def rollback(self, target_tag: str) -> Rollback | None:
        """Return the rollback to the base; None if somebody else's hold or a clone prevents it."""
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
        """Return how to discard the changes or keep them; or what prevents a rollback."""
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
                f"it cannot be rolled back while {', '.join(guards)}; resolve that first, or {_move_aside(self.target)}"
            )
        flag = "-r " if self.newer else ""
        command = f"zfs rollback {flag}{shlex.quote(f'{self.target}@{self.base.name}')}"
        return (
            f"to discard the changes: {command} (or run once with --rollback); to keep them, {_move_aside(self.target)}"
        )


def _path_problem(source: Dataset, target_name: str, arriving: tuple[Snapshot, ...]) -> Conflict | None:
    longest = max((snapshot.name for snapshot in arriving), key=len, default="")
    problem = names.dataset_problem(target_name)
    length = len(target_name) + len(longest) + 1
    if problem is None and length > names.MAX_NAME_LENGTH:
        problem = f"is {length} bytes long with @{longest}; ZFS allows at most {names.MAX_NAME_LENGTH}"
    if problem is None:
        return None
    return Conflict(f"the target name {problem}", f"choose a shorter -l, or exclude {source.name} with -x")


def _no_common_snapshot(source: Dataset, target: Dataset) -> Conflict:
    return Conflict(
        f"no common snapshot is left: the newest on the target is {_dated(target.snapshots[-1])}, the newest on the"
        f" source is {_dated(source.snapshots[-1])}",
        f"{_move_aside(target.name)}, then run again for a new full copy",
    )


def _changed_since_base(divergence: _Divergence, target_tag: str) -> Conflict | None:
    """Bytes written since the base are a conflict. Newer snapshots alone harm only raw streams (facts 3)."""
    if divergence.byte_count <= INCONCLUSIVE_BYTES:
        return None
    newer = ", ".join(map(_dated, divergence.newer))
    return Conflict(
        f"it has changed since the newest common snapshot {_dated(divergence.base)}: {size(divergence.byte_count)} were"
        f" written{f'; it has newer snapshots of its own: {newer}' if newer else ''}",
        divergence.next_step(target_tag),
        divergence.rollback(target_tag),
    )


def _blocks_raw_streams(divergence: _Divergence, target_tag: str) -> Conflict | None:
    """A raw increment is refused unless its base is the newest snapshot, even if nothing was written (facts 3)."""
    if not divergence.newer:
        return None
    return Conflict(
        f"it has snapshots of its own, newer than the newest common snapshot {_dated(divergence.base)}, and a raw"
        f" stream needs that to be the newest: {', '.join(map(_dated, divergence.newer))}",
        divergence.next_step(target_tag),
        divergence.rollback(target_tag),
    )


def _name_taken(
    target: Dataset, divergence: _Divergence, arriving: tuple[Snapshot, ...], target_tag: str
) -> Conflict | None:
    by_name = {snapshot.name: snapshot for snapshot in target.snapshots}
    for snapshot in arriving:
        if snapshot.name in by_name:
            existing = by_name[snapshot.name]
            whole_name = f"{target.name}@{existing.name}"
            return Conflict(
                f"its snapshot {_dated(existing)} is not the source's {_dated(snapshot)}",
                f"rename it: zfs rename {shlex.quote(whole_name)} {shlex.quote(whole_name + '.local')}",
                divergence.rollback(target_tag) if existing in divergence.newer else None,
            )
    return None


def _move_aside(target: str) -> str:
    return f"move it aside: zfs rename {shlex.quote(target)} {shlex.quote(target + '.old')}"


def _dated(snapshot: Snapshot) -> str:
    return f"@{snapshot.name} ({date(snapshot.creation)})"
