"""Tell which of many names a zfs command has failed for. (Exit with stderr, names) → names or Exits by name. Pure.

What a message means is in messages.py. Here it counts whom it names: one command is about many snapshots, and a part of
it may have succeeded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from zfs_replicate.model import Exit

_ALREADY_HELD = "tag already exists on this dataset"
_ALREADY_DONE = re.compile(rf"{_ALREADY_HELD}|no such tag on this dataset")
_NAMED = re.compile(r"'([^']+)'")
_AT_OR_HASH = re.compile("[@#]")
_REFUSED = re.compile(r"cannot destroy (?:snapshot )?'?")
_NONE_LEFT = "no datasets available"
_IS_THERE = re.compile(r"^cannot create '.*': dataset already exists$", re.MULTILINE)
_ABSENT = re.compile(r"^cannot open '([^']+)': dataset does not exist$")


def absent_datasets(ended: Exit) -> frozenset[str] | None:
    """Given how `zfs list A B …` ended, return the datasets that it reports as not existing.

    None if it was killed or printed any other error: a failed query must never count as "does not exist". After the
    names, `zfs holds` adds that there are "no datasets available" if none of them exists.
    """
    lines = [line for line in ended.stderr.splitlines() if line.strip()]
    matches = [_ABSENT.match(line) for line in (lines[:-1] if lines[-1:] == [_NONE_LEFT] else lines)]
    if ended.is_killed or not all(matches):
        return None
    return frozenset(match[1] for match in matches if match)


def failed_snapshots(ended: Exit, snapshots: Iterable[str]) -> dict[str, Exit]:
    """Given how a command on many snapshots or bookmarks ended, return the failed ones, each with its line of stderr.

    `zfs hold` and `release`, and several destroys in one script, continue after a failure. An existing hold counts as
    held, a missing one as released. A line may name a snapshot, or its dataset if that is gone. A line that names
    neither ("cannot hold: permission denied") applies to all that no other line names. A killed command failed for all
    that it does not name.
    """
    requested = frozenset(snapshots)
    failures: dict[str, Exit] = {}
    settled: set[str] = set()
    general: list[str] = []
    for line in filter(None, map(str.strip, ended.stderr.splitlines())):
        match = _NAMED.search(line)
        name = match[1] if match else ""
        named = {snapshot for snapshot in requested if name in (snapshot, _AT_OR_HASH.split(snapshot)[0])}
        if not named:
            general.append(line)
        elif _ALREADY_DONE.search(line):
            settled |= named
        else:
            # the line says how this one failed; only for the others may it matter that the command was killed
            failures.update(dict.fromkeys(named, replace(ended, stderr=line, is_killed=False)))
    is_silent = not (failures or settled or general)
    if general or ended.is_killed or is_silent:  # without any message nothing counts as done
        unnamed = requested - settled - failures.keys()
        failures.update(dict.fromkeys(unnamed, replace(ended, stderr=" ".join(dict.fromkeys(general)))))
    return failures


def already_held(ended: Exit, snapshots: Iterable[str]) -> frozenset[str]:
    """Return the snapshots that `zfs hold` found held with the tag already."""
    requested = frozenset(snapshots)
    lines = (line for line in ended.stderr.splitlines() if _ALREADY_HELD in line)
    return frozenset(match[1] for line in lines if (match := _NAMED.search(line)) and match[1] in requested)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Snapshots (names after the @) that a destroy was refused for, for the same reason, and its lines of stderr."""

    names: tuple[str, ...]
    ended: Exit


def is_all_gone(ended: Exit) -> bool:
    """Whether a destroy failed only because none of its snapshots exists any more, though their dataset does."""
    return not ended.is_killed and "could not find any snapshots to destroy" in ended.stderr


def is_there_already(ended: Exit) -> bool:
    """Whether a dataset was not created because there is one of that name."""
    return not ended.is_killed and _IS_THERE.search(ended.stderr) is not None


def is_busy(ended: Exit) -> bool:
    """Whether something uses what the command is about, without saying which of many it is."""
    return not ended.is_killed and "is busy" in ended.stderr


def refused_destroys(ended: Exit, dataset: str, names: Iterable[str]) -> tuple[Refusal, ...]:
    """Given how `zfs destroy DATASET@A,B,C` ended, return what it names in its refusal, grouped by the reason.

    `cannot destroy snapshot off/p@a: dataset is busy` names @a; `cannot destroy 'off/p@b': snapshot has dependent
    clones` names @b, and the lines after it belong to it.
    """
    requested = frozenset(names)
    lines_by_name: dict[str, list[str]] = {}
    name = None
    for line in ended.stderr.splitlines():
        if _REFUSED.match(line):
            name = _refused_name(line, dataset, requested)
        if name is not None:
            lines_by_name.setdefault(name, []).append(line)
    groups: dict[str, list[str]] = {}
    for name, lines in lines_by_name.items():
        groups.setdefault("\n".join(lines).replace(f"{dataset}@{name}", ""), []).append(name)
    return tuple(
        Refusal(tuple(group), replace(ended, stderr="\n".join(lines_by_name[group[0]]), is_killed=False))
        for group in groups.values()
    )


def _refused_name(line: str, dataset: str, requested: frozenset[str]) -> str | None:
    """Return the requested name that a line begins with. A name may contain `: `: the longest one counts."""
    text = _REFUSED.sub("", line, count=1)
    if not text.startswith(f"{dataset}@"):
        return None
    parts = text.removeprefix(f"{dataset}@").split(": ")
    beginnings = (": ".join(parts[:count]).removesuffix("'") for count in range(len(parts) - 1, 0, -1))
    return next((beginning for beginning in beginnings if beginning in requested), None)
