"""Let a copy that arrived beside a placeholder take its place. take_place(TakePlace, TargetHost) → None.

Each command leaves a state that the next run understands by its names. What lies below the placeholder only moves, and
zfs destroys nothing without -r that has snapshots, or anything below it. The placeholder is unmounted before the last
looks at it; but what somebody mounts it for and writes, in the milliseconds between the last one and its destroy, is
lost.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence
from dataclasses import replace

from zfs_replicate.errors import TargetDiverged
from zfs_replicate.hosts.base import TargetHost, run
from zfs_replicate.model import Dataset, Kind
from zfs_replicate.plans import DatasetPlan, Outcome
from zfs_replicate.run.mounts import unmounted
from zfs_replicate.run.parents import create_parent
from zfs_replicate.run.reading import parse_errors_of
from zfs_replicate.steps import CreateParent, DestroyPlaceholder, MoveDataset, TakePlace
from zfs_replicate.zfs import commands, messages, names, parse, queries, refusals
from zfs_replicate.zfs.emptiness import is_untouched

log = logging.getLogger(__name__)


def take_place(step: TakePlace, target: TargetHost) -> None:
    """Carry out the acts of a step, then rename the copy. Raises: the error of the first that fails."""
    place = step.target
    going = [act for act in step.acts if isinstance(act, DestroyPlaceholder)]
    with unmounted([act.target for act in going], place, target) if going else contextlib.nullcontext():
        for placeholder in going:  # before anything moves
            _check_untouched(placeholder, place, target)
        for act in (*step.acts, MoveDataset(step.copy, place)):
            match act:
                case CreateParent():
                    create_parent(target, act)
                case MoveDataset():
                    _run(target, commands.rename_dataset(act), place, f"rename {act.old} to {act.new}")
                case DestroyPlaceholder(name):
                    _check_untouched(act, place, target)
                    _run(target, commands.destroy_placeholder(name), place, f"destroy the placeholder {name}")
    log.info("%s: the copy has taken the place of the placeholder", place)


def left_behind(parent: Outcome, plans: Sequence[DatasetPlan], target: TargetHost) -> tuple[DatasetPlan, ...]:
    """Return those plans whose target is below a copy that did not get to its place, and not where they have it.

    One command per few thousand names; none if the parent has not failed like this.
    """
    if not isinstance(parent.failed, TakePlace):
        return ()
    below = {plan.target: plan for plan in plans if parent.plan.target in names.ancestors(plan.target)}
    missing: set[str] = set()
    for batch in commands.batches([*below]):
        _text, ended = run(target, queries.list_existing(batch))
        missing |= refusals.absent_datasets(ended) or set()
    return tuple(plan for name, plan in below.items() if name in missing)


def _check_untouched(act: DestroyPlaceholder, place: str, target: TargetHost) -> None:
    """Check that nobody has written to a placeholder since the plan was made. Raises: TargetDiverged."""
    _run(target, queries.sync(names.pool_of(place)), place, "write out the pool")
    text = _run(target, queries.list_contents((act.target,)), place, f"read how much {act.target} holds")
    with parse_errors_of(target, act.target, "zfs list"):
        ((logical_bytes, written),) = parse.contents(text.splitlines()).values()
    weighed = Dataset(act.target, Kind.FILESYSTEM, act.is_encrypted, written, logical_bytes=logical_bytes)
    if not is_untouched(replace(weighed, uncounted_bytes=act.uncounted_bytes)):
        raise TargetDiverged(
            f"{act.target} on {target.name}: it was created as an empty parent, but data has been written to it since;"
            " move its files elsewhere and delete them here, then run again"
        )


def _run(target: TargetHost, command: commands.Command, place: str, doing: str) -> str:
    """Run a command that must succeed. Rights are needed above the place, since what is granted in it goes with it."""
    text, ended = run(target, command)
    if ended.exit_status != 0:
        raise messages.explain(target.name, place, ended, doing)
    return text
