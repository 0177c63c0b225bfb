"""Find what encryption keeps from being mirrored until a person decides. (Pair) → Conflict or None. Pure.

An encrypted source leaves as it is stored (raw). Plain data is never put in plain where the target encrypts.
"""

from __future__ import annotations

from zfs_replicate.plan.pair import Pair
from zfs_replicate.steps import Conflict


def conflict_of_encryption(pair: Pair) -> Conflict | None:
    """Given a source dataset and its counterpart, return what their encryption prevents, or None."""
    if not pair.source.snapshots:
        return None
    is_new = pair.base is None
    if is_new and not pair.source.is_encrypted and pair.is_in_encrypted and _would_be_plain(pair):
        return _plain_in_encrypted(pair)
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
