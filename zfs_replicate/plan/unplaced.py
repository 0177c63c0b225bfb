"""Tell of copies beside their places that this run leaves as they are, on either side. (Inventories, …) → text. Pure.

On the source, another mirror will bring them to their places. On the target, nothing shows any more what they are.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping

from zfs_replicate.model import Dataset, Inventory
from zfs_replicate.plan.aside import other_name
from zfs_replicate.plan.beside import is_placeholder
from zfs_replicate.plan.pair import Pair, is_on_its_way, not_excluded
from zfs_replicate.zfs import names


def left_out_problem(source: Inventory, host: str, excludes: tuple[str, ...]) -> str | None:
    """Return what to say of copies on the source that are on their way to their places; None if there are none."""
    datasets = [one for one in not_excluded(source, excludes) if is_on_its_way(one, source)]
    copies = ", ".join(one.name for one in datasets if one.name.endswith(names.BESIDE_SUFFIX))
    if not copies:
        return None
    return (
        f"{copies} on {host}: left out with all below, because a mirror into that tree was interrupted while a copy"
        " took its place; run that one again: then it is mirrored by its own name"
    )


def unplaced_problems(target: Inventory, pairs: Iterable[Pair], now: int) -> Iterator[str]:
    """Yield what to say of datasets with snapshots that have the name of a copy beside its place, but stay there.

    Without those that keep a copy from being received there, which is a conflict.
    """
    by_name = {pair.target_name: pair for pair in pairs}
    expected = {pair.beside.step.copy for pair in by_name.values() if pair.beside is not None}
    datasets = {**target.datasets, **target.beside}
    for name in datasets:
        later = _after_those_above(name, target.root)
        pair = by_name.get(later.removesuffix(names.BESIDE_SUFFIX)) if name.endswith(names.BESIDE_SUFFIX) else None
        if pair is not None and later not in expected and _has_snapshots(name, datasets):
            yield _unplaced_problem(name, pair, now)


def _after_those_above(name: str, root: str) -> str:
    """Return the name once those above it are in their places: `off/a.zfs_replicate/b` gives `off/a/b`."""
    above, slash, last = name[len(root) :].rpartition("/")
    return f"{root}{names.in_place(above)}{slash}{last}"


def _has_snapshots(root: str, datasets: Mapping[str, Dataset]) -> bool:
    return any(names.is_within(name, root) and dataset.snapshots for name, dataset in datasets.items())


def _unplaced_problem(name: str, pair: Pair, now: int) -> str:
    reason = (
        f"nothing shows that it is a copy of {pair.source.name}"
        if pair.target is None or is_placeholder(pair.target)
        else f"{pair.target_name} is there already"
    )
    return (
        f"{name} on this machine: it has the name of a copy that is to become {pair.target_name}, but {reason}, so it"
        " is kept as it is, with its holds; see what it has (zfs list -r -t all), and give it another name: zfs rename"
        f" {shlex.quote(name)} {shlex.quote(other_name(name.removesuffix(names.BESIDE_SUFFIX), now))}"
    )
