"""Find what encryption keeps from being mirrored until a person decides. (Pair) → Conflict or None. Pure.

An encrypted source leaves as it is stored (raw), unless the user asks for plain streams. Plain data is never put in
plain where the target encrypts.
"""

from __future__ import annotations

from zfs_replicate.model import PlanContext
from zfs_replicate.plan.aside import move_aside
from zfs_replicate.plan.pair import Pair
from zfs_replicate.steps import Conflict


def conflict_of_encryption(pair: Pair, context: PlanContext) -> Conflict | None:
    """Given a source dataset and its counterpart, return what their encryption prevents, or None."""
    source = pair.source
    if not source.snapshots:
        return None
    if pair.base is None:
        if source.is_encrypted or not pair.is_in_encrypted:
            return None
        return _plain_in_encrypted(pair) if _would_be_plain(pair) else _plain_parent(pair)
    would_leave_in_plain = source.is_encrypted and not pair.is_raw and not pair.is_decrypting
    if would_leave_in_plain and pair.newer_than(pair.base):
        return _copy_is_plain(pair, context)
    return None


def _would_be_plain(pair: Pair) -> bool:
    """Whether a new plain copy stays plain: the nearest copy above it is raw, or lies so itself."""
    parent = pair.parent
    while parent is not None and not parent.has_raw_copy:
        if parent.source.snapshots:
            return False
        parent = parent.parent
    return parent is not None


def _plain_in_encrypted(pair: Pair) -> Conflict:
    return Conflict(
        f"{pair.source.name} is not encrypted, but lies below a dataset that is and arrives raw; here it could only be"
        " stored in plain, although the target lies in an encrypted dataset",
        f"mirror the tree to a target (-l) that does not lie in an encrypted dataset, or exclude {pair.source.name}"
        " with -x and mirror it separately",
    )


def _plain_parent(pair: Pair) -> Conflict | None:
    """Return the conflict of a copy for which only an unencrypted parent of ours is there, or None."""
    at: Pair | None = pair
    while at is not None and at.target is None:
        at = at.parent
    if at is None:
        is_plain = pair.is_parent_plain
    else:
        is_plain = at.target is not None and at.target.is_placeholder and not at.target.is_encrypted
    if not is_plain:
        return None
    return Conflict(
        f"{pair.source.name} is not encrypted, but the parent of its copy was created in plain, because the key of the"
        " encrypted dataset above it was not loaded",
        "load that key and mirror it to a target (-l) directly in that encrypted dataset, or mirror it elsewhere",
    )


def _copy_is_plain(pair: Pair, context: PlanContext) -> Conflict:
    return Conflict(
        f"{pair.source.name} is encrypted, but this copy of it is not, so the next stream would leave the source in"
        " plain",
        f"for a new copy that is encrypted as the source is, {move_aside(pair, context)}, and run again, or choose"
        " another -l; to go on in plain, add --decrypt to this mirror",
    )
