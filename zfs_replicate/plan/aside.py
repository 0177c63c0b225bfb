"""Advise how to get a target out of the way, so that a new copy can arrive. (Pair, PlanContext) → text. Pure."""

from __future__ import annotations

import shlex

from zfs_replicate.model import PLACEHOLDER_PROPERTY, PlanContext
from zfs_replicate.plan.pair import Pair
from zfs_replicate.units import counted, stamp


def move_aside(pair: Pair, context: PlanContext) -> str:
    """Return the command that renames a target, with what it is for; for a pool's root, which cannot be, another way.

    The new name has the time in it: one that is certainly free would need another question to zfs.
    """
    name = pair.target_name
    if pair.is_pool:
        below = shlex.quote(f"{name}/{pair.source.name.rpartition('/')[2]}")
        return f"mirror to another target, since a pool's root cannot be renamed: -l {below}"
    aside = other_name(name, context.now)
    along = f" (which takes along the {counted(pair.below_count, 'dataset')} below it)" if pair.below_count else ""
    return f"move it aside: zfs rename {shlex.quote(name)} {shlex.quote(aside)}{along}"


def other_name(name: str, now: int) -> str:
    """Return a name that is most probably free: `off/a.old-20260110-0600`."""
    return f"{name}.old-{stamp(now)}"


def marked_by_hand(pair: Pair) -> str:
    """Return how to fill an empty parent that lacks our mark, say from an earlier version; its children stay."""
    return (
        f"if it is only an empty parent of those below it: zfs set {PLACEHOLDER_PROPERTY}=on"
        f" {shlex.quote(pair.target_name)}, then run again, which fills it if it is empty"
    )
