"""Find what encryption keeps from being mirrored until a person decides. (Pair) → Conflict or None. Pure.

An encrypted source leaves as it is stored (raw), unless the user asks for plain streams. Plain data is never put in
plain where the target encrypts.
"""

from __future__ import annotations

import shlex

from zfs_replicate.model import Dataset, PlanContext
from zfs_replicate.plan.aside import move_aside
from zfs_replicate.plan.pair import Pair
from zfs_replicate.plans import Conflict


def conflict_of_encryption(pair: Pair, context: PlanContext) -> Conflict | None:
    """Given a source dataset and its counterpart, return what their encryption prevents, or None."""
    if not pair.source.snapshots:
        return None
    if pair.base is None:
        return _conflict_of_new_copy(pair)
    return _conflict_of_copy(pair, context) if pair.newer_than(pair.base) else None


def _conflict_of_new_copy(pair: Pair) -> Conflict | None:
    """Given a pair without a base, return what the encryption of the datasets above prevents, or None."""
    if pair.is_raw:
        return None
    conflict = None
    if pair.is_in_encrypted:
        conflict = _plain_in_encrypted(pair) if _would_be_plain(pair) else _plain_parent(pair)
    if conflict is not None or pair.is_below_raw or pair.parent is None:
        return conflict
    return _locked(pair.parent.target)


def _conflict_of_copy(pair: Pair, context: PlanContext) -> Conflict | None:
    """Given a pair with something to send, return what the encryption of the copy prevents, or None."""
    if pair.is_raw:
        if pair.has_other_ivset:
            return Conflict(other_key_problem(pair), _new_raw_copy(pair, context, pair.inherits_from_outside))
        return _foreign_root(pair)
    if pair.source.is_encrypted and not pair.is_decrypting:
        return _copy_is_plain(pair, context)
    return _locked(pair.target)


def _locked(target: Dataset | None) -> Conflict | None:
    """Given where plain data would be encrypted, return what is missing for that, or None."""
    if target is None or target.encryption_root is None or target.is_key_loaded:
        return None
    return Conflict(
        f"what arrives for it is encrypted here, and the key of {target.encryption_root} is not loaded",
        f"load it: zfs load-key {shlex.quote(target.encryption_root)}; then run again",
    )


def other_key_problem(pair: Pair) -> str:
    """Return what is wrong with a copy that was encrypted differently."""
    base = pair.base.name if pair.base else ""
    return (
        f"its newest common snapshot @{base} is encrypted with another key than on {pair.source.name}, so zfs takes no"
        " raw stream onto it"
    )


def foreign_root_problem(pair: Pair) -> str | None:
    """Return what is wrong with a raw copy that inherits a key which is not that of its source; None if it does not.

    Each raw increment brings the key as the source has wrapped it, but zfs unlocks it with the key of the copy's
    encryption root, which may be another one since `zfs change-key -i` (facts 3). It is the same key if that root is
    the copy of the source's own root.
    """
    target = pair.target
    if target is None or not pair.is_raw or target.encryption_root in (None, target.name):
        return None
    above = pair.parent
    while above is not None and above.target_name != target.encryption_root:
        above = above.parent
    if above is not None and above.source.encryption_root in (None, pair.source.encryption_root):
        return None
    return (
        f"it inherits its key from {target.encryption_root}, which has another one than the source, so it could not be"
        " read any more after the next raw stream"
    )


def _foreign_root(pair: Pair) -> Conflict | None:
    problem = foreign_root_problem(pair)
    if problem is None or pair.target is None or pair.target.encryption_root is None:
        return None
    root, target = shlex.quote(pair.target.encryption_root), shlex.quote(pair.target_name)
    return Conflict(
        problem,
        f"give it a key of its own again, with any passphrase, since the next stream brings the source's; if the"
        f" present one is not loaded: zfs load-key {root}; in any case: zfs change-key -o keyformat=passphrase -o"
        f" keylocation=prompt {target}; then run again",
    )


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


def _new_raw_copy(pair: Pair, context: PlanContext, can_decrypt: bool) -> str:
    """Return how to get a raw copy instead of this one, and how to go on with this one."""
    decrypt = "; to go on in plain, add --decrypt to this mirror" if can_decrypt else ""
    return (
        f"for a new copy that is encrypted as the source is, {move_aside(pair, context)}, and run again, or choose"
        f" another -l{decrypt}"
    )


def _copy_is_plain(pair: Pair, context: PlanContext) -> Conflict:
    return Conflict(
        f"{pair.source.name} is encrypted, but this copy of it is not, so the next stream would leave the source in"
        " plain",
        _new_raw_copy(pair, context, can_decrypt=True),
    )
