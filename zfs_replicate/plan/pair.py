"""Pair a source dataset with its copy and find their base. (Dataset, Dataset | None) → Pair. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from zfs_replicate.model import Bookmark, Dataset, Inventory, Snapshot
from zfs_replicate.plan.beside import (
    Beside,
    has_copies_below,
    in_place,
    is_copy_of,
    is_in_the_place_of,
    is_placeholder,
    plan_place,
    within_root,
)
from zfs_replicate.zfs import names


@dataclass(frozen=True, slots=True)
class Pair:
    """A source dataset and its counterpart on the target (None: it does not exist). Create it with `Pair.of`.

    `base`: the newest source snapshot or bookmark whose guid is on the target, preferably a snapshot; None: they have
    nothing in common. `parent`: the pair of the source's parent, None at the root of the tree. `is_in_encrypted`: the
    target's tree lies in a dataset of its own that is encrypted. `is_decrypting`: new copies are plain.
    `is_above_raw_only`: nothing plain will arrive below it. `is_parent_plain`: as in an Inventory.
    `below_count`: how many datasets the target has below it. `beside`: the copy comes to its place from beside it; then
    `target` is that copy, by the name that it will have, not the placeholder.
    """

    source: Dataset
    target_name: str
    target: Dataset | None
    base: Snapshot | Bookmark | None
    parent: Pair | None = None
    is_in_encrypted: bool = False
    is_decrypting: bool = False
    is_above_raw_only: bool = False
    is_parent_plain: bool = False
    below_count: int = 0
    beside: Beside | None = None

    @classmethod
    def of(cls, source: Dataset, target_name: str, target: Dataset | None) -> Pair:
        """Given both sides of one dataset, return them with their base. Source `a b c`, target `a b`: base `b`."""
        present = {snapshot.guid for snapshot in target.snapshots} if target else set()
        snapshots = [entry for entry in source.snapshots if entry.guid in present]
        bookmarks = [entry for entry in source.bookmarks if entry.guid in present]
        candidates: list[Snapshot | Bookmark] = [*snapshots[-1:], *bookmarks[-1:]]
        return cls(source, target_name, target, max(candidates, key=lambda entry: entry.createtxg, default=None))

    def with_target(self, target: Dataset | None) -> Pair:
        """Return the same source paired with the target as it will be."""
        return replace(self, target=target, base=Pair.of(self.source, self.target_name, target).base)

    @property
    def present(self) -> Dataset | None:
        """What the target has in this place: the copy, or still the placeholder."""
        return self.target if self.target is not None or self.beside is None else self.beside.placeholder

    @property
    def is_to_be_placed(self) -> bool:
        """Whether there is a copy beside the place that only has to get there."""
        if self.beside is None or self.target is None:
            return False
        return bool(self.target.snapshots) or (self.beside.has_begun and self.target.resume_token is None)

    @property
    def first_name(self) -> str:
        """Where a full stream goes: into the target, or beside it."""
        return self.target_name if self.beside is None or self.is_to_be_placed else self.beside.step.copy

    @property
    def needs_place_beside(self) -> bool:
        """Given an empty placeholder, return whether zfs would not receive onto it, even with -F (facts 3, 10)."""
        here = self.target
        if here is None or here.kind is not self.source.kind or not self.source.snapshots:
            return False
        return self.is_raw or here.is_encrypted or self.is_below_raw

    @property
    def is_pool(self) -> bool:
        """Whether the target is the root of a pool, which can neither be renamed nor replaced."""
        return "/" not in self.target_name

    @property
    def is_raw(self) -> bool:
        """Whether to send raw: an encrypted source is, so that the target needs no key.

        One copy never gets both raw and plain streams (facts 8), so what the copy is decides for it.
        """
        if not self.source.is_encrypted:
            return False
        if self.target is None or not self.target.snapshots:
            return not self.is_decrypting
        arrived_in_plain = self.has_other_ivset and self.inherits_from_outside
        return self.target.is_encrypted and not (self.is_decrypting and arrived_in_plain)

    @property
    def has_other_ivset(self) -> bool:
        """Whether the base is encrypted differently on both sides: zfs takes no raw increment then (facts 3)."""
        if self.base is None or self.target is None or not self.source.is_encrypted:
            return False
        here = next(snapshot for snapshot in self.target.snapshots if snapshot.guid == self.base.guid)
        return 0 not in (here.ivset_guid, self.base.ivset_guid) and here.ivset_guid != self.base.ivset_guid

    @property
    def inherits_from_outside(self) -> bool:
        """Whether the target is unlocked by the key of a dataset that its tree lies in."""
        top = self
        while top.parent is not None:
            top = top.parent
        root = self.target.encryption_root if self.target else None
        return root is not None and not names.is_within(root, top.target_name)

    @property
    def has_raw_copy(self) -> bool:
        """Whether the target is a raw copy, or will be once the source has arrived."""
        has_snapshots = bool(self.source.snapshots or (self.target and self.target.snapshots))
        return self.is_raw and has_snapshots

    @property
    def is_below_raw(self) -> bool:
        """Whether the target is made below a raw copy, whose key zfs wants for all but raw streams (facts 3)."""
        return self.parent is not None and self.parent.has_raw_copy

    def newer_than(self, base: Snapshot | Bookmark) -> tuple[Snapshot, ...]:
        """Given a snapshot or bookmark of the source, return the source snapshots newer than it, oldest first."""
        return tuple(snapshot for snapshot in self.source.snapshots if snapshot.createtxg > base.createtxg)


def not_excluded(inventory: Inventory, excludes: tuple[str, ...]) -> tuple[Dataset, ...]:
    """Return the datasets of a tree whose path below the root no pattern matches, parents first."""
    return tuple(
        dataset
        for name, dataset in inventory.datasets.items()
        if not names.is_excluded(names.below(name, inventory.root), excludes)
    )


def by_counterpart(source: Inventory, target: Inventory, excludes: tuple[str, ...]) -> dict[str, Dataset]:
    """Return the source datasets that are mirrored by the names of their counterparts, parents first.

    With roots `tank/a` and `off/b`, the key of `tank/a/c` is `off/b/c`. Without the excluded, and without what is on
    its way to its place there.
    """
    return {
        target.root + dataset.name[len(source.root) :]: dataset
        for dataset in not_excluded(source, excludes)
        if not is_on_its_way(dataset, source)
    }


def is_on_its_way(dataset: Dataset, source: Inventory) -> bool:
    """Whether a source dataset is a copy that another mirror will bring to its place, or is below one.

    It has its later name soon, and with it the base that its copy here has: mirrored by the name of now, it would be
    sent in full, and in the way later.
    """
    return names.is_beside(names.below(dataset.name, source.root))


def awaited(source: Inventory, target: Inventory) -> frozenset[str]:
    """Return the names of the copies on the target of what is on its way on the source, by its later name."""
    on_their_way = (name for name, dataset in source.datasets.items() if is_on_its_way(dataset, source))
    return frozenset(target.root + names.in_place(name[len(source.root) :]) for name in on_their_way)


def find_orphans(source: Inventory, target: Inventory, excludes: tuple[str, ...]) -> tuple[Dataset, ...]:
    """Return the datasets that only the target has, parents first, without the excluded."""
    known = by_counterpart(source, target, excludes).keys() | awaited(source, target)
    return tuple(dataset for dataset in not_excluded(target, excludes) if dataset.name not in known)


def above_plain_data(datasets: Iterable[Dataset], is_decrypting: bool) -> frozenset[str]:
    """Given source datasets, return the names above those that arrive in plain: `a` and `a/b` for a plain `a/b/c`."""
    plain = (dataset for dataset in datasets if dataset.snapshots and (is_decrypting or not dataset.is_encrypted))
    return frozenset(name for dataset in plain for name in names.ancestors(dataset.name))


def match_trees(
    source: Inventory, target: Inventory, excludes: tuple[str, ...], is_decrypting: bool = False
) -> tuple[tuple[Pair, ...], tuple[Dataset, ...]]:
    """Pair the datasets of two trees by their path below the root. Return the pairs, and what only the target has.

    Both are parents first, without the excluded.
    """
    pairs: dict[str, Pair] = {}
    datasets = by_counterpart(source, target, excludes)
    places = _Places(target, source, datasets)
    below = Counter(above for name in target.datasets for above in names.ancestors(name))
    above_plain = above_plain_data(datasets.values(), is_decrypting)
    for name, dataset in datasets.items():
        pair = Pair.of(dataset, name, places.datasets.get(name))
        parent = pairs.get(name.rpartition("/")[0])
        pair = replace(
            pair,
            parent=parent,
            is_in_encrypted=target.is_in_encrypted,
            is_decrypting=is_decrypting,
            is_above_raw_only=dataset.name not in above_plain,
            is_parent_plain=target.is_parent_plain,
            below_count=below[name],
        )
        pairs[name] = places.with_place(pair)
    return tuple(pairs.values()), find_orphans(source, places.inventory(), excludes)


class _Places:
    """A target as it will be once all copies beside a placeholder have taken its place.

    Those that are there already get to their places before any other arrives (executor.py), which may be above them.
    """

    def __init__(self, target: Inventory, source: Inventory, mirrored: Mapping[str, Dataset]) -> None:
        self.datasets: Mapping[str, Dataset] = {**target.datasets, **target.beside}
        self._before_streams = self.datasets
        self._target = target
        self._sources = {target.root + name[len(source.root) :]: dataset for name, dataset in source.datasets.items()}
        self._present: dict[str, Beside] = {}
        for name, dataset in mirrored.items():
            self._place_present(name, dataset)

    def _place_present(self, name: str, source: Dataset) -> None:
        """Note the copy of a source that is beside its place, if there is one. Parents come first."""
        here, copy = self.datasets.get(name), self.datasets.get(names.beside(name))
        if copy is None or not is_in_the_place_of(here, source):
            return
        if not (is_copy_of(copy, source) or has_copies_below(self.datasets, name, self._sources)):
            return
        beside = plan_place(self.datasets, name, copy.encryption_root)
        self.datasets = in_place(self.datasets, beside.step)
        if beside.is_free:
            self._before_streams = in_place(self._before_streams, beside.step)
        self._present[name] = beside

    def inventory(self) -> Inventory:
        """Return it without what is beside the root, parents first."""
        return within_root(self._target, self.datasets)

    def with_place(self, pair: Pair) -> Pair:
        """Given a pair whose parents have been seen, return it with the copy that is, or will be, beside the target."""
        name, here = pair.target_name, pair.target
        if name in self._present:
            return replace(pair, beside=self._present[name])
        if not is_placeholder(here) or not pair.needs_place_beside:
            return pair
        is_taken = names.beside(name) in self.datasets
        beside = plan_place(self._before_streams, name, _future_root(pair), is_taken=is_taken)
        self.datasets = in_place(self.datasets, beside.step)
        return replace(pair.with_target(None), beside=beside)


def _future_root(pair: Pair) -> str | None:
    """Return the encryption root of a copy that is to be received beside a placeholder, if anything inherits from it.

    A raw copy is one of its own; a plain one inherits, but below a raw copy.
    """
    here = pair.target
    if here is None or pair.is_raw or pair.is_below_raw or here.encryption_root == here.name:
        return None
    return here.encryption_root
