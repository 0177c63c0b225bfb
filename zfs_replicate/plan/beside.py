"""Find the copies that are received beside a placeholder, and what lets them take its place. Values → values. Pure.

zfs receives with -F neither a raw stream nor anything onto an encrypted dataset, or onto one below a locked raw copy
(facts 3). There the copy is received beside the placeholder (`off/a.zfs_replicate` for `off/a`) and then takes its
place: what lies below the placeholder moves below the copy, the placeholder is destroyed, the copy is renamed. A run
that dies meanwhile leaves what these names explain: the copy is there, and its place is a placeholder, or free.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from zfs_replicate.model import TARGET_SUFFIX, Dataset, Inventory
from zfs_replicate.steps import CreateParent, DestroyPlaceholder, MoveDataset, PlaceAct, TakePlace
from zfs_replicate.zfs import names
from zfs_replicate.zfs.emptiness import is_untouched


@dataclass(frozen=True, slots=True)
class Beside:
    """How a copy gets to its place from beside it.

    `placeholder`: what is in the place; None if it is gone already. `step`: what moves. `stuck`: a dataset below the
    placeholder that zfs would not move. `is_taken`: something else has the name beside the place. `longest_name`: the
    longest one that anything will have meanwhile. `has_begun`: some of it has moved already.
    """

    placeholder: Dataset | None
    step: TakePlace
    stuck: Dataset | None = None
    is_taken: bool = False
    longest_name: str = ""
    has_begun: bool = False

    @property
    def is_free(self) -> bool:
        """Whether nothing that is known stands in the way."""
        return self.stuck is None and (self.placeholder is None or is_unused(self.placeholder))


def is_placeholder(dataset: Dataset | None) -> bool:
    """Whether it is a placeholder that no stream has filled."""
    return dataset is not None and dataset.is_placeholder and not dataset.snapshots


def is_unused(placeholder: Dataset) -> bool:
    """Whether a placeholder can go: nobody has written to it, nor taken a snapshot of it."""
    return not (placeholder.snapshots or placeholder.odd_snapshots) and is_untouched(placeholder)


def is_in_the_place_of(dataset: Dataset | None, source: Dataset) -> bool:
    """Whether a dataset leaves its place to the copy of this source: nothing, or a placeholder, perhaps snapshotted."""
    if dataset is None or is_placeholder(dataset):
        return True
    return dataset.is_placeholder and not is_held_by_mirror(dataset) and not has_part_of(dataset, source)


def is_copy_of(dataset: Dataset, source: Dataset) -> bool:
    """Whether a dataset beside a placeholder is the copy of this source: a part of it, or its unfinished beginning."""
    return has_part_of(dataset, source) if dataset.snapshots else _is_beginning_of(dataset, source)


def has_part_of(dataset: Dataset, source: Dataset) -> bool:
    """Whether they have something in common."""
    present = {snapshot.guid for snapshot in dataset.snapshots}
    return not present.isdisjoint([s.guid for s in source.snapshots] + [mark.guid for mark in source.bookmarks])


def has_copies_below(datasets: Mapping[str, Dataset], place: str, sources: Mapping[str, Dataset]) -> bool:
    """Whether copies of what is below a source have moved below the copy beside its place, which shows what that is.

    `sources`: by the names of their counterparts. The source itself may have lost all that its copy has.
    """
    copy = names.beside(place)
    for name, dataset in datasets.items():
        if name.startswith(f"{copy}/"):
            source = sources.get(place + names.in_place(name[len(copy) :]))
            if source is not None and has_part_of(dataset, source):
                return True
    return False


def _is_beginning_of(dataset: Dataset, source: Dataset) -> bool:
    """Whether the saved state of a first receive is of this source, by name or guid, as far as it can be read."""
    token = dataset.resume_token
    if token is None or not source.snapshots:
        return False
    contents = token.contents
    return (
        contents is None
        or contents.to_name.partition("@")[0] == source.name
        or any(snapshot.guid == contents.to_guid for snapshot in source.snapshots)
    )


def plan_place(datasets: Mapping[str, Dataset], place: str, copy_root: str | None, *, is_taken: bool = False) -> Beside:
    """Given a target and a place, return how the copy beside it gets there. `copy_root`: its encryption root.

    `off/a` (a placeholder) with `off/a/b`: move `off/a/b` to `off/a.zfs_replicate/b`, destroy `off/a`, rename
    `off/a.zfs_replicate` to `off/a`.
    """
    copy, placeholder = names.beside(place), datasets.get(place)
    moving = _Moving(datasets, copy_root)
    if placeholder is not None:
        moving.move_below(place, copy)
        moving.acts.append(DestroyPlaceholder(place, placeholder.is_encrypted, placeholder.uncounted_bytes))
    step = TakePlace(place, copy, tuple(moving.acts))
    has_begun = any(name.startswith(f"{copy}/") for name in datasets)
    return Beside(placeholder, step, moving.stuck, is_taken, moving.longest_name, has_begun)


@dataclass
class _Moving:
    """Collects what brings the datasets below a placeholder below its copy."""

    datasets: Mapping[str, Dataset]
    copy_root: str | None
    acts: list[PlaceAct] = field(default_factory=list)
    stuck: Dataset | None = None
    longest_name: str = ""

    def move_below(self, old: str, new: str) -> None:
        """Move what is right below `old`, with all below that.

        zfs moves no dataset away from the one whose key it inherits. A placeholder needs no key: another one is made,
        and what lies below it moves.
        """
        for child in self._children(old):
            moved = new + child.name[len(old) :]
            other = self.datasets.get(moved)
            if other is None and child.encryption_root in (None, child.name, self.copy_root):
                self.acts.append(MoveDataset(child.name, moved, child.kind))
                self._note_longest(child.name, moved)
            elif is_placeholder(child) and is_unused(child) and (other is None or is_placeholder(other)):
                if other is None:
                    self.acts.append(CreateParent(moved, is_placeholder=True, is_kept_plain=True))
                self.move_below(child.name, moved)
                self.acts.append(DestroyPlaceholder(child.name, child.is_encrypted, child.uncounted_bytes))
            elif self.stuck is None or (self.stuck.origin is None and child.origin is not None):
                self.stuck = child  # a clone first: once its origin has a key of its own, it might go nowhere

    def _children(self, parent: str) -> list[Dataset]:
        return [dataset for name, dataset in self.datasets.items() if name.rpartition("/")[0] == parent]

    def _note_longest(self, root: str, moved: str) -> None:
        for name, dataset in self.datasets.items():
            if names.is_within(name, root):
                snapshots = (f"@{snapshot.name}" for snapshot in (*dataset.snapshots, *dataset.odd_snapshots))
                longest = moved + name[len(root) :] + max(snapshots, key=len, default="")
                self.longest_name = max(self.longest_name, longest, key=len)


def in_place(datasets: Mapping[str, Dataset], step: TakePlace) -> dict[str, Dataset]:
    """Given a target, return it as it will be once the copy has taken its place, if it is there already.

    `off/a` (a placeholder), `off/a/b` and `off/a.zfs_replicate` become `off/a` and `off/a/b`.
    """
    after: dict[str, Dataset] = {}
    for name, dataset in datasets.items():
        if not names.is_within(name, step.copy):
            after.setdefault(name, dataset)
        elif name == step.copy or _moved(name, step) not in datasets:
            after[_moved(name, step)] = _renamed(dataset, step)
    for act in step.acts:
        if isinstance(act, DestroyPlaceholder) and act.target != step.target:  # another one is made, and not encrypted
            bare = replace(after[act.target], is_encrypted=False, encryption_root=None, written=0, logical_bytes=0)
            after[act.target] = bare
    return after


def all_in_place(target: Inventory) -> tuple[Inventory, dict[str, str]]:
    """Given a target whose source is not known, return it as it will be, and the copies beside by their places.

    A copy is what has such a name, and a mirror's hold on it or below it; its place is free, or a placeholder.
    """
    datasets: Mapping[str, Dataset] = {**target.datasets, **target.beside}
    copies: dict[str, str] = {}
    while (copy := next((n for n in datasets if _waits_for_its_place(n, datasets, target.root)), None)) is not None:
        place = copy.removesuffix(names.BESIDE_SUFFIX)
        datasets = in_place(datasets, plan_place(datasets, place, None).step)
        copies[place] = copy
    return within_root(target, datasets), copies


def within_root(target: Inventory, datasets: Mapping[str, Dataset]) -> Inventory:
    """Return a target with those of the datasets that are at or below its root, parents first."""
    own = sorted((name for name in datasets if names.is_within(name, target.root)), key=lambda name: name.split("/"))
    return replace(target, datasets={name: datasets[name] for name in own})


def _waits_for_its_place(copy: str, datasets: Mapping[str, Dataset], root: str) -> bool:
    place = copy.removesuffix(names.BESIDE_SUFFIX)
    if place == copy or not names.is_within(place, root):
        return False
    here = datasets.get(place)
    if not (here is None or is_placeholder(here)):
        return False
    return any(names.is_within(name, copy) and is_held_by_mirror(dataset) for name, dataset in datasets.items())


def is_held_by_mirror(dataset: Dataset) -> bool:
    """Whether a mirror's target hold is on any of its snapshots."""
    return any(tag.endswith(TARGET_SUFFIX) for snapshot in dataset.snapshots for tag in snapshot.holds)


def _renamed(dataset: Dataset, step: TakePlace) -> Dataset:
    root = dataset.encryption_root
    return replace(
        dataset, name=_moved(dataset.name, step), encryption_root=None if root is None else _moved(root, step)
    )


def _moved(name: str, step: TakePlace) -> str:
    return step.target + name[len(step.copy) :] if names.is_within(name, step.copy) else name
