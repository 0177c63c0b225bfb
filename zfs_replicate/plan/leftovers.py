"""List holds with a mirror's tags that no dataset of the mirror needs. (Survey, …) → Leftovers. Pure.

A run touches only the datasets that it mirrors. One that was excluded later, moved out of the tree, renamed here, or is
gone on the source keeps its holds, and with them its space: only a person knows whether they may go.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass

from zfs_replicate.config import Connection
from zfs_replicate.model import TARGET_SUFFIX, Dataset, Inventory, Survey
from zfs_replicate.plan.identity import mirror_of, standing_of
from zfs_replicate.plan.owners import owners
from zfs_replicate.plan.pair import Pair, awaited, by_counterpart, find_orphans, is_on_its_way
from zfs_replicate.plans import Leftover
from zfs_replicate.steps import Side
from zfs_replicate.zfs import marks, names

EXCLUDED = "it is excluded by -x"
NOT_ON_SOURCE = "it is not on the source"
MOVED_AWAY = "it was moved out of the mirrored tree"
MOVED_ASIDE = "it was moved aside"

UNKNOWN = "--unknown"
"""Lets `release` take only what no mirror shows to be its own, whoever shares the tag by then."""


def find_leftovers(survey: Survey, excludes: tuple[str, ...], tag: str, connection: Connection) -> tuple[Leftover, ...]:
    """Given both sides, return the holds that the mirror does not need, by dataset, first those of the source.

    Holds of datasets below another one of the result are part of it, since `release` takes whole trees. With `-x b`,
    source `a! b! b/c!`, target `a^ b^ old^`: `b` with two holds on the source, and `b` and `old` on the target.
    """
    target_tag = f"{tag}{TARGET_SUFFIX}"
    mirrored = by_counterpart(survey.source, survey.target, excludes)
    originals = {original.name for original in mirrored.values()}
    orphans = {orphan.name for orphan in find_orphans(survey.source, survey.target, excludes)}
    on_source = [*_held_on_source(survey, originals, tag), *_moved_away(survey, excludes, tag)]
    if survey.source_capabilities.is_read_only:
        on_source = []  # nothing can be released there now
    later = awaited(survey.source, survey.target)
    on_target = [
        _Held(target_tag, (tag,), name, NOT_ON_SOURCE if names.dataset_of(name) in orphans else EXCLUDED)
        for name in _held(survey.target, mirrored.keys(), target_tag)
    ]
    aside = _held_only_for(survey.aside, target_tag, original_guids(survey))
    on_target += [_Held(target_tag, (tag,), name, MOVED_ASIDE) for _dataset, name in aside]
    on_target = [
        held
        for held in on_target
        if not _is_beside_its_place(held.snapshot, mirrored.keys()) and held.dataset not in later
    ]
    return (
        *_by_topmost(Side.SOURCE, on_source, lambda asked: (*releasing(connection, *asked), "-r")),
        *_by_topmost(Side.TARGET, on_target, lambda asked: _releasing_here(connection, asked[0])),
    )


@dataclass(frozen=True, slots=True)
class _Held:
    """A hold that the mirror does not need. `asked`: the words after -t by which `release` takes no other one's."""

    tag: str
    asked: tuple[str, ...]
    snapshot: str
    reason: str

    @property
    def dataset(self) -> str:
        return names.dataset_of(self.snapshot)


def _is_beside_its_place(snapshot: str, mirrored: Container[str]) -> bool:
    """Whether a snapshot is of a copy beside its place (names.beside), or of what has moved below that."""
    dataset = names.dataset_of(snapshot)
    return any(
        name.endswith(names.BESIDE_SUFFIX) and name.removesuffix(names.BESIDE_SUFFIX) in mirrored
        for name in (*names.ancestors(dataset), dataset)
    )


def orphaned_guids(survey: Survey, excludes: tuple[str, ...], tag: str) -> frozenset[int]:
    """Return the guids of the snapshots of all copies that are not on the source, but are held for the mirror.

    What has one of these guids elsewhere in the source's pool was moved there.
    """
    target_tag = f"{tag}{TARGET_SUFFIX}"
    orphans = find_orphans(survey.source, survey.target, excludes)
    held = [orphan for orphan in orphans if any(target_tag in snapshot.holds for snapshot in orphan.snapshots)]
    return frozenset(snapshot.guid for orphan in held for snapshot in orphan.snapshots)


def original_guids(survey: Survey) -> frozenset[int]:
    """Return the guids of all snapshots and bookmarks of the source: a copy of them elsewhere here was moved there."""
    originals = survey.source.datasets.values()
    guids = frozenset(snapshot.guid for dataset in originals for snapshot in dataset.snapshots)
    return guids | frozenset(bookmark.guid for dataset in originals for bookmark in dataset.bookmarks)


def releasing(connection: Connection, *tag: str) -> tuple[str, ...]:
    """Return the words of the command that releases the holds of a tag on the source; `-r` and a dataset follow.

    `tag`: the words after -t, the tag first.
    """
    port = () if connection.port is None else ("-p", str(connection.port))
    identity = () if connection.identity is None else ("-i", connection.identity)
    sudo = ("--sudo",) if connection.is_elevated else ()
    return ("zfs_replicate", "release", "-h", connection.host, *port, *identity, *sudo, "-t", *tag)


