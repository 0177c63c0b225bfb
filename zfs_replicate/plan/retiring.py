"""Choose the holds and bookmarks that a mirror leaves on one side, for `release`. (Inventory, tag, …) → Leavings. Pure.

`-t TAG.ID` means one mirror: what has its own tag, and of the plain holds those that its bookmark or claim shows to be
its own, dataset by dataset. `-t TAG --unknown` means the plain ones of which nothing shows whose they are. `-t TAG`
means all plain ones, as long as a single mirror uses them; where several share the tag, only the unknown ones; and with
the target, only what is of that mirror. So no command lets go what another mirror needs.
"""

from __future__ import annotations

from dataclasses import dataclass

from zfs_replicate.model import UNKNOWN_HOLD, Dataset, Inventory, Snapshot
from zfs_replicate.plan.owners import Owners, owners
from zfs_replicate.steps import Side
from zfs_replicate.zfs import marks, names


@dataclass(frozen=True, slots=True)
class HeldSnapshot:
    """A snapshot with holds to release (full name). `is_on_target` None: the target was not read, or it is there."""

    name: str
    tags: tuple[str, ...]
    creation: int
    is_on_target: bool | None


@dataclass(frozen=True, slots=True)
class Leavings:
    """What `release` takes from one side: the holds, parents first, and the bookmarks (full names).

    `tag`: whose they are. `staying`: the tags of the mirrors that share the plain tag and keep what they have.
    `unread`: the snapshots whose holds are not known, as they got another name meanwhile (full names).
    """

    side: Side
    tag: str
    held: tuple[HeldSnapshot, ...]
    bookmarks: tuple[str, ...] = ()
    staying: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


def source_leavings(
    source: Inventory, target: Inventory | None, tag: str, mirror: str = "", is_unknown: bool = False
) -> Leavings:
    """Given the source's tree, return what goes with the tag there; given the target's, also what is on both sides.

    `mirror`: the one that the user means if another one uses the tag; empty if that is not known. `is_unknown`: only
    what no mirror shows to be its own.
    """
    plain, named = marks.plain_tag(tag)
    shown = {name: owners(dataset, plain) for name, dataset in source.datasets.items()}
    mirrors = frozenset(mirror for one in shown.values() for mirror in one.all)
    is_shared = len(mirrors | {mirror} - {""}) > 1 or any(one.beside for one in shown.values())
    if named is None and is_shared and not is_unknown:
        named = mirror or None
    choice = _Choice(plain, named, is_unknown or is_shared)
    known = None if target is None else _guids(target)
    held = tuple(
        HeldSnapshot(
            f"{name}@{snapshot.name}", tags, snapshot.creation, None if known is None else snapshot.guid in known
        )
        for name, dataset in source.datasets.items()
        for snapshot in dataset.snapshots
        if (tags := choice.tags(snapshot, shown[name]))
    )
    bookmarks = tuple(
        f"{name}#{bookmark.name}"
        for name, dataset in source.datasets.items()
        for bookmark in dataset.bookmarks
        if choice.takes(bookmark.name)
    )
    others = mirrors - {named} if named or choice.is_unknown else ()
    staying = tuple(sorted(marks.tag_beside(plain, other) for other in others))
    own_tag = tag if named is None else marks.tag_beside(plain, named)
    return Leavings(Side.SOURCE, own_tag, held, bookmarks, staying, _unread(source))


def target_leavings(copies: Inventory, tag: str) -> Leavings:
    """Given a target's tree and the tag of its holds (`TAG:target`), return them all."""
    held = tuple(
        HeldSnapshot(f"{name}@{snapshot.name}", (tag,), snapshot.creation, None)
        for name, dataset in copies.datasets.items()
        for snapshot in dataset.snapshots
        if tag in snapshot.holds
    )
    return Leavings(Side.TARGET, tag, held, unread=_unread(copies))


@dataclass(frozen=True, slots=True)
class _Choice:
    """What goes: of the mirror `named`; or if it is None, what has the plain tag: all, or what `is_unknown` only."""

    plain: str
    named: str | None
    is_unknown: bool

    def tags(self, snapshot: Snapshot, shown: Owners) -> tuple[str, ...]:
        """Return the tags that a snapshot loses."""
        return tuple(hold for hold in snapshot.holds if self._goes(hold, snapshot, shown))

    def _goes(self, hold: str, snapshot: Snapshot, shown: Owners) -> bool:
        if self.named is not None:
            is_its_own = hold in (marks.tag_beside(self.plain, self.named), marks.claim_tag(self.plain, self.named))
            return is_its_own or (hold == self.plain and shown.owner_of(snapshot) == self.named)
        if self.is_unknown:
            return hold == self.plain and shown.is_unexplained(snapshot)
        return hold == self.plain or marks.claiming_mirror(self.plain, hold) is not None

    def takes(self, bookmark: str) -> bool:
        """Whether a bookmark goes."""
        if self.named is not None:
            return marks.bookmarking_mirror(self.plain, bookmark) == self.named
        if self.is_unknown:
            return marks.is_unmarked(self.plain, bookmark)
        return names.is_bookmark_of(self.plain, bookmark)


def _guids(target: Inventory) -> frozenset[int]:
    """Return the guids of all snapshots of a target, also of a copy that is beside its place."""
    datasets: tuple[Dataset, ...] = (*target.datasets.values(), *target.beside.values())
    return frozenset(snapshot.guid for dataset in datasets for snapshot in dataset.snapshots)


def _unread(tree: Inventory) -> tuple[str, ...]:
    return tuple(
        f"{name}@{snapshot.name}"
        for name, dataset in tree.datasets.items()
        for snapshot in dataset.snapshots
        if UNKNOWN_HOLD in snapshot.holds
    )
