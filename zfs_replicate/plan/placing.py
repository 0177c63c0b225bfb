"""Find what keeps a copy from taking the place of a placeholder, or the step that does it. (Pair, …) → value. Pure."""

from __future__ import annotations

import shlex

from zfs_replicate.model import Dataset, Kind, PlanContext, Snapshot
from zfs_replicate.plan.aside import move_aside, other_name
from zfs_replicate.plan.beside import Beside, is_unused
from zfs_replicate.plan.divergence import dated
from zfs_replicate.plan.pair import Pair
from zfs_replicate.plans import Conflict
from zfs_replicate.steps import CreateParent, DestroyPlaceholder, MoveDataset, PlaceAct, TakePlace
from zfs_replicate.zfs import commands, names
from zfs_replicate.zfs.emptiness import used_placeholder_problem


def taken_place(pair: Pair, context: PlanContext) -> tuple[TakePlace, ...]:
    """Return the step that brings a copy that is there already into its place, if there is one and nothing prevents it.

    It comes before all others on the target, whose steps have the names of afterwards.
    """
    if not pair.is_to_be_placed or pair.beside is None or place_problem(pair, (), context) is not None:
        return ()
    return (pair.beside.step,)


def place_problem(pair: Pair, arriving: tuple[Snapshot, ...], context: PlanContext) -> Conflict | None:
    """Return what keeps the copy from being received beside a placeholder and from taking its place, or None."""
    if pair.beside is None:
        return None
    copy, placeholder = pair.beside.step.copy, pair.beside.placeholder
    if pair.beside.is_taken:
        return Conflict(
            f"its copy is to be received as {copy}, since zfs cannot fill the placeholder, but that is something else",
            f"give that another name: zfs rename {shlex.quote(copy)} {shlex.quote(other_name(copy, context.now))}; then"
            " run again",
        )
    if placeholder is None:
        return None
    if pair.is_pool:
        return Conflict(
            "it is the root of a pool, and zfs cannot fill it with what arrives, nor put a copy in its place",
            move_aside(pair, context),
        )
    if pair.target is not None and (placeholder.snapshots or placeholder.odd_snapshots):
        return _stuck(pair.beside) or _snapshotted(pair.beside, placeholder, context)
    if not is_unused(placeholder):
        return used_placeholder(move_aside(pair, context))
    if placeholder.encryption_root == placeholder.name and not pair.is_raw:
        below = shlex.quote(f"{placeholder.name}/{pair.source.name.rpartition('/')[2]}")
        return Conflict(
            "it has a key of its own, and zfs cannot fill it; a copy in its place would not be encrypted with that key",
            f"mirror into it: -l {below}",
        )
    stuck = _stuck(pair.beside)
    if stuck is not None:
        return stuck
    longest = max((copy + "@" + arriving[0].name if arriving else copy, pair.beside.longest_name), key=len)
    if len(longest) > names.MAX_NAME_LENGTH:
        return Conflict(
            f"zfs cannot fill the placeholder, and while a copy takes its place, {longest} would be {len(longest)}"
            f" bytes long; ZFS allows at most {names.MAX_NAME_LENGTH}",
            "choose a shorter -l",
        )
    return None


def used_placeholder(aside: str) -> Conflict:
    """Return the conflict of a placeholder that somebody has written to."""
    return Conflict(
        used_placeholder_problem(),
        f"move its files elsewhere and delete them here, then run again; or {aside}",
    )


def _snapshotted(beside: Beside, placeholder: Dataset, context: PlanContext) -> Conflict:
    """Return the conflict of a placeholder of which somebody took a snapshot. What is below it need not go with it."""
    place, copy = beside.step.target, beside.step.copy
    newest = (*placeholder.odd_snapshots, *placeholder.snapshots)[-1]
    moves = " && ".join(shlex.join(command) for act in beside.step.acts for command in _moving(act))
    below = f"move what is below it: {moves}; then " if moves else ""
    return Conflict(
        f"its copy is {copy} and cannot take its place, because somebody took a snapshot of the empty parent that is"
        f" there: {dated(newest)}",
        f"{below}give that parent another name: zfs rename {shlex.quote(place)}"
        f" {shlex.quote(other_name(place, context.now))}; then run again",
    )


def _moving(act: PlaceAct) -> tuple[commands.Command, ...]:
    match act:
        case CreateParent():
            return (commands.create_parent(act),)
        case MoveDataset():
            return (commands.rename_dataset(act),)
        case DestroyPlaceholder():
            return ()


def _stuck(beside: Beside) -> Conflict | None:
    """Return the conflict of what is below a placeholder and cannot be moved below the copy, if there is anything."""
    child = beside.stuck
    if child is None:
        return None
    if child.encryption_root in (None, child.name):
        return Conflict(
            f"zfs cannot fill the placeholder, and {child.name} cannot be moved below the copy, which has a dataset of"
            " that name",
            "rename one of the two, then run again",
        )
    if child.origin is not None:
        return Conflict(
            f"zfs cannot fill the placeholder, nor move {child.name} below a copy in its place, because that is a clone"
            f" of {child.origin} and shares its key",
            _unstuck_clone(child, beside.step.target),
        )
    root, name = shlex.quote(child.encryption_root or ""), shlex.quote(child.name)
    return Conflict(
        f"zfs cannot fill the placeholder, nor move {child.name} below a copy in its place, because that inherits its"
        f" key from {child.encryption_root}",
        f"give it a key of its own; if the present one is not loaded: zfs load-key {root}; in any case: zfs change-key"
        f" -o keyformat=passphrase -o keylocation=prompt {name}; then run again. Its key must be loaded for later runs,"
        " too",
    )


def _unstuck_clone(clone: Dataset, place: str) -> str:
    """Return how a clone gets out of the way. zfs gives it no key of its own, and keeps it below the one it has.

    Nothing can be below a volume: a clone of one goes right below the dataset whose key they share, if that stays.
    """
    origin, root = names.dataset_of(clone.origin or ""), clone.encryption_root or ""
    if clone.kind is Kind.FILESYSTEM and origin != place:
        home, where = origin, "below the dataset that it is a clone of"
    elif root in names.ancestors(place):
        home, where = root, "below the dataset whose key it has"
    else:
        return "no other place has that key, so destroy it when it is not needed any more; then run again"
    moved = shlex.quote(f"{home}/{clone.name.rpartition('/')[2]}")
    return f"rename it to {where}: zfs rename {shlex.quote(clone.name)} {moved}; then run again"