def _releasing_here(connection: Connection, tag: str) -> tuple[str, ...]:
    sudo = ("--sudo",) if connection.is_elevated else ()
    return ("zfs_replicate", "release", "--target", *sudo, "-t", tag, "-l")


def _held_on_source(survey: Survey, mirrored: Container[str], tag: str) -> Iterator[_Held]:
    """Yield what this mirror holds in datasets outside of it, parents first.

    Plain holds are left out where they seem to be another mirror's: where others use the tag, too, all that nothing
    shows to be ours.
    """
    mirror, is_shared = mirror_of(survey), _is_shared(survey, tag)
    own_tag, claim = marks.tag_beside(tag, mirror), marks.claim_tag(tag, mirror)
    for dataset in survey.source.datasets.values():
        if dataset.name in mirrored or is_on_its_way(dataset, survey.source):
            continue
        counterpart = survey.target.root + dataset.name.removeprefix(survey.source.root)
        pair = Pair.of(dataset, counterpart, survey.target.datasets.get(counterpart))
        standing, shown = standing_of(pair, tag, mirror), owners(dataset, tag)
        yield from (
            _Held(held, (own_tag,), f"{dataset.name}@{s.name}", EXCLUDED)
            for s in dataset.snapshots
            for held in (own_tag, claim)
            if held in s.holds and not (held == claim and tag in s.holds)  # a claim goes with its tag
        )
        for snapshot in dataset.snapshots:
            is_own = shown.owner_of(snapshot) == mirror
            is_ours = is_own or not is_shared or (not standing.is_apart and standing.is_since(snapshot))
            if tag in snapshot.holds and is_ours:
                asked = ((own_tag,) if is_own else (tag, UNKNOWN)) if is_shared else (tag,)
                yield _Held(tag, asked, f"{dataset.name}@{snapshot.name}", EXCLUDED)


def _moved_away(survey: Survey, excludes: tuple[str, ...], tag: str) -> Iterator[_Held]:
    """Yield what was moved out of the mirrored tree on the source. Bookmarks and claims have moved along.

    Other mirrors may have followed it there: a plain hold is ours where a sign shows that, or nobody shows one.
    """
    mirror, guids = mirror_of(survey), orphaned_guids(survey, excludes, tag)
    own_tag = marks.tag_beside(tag, mirror)
    for _dataset, name in _held_only_for(survey.moved, own_tag, guids):
        yield _Held(own_tag, (own_tag,), name, MOVED_AWAY)
    for dataset, name in _held_only_for(survey.moved, tag, guids):
        shown = owners(dataset, tag)
        if shown.plain.keys() == {mirror}:
            yield _Held(tag, (own_tag,), name, MOVED_AWAY)
        elif not shown.all:
            yield _Held(tag, (tag, UNKNOWN), name, MOVED_AWAY)


def _held_only_for(datasets: Sequence[Dataset], tag: str, guids: frozenset[int]) -> Iterator[tuple[Dataset, str]]:
    """Yield the datasets that hold a snapshot with one of these guids, and those of their snapshots that have the tag.

    Where the tag also holds others, on the same dataset or below it, none of that is: a mirror works there.
    """
    foreign = {
        dataset.name
        for dataset in datasets
        if any(tag in snapshot.holds and snapshot.guid not in guids for snapshot in dataset.snapshots)
    }
    for dataset in datasets:
        if any(names.is_within(name, dataset.name) for name in foreign):
            continue
        if any(snapshot.guid in guids for snapshot in dataset.snapshots):
            yield from ((dataset, f"{dataset.name}@{s.name}") for s in dataset.snapshots if tag in s.holds)


def _is_shared(survey: Survey, tag: str) -> bool:
    """Whether the source shows another mirror with this tag."""
    return any(owners(dataset, tag).all - {mirror_of(survey)} for dataset in survey.source.datasets.values())


def _held(tree: Inventory, mirrored: Container[str], tag: str) -> Iterator[str]:
    """Yield the snapshots that the tag holds in datasets outside the mirror, parents first."""
    for dataset in tree.datasets.values():
        if dataset.name not in mirrored:
            yield from (f"{dataset.name}@{snapshot.name}" for snapshot in dataset.snapshots if tag in snapshot.holds)


def _by_topmost(
    side: Side, held: Iterable[_Held], command: Callable[[tuple[str, ...]], tuple[str, ...]]
) -> Iterator[Leftover]:
    """Given holds, parents first, yield them by tag and the topmost of their datasets.

    `command`: given the words after -t, those of the command that releases it, but for the dataset, the last one.
    """
    groups: dict[tuple[str, tuple[str, ...], str], list[_Held]] = {}
    for one in held:
        key = (one.tag, one.asked)
        tops = (top for tag, asked, top in groups if (tag, asked) == key and names.is_within(one.dataset, top))
        groups.setdefault((*key, next(tops, one.dataset)), []).append(one)
    for (tag, asked, dataset), members in groups.items():
        snapshots = tuple(member.snapshot for member in members)
        yield Leftover(side, dataset, tag, snapshots, members[0].reason, shlex.join((*command(asked), dataset)))
