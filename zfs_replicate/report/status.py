"""Format the status of a mirror: a first line for monitoring, a table for people, data for JSON. Pure.

The first line follows the Monitoring Plugins Development Guidelines: `SERVICE LEVEL - text | performance data`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from zfs_replicate.config import StatusOptions
from zfs_replicate.plan.status import DatasetStatus, Level, Status
from zfs_replicate.printable import visible
from zfs_replicate.report.document import leftover_data
from zfs_replicate.report.text import leftover_line
from zfs_replicate.units import age, counted

SERVICE = "ZFS_REPLICATE"
SCHEMA_VERSION = 1
MAX_PROBLEMS = 3
"""How many datasets the first line names; pagers cut long lines."""

_COLOURS = {Level.OK: "32", Level.WARNING: "33", Level.CRITICAL: "31", Level.UNKNOWN: "35"}


def first_line(status: Status, options: StatusOptions) -> str:
    """Return `ZFS_REPLICATE OK - off/a: 3 datasets, oldest copy 2 h old (off/a/web@x) | age=7200s;;;0 …`."""
    return visible(f"{SERVICE} {status.level.name} - {_text(status)} | {_figures(status, options)}")


def unknown_line(problem: str) -> str:
    """Given an error, return the first line for it. A bar in its text would begin the performance data: replace it."""
    return f"{SERVICE} {Level.UNKNOWN.name} - {visible(' '.join(problem.split())).replace('|', '/')}"


def table(status: Status, is_coloured: bool) -> Iterator[str]:
    """Given a status, return the lines after the first: a heading, then one line per dataset."""
    if not status.datasets:
        return
    has_source = any(dataset.source is not None or dataset.is_orphan for dataset in status.datasets)
    headings = ["DATASET", "NEWEST", "AGE", *(["BEHIND"] if has_source else []), "HOLDS"]
    rows = [headings, *(_row(dataset, has_source) for dataset in status.datasets)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(headings))]
    yield f"{_aligned(headings, widths)}  STATE"
    for dataset, row in zip(status.datasets, rows[1:], strict=True):
        level = dataset.level.name
        state = f"\033[{_COLOURS[dataset.level]}m{level}\033[0m" if is_coloured else level
        remarks = visible("; ".join((*dataset.problems, *dataset.notes)))
        yield f"{_aligned(row, widths)}  {state}{f': {remarks}' if remarks else ''}"
    yield from (visible(f"warning: {warning}") for warning in _warnings(status))
    yield from (visible(leftover_line(leftover)) for leftover in status.leftovers)


def as_data(status: Status, options: StatusOptions, source_root: str | None, now: int) -> dict[str, object]:
    """Given a status, return the object for JSON that docs/status.schema.json defines."""
    return {
        **_frame(status.level, status.root, now),
        "source": source_root,
        "tag": options.tag,
        "warn_seconds": options.warn_seconds,
        "crit_seconds": options.crit_seconds,
        "summary": _text(status),
        "datasets": [_dataset_data(dataset) for dataset in status.datasets],
        "warnings": _warnings(status),
        "leftover_holds": [leftover_data(leftover) for leftover in status.leftovers],
    }


def unknown_data(problem: str, root: str, now: int) -> dict[str, object]:
    """Given an error, return the object for JSON in place of a status."""
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


def _warnings(status: Status) -> list[str]:
    warnings = (status.clock, status.sharing, *status.unplaced)
    return [str(warning) for warning in warnings if warning is not None]


def _text(status: Status) -> str:
    clock = f"; {status.clock.what}" if status.clock is not None and status.clock.is_certain else ""
    return f"{_of_datasets(status)}{clock}"


def _of_datasets(status: Status) -> str:
    if not status.datasets:
        return f"{status.root}: there is no copy (no such dataset)"
    count = counted(len(status.datasets), "dataset")
    troubled = sorted((dataset for dataset in status.datasets if dataset.problems), key=lambda dataset: -dataset.level)
    if troubled:
        named = [f"{dataset.name}: {', '.join(dataset.problems)}" for dataset in troubled[:MAX_PROBLEMS]]
        more = [f"and {len(troubled) - len(named)} more"] if len(troubled) > len(named) else []
        return f"{len(troubled)} of {count} below {status.root}: {'; '.join([*named, *more])}"
    oldest = status.oldest
    if oldest is None or oldest.age_seconds is None:
        return f"{status.root}: {count}, no mirrored snapshot yet"
    return f"{status.root}: {count}, oldest copy {age(oldest.age_seconds)} old ({oldest.name}@{oldest.newest})"


def _figures(status: Status, options: StatusOptions) -> str:
    """Return performance data, `label=value;warn;crit;min`, without the unknown values."""
    figures = []
    oldest = status.oldest
    if oldest is not None:
        limits = ";".join("" if limit is None else str(limit) for limit in (options.warn_seconds, options.crit_seconds))
        figures.append(f"age={oldest.age_seconds}s;{limits};0")
    behind = [dataset.behind for dataset in status.datasets if dataset.behind is not None]
    if behind:
        figures.append(f"behind={max(behind)};;;0")
    troubled = sum(1 for dataset in status.datasets if dataset.problems)
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
    known = [is_held for is_held in (dataset.has_source_hold, dataset.has_target_hold) if is_held is not None]
    if not known:
        return "-"
    return "ok" if all(known) else "MISSING"


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
