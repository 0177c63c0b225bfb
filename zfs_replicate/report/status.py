"""A mirror's status in, what monitoring and people read out: a first line, a table, data for JSON. Pure.

The first line is as monitoring plugins have it (Monitoring Plugins Development Guidelines): `SERVICE LEVEL - text`,
then after a bar the figures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from zfs_replicate.config import StatusOptions
from zfs_replicate.plan.status import DatasetStatus, Level, Status
from zfs_replicate.printable import visible
from zfs_replicate.units import age

SERVICE = "ZFS_REPLICATE"
SCHEMA_VERSION = 1
MOST_PROBLEMS = 3
"""So many are named in the first line; pagers cut long ones."""

_COLOURS = {Level.OK: "32", Level.WARNING: "33", Level.CRITICAL: "31", Level.UNKNOWN: "35"}


def first_line(status: Status, wishes: StatusOptions) -> str:
    """`ZFS_REPLICATE OK - off/a: 3 datasets, oldest copy 2 h old (off/a/web@x) | age=7200s;;;0 …`."""
    return visible(f"{SERVICE} {status.level.name} - {_text(status)} | {_figures(status, wishes)}")


def unknown_line(problem: str) -> str:
    """What could not be found out; the bar would begin the figures."""
    return f"{SERVICE} {Level.UNKNOWN.name} - {visible(' '.join(problem.split())).replace('|', '/')}"


def table(status: Status, is_coloured: bool) -> Iterator[str]:
    """The lines after the first: one for each dataset."""
    if not status.datasets:
        return
    has_source = any(dataset.source is not None or dataset.is_orphan for dataset in status.datasets)
    heads = ["DATASET", "NEWEST", "AGE", *(["BEHIND"] if has_source else []), "HOLDS"]
    rows = [heads, *(_row(dataset, has_source) for dataset in status.datasets)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    yield f"{_aligned(heads, widths)}  STATE"
    for dataset, row in zip(status.datasets, rows[1:], strict=True):
        level = dataset.level.name
        state = f"\033[{_COLOURS[dataset.level]}m{level}\033[0m" if is_coloured else level
        said = visible("; ".join((*dataset.problems, *dataset.notes)))
        yield f"{_aligned(row, widths)}  {state}{f': {said}' if said else ''}"


def as_data(status: Status, wishes: StatusOptions, source_root: str | None, now: int) -> dict[str, object]:
    """The same for machines: docs/status.schema.json."""
    return {
        **_frame(status.level, status.root, now),
        "source": source_root,
        "tag": wishes.tag,
        "warn_seconds": wishes.warn_seconds,
        "crit_seconds": wishes.crit_seconds,
        "summary": _text(status),
        "datasets": [_dataset_data(dataset) for dataset in status.datasets],
    }


def unknown_data(problem: str, root: str, now: int) -> dict[str, object]:
    return {**_frame(Level.UNKNOWN, root, now), "summary": problem, "datasets": []}


def _frame(level: Level, root: str, now: int) -> dict[str, object]:
    return {
        "schema": "zfs_replicate-status",
        "version": SCHEMA_VERSION,
        "time": now,
        "level": level.name,
        "exit_status": int(level),
        "target": root,
    }


def _dataset_data(dataset: DatasetStatus) -> dict[str, object]:
    return {
        "dataset": dataset.name,
        "source": dataset.source,
        "level": dataset.level.name,
        "newest": dataset.newest,
        "age_seconds": dataset.age_seconds,
        "behind_snapshots": dataset.behind,
        "behind_seconds": dataset.behind_seconds,
        "source_hold": dataset.has_source_hold,
        "target_hold": dataset.has_target_hold,
        "unfinished_receive": dataset.is_unfinished,
        "orphan": dataset.is_orphan,
        "problems": list(dataset.problems),
        "notes": list(dataset.notes),
    }


def _text(status: Status) -> str:
    if not status.datasets:
        return f"{status.root}: there is no copy: no such dataset"
    troubled = sorted((each for each in status.datasets if each.problems), key=lambda each: -each.level)
    if troubled:
        named = [f"{each.name}: {', '.join(each.problems)}" for each in troubled[:MOST_PROBLEMS]]
        more = [f"and {len(troubled) - len(named)} more"] if len(troubled) > len(named) else []
        return f"{len(troubled)} of {len(status.datasets)} below {status.root}: {'; '.join([*named, *more])}"
    count = f"{len(status.datasets)} dataset{'' if len(status.datasets) == 1 else 's'}"
    oldest = status.oldest
    if oldest is None or oldest.age_seconds is None:
        return f"{status.root}: {count}, no mirrored snapshot yet"
    return f"{status.root}: {count}, oldest copy {age(oldest.age_seconds)} old ({oldest.name}@{oldest.newest})"


def _figures(status: Status, wishes: StatusOptions) -> str:
    """`label=value;warn;crit;least`; what is not known is left out."""
    figures = []
    oldest = status.oldest
    if oldest is not None:
        limits = ";".join("" if each is None else str(each) for each in (wishes.warn_seconds, wishes.crit_seconds))
        figures.append(f"age={oldest.age_seconds}s;{limits};0")
    behind = [each.behind for each in status.datasets if each.behind is not None]
    if behind:
        figures.append(f"behind={max(behind)};;;0")
    troubled = sum(1 for each in status.datasets if each.problems)
    return " ".join([*figures, f"datasets={len(status.datasets)};;;0", f"problems={troubled};;;0"])


def _row(dataset: DatasetStatus, has_source: bool) -> list[str]:
    return [
        dataset.name,
        "-" if dataset.newest is None else f"@{dataset.newest}",
        "-" if dataset.age_seconds is None else age(dataset.age_seconds),
        *(["-" if dataset.behind is None else str(dataset.behind)] if has_source else []),
        _holds(dataset),
    ]


def _holds(dataset: DatasetStatus) -> str:
    known = [each for each in (dataset.has_source_hold, dataset.has_target_hold) if each is not None]
    if not known:
        return "-"
    return "stand" if all(known) else "MISSING"


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
