"""Hold what has arrived of streams that did not all succeed. hold_arrivals(plans, RunContext, Ledger) → None.

A stream of many snapshots that breaks leaves the first of them on the target. The newest of these is then the newest
common snapshot, but only the ends of the stream have a hold: without one, the source could destroy it before the next
run. Nothing is released here, and a hold that cannot be placed is only logged: the next run places it before it sends.
"""

from __future__ import annotations

import contextlib
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from zfs_replicate.errors import ReplicateError
from zfs_replicate.log_context import about
from zfs_replicate.model import Snapshot
from zfs_replicate.plans import DatasetPlan
from zfs_replicate.run.context import RunContext
from zfs_replicate.run.holds import tag_snapshots
from zfs_replicate.run.inventory import read_guids_in
from zfs_replicate.run.ledger import Ledger
from zfs_replicate.run.parallel import threads
from zfs_replicate.signals import Interrupted, interrupted_by_signals
from zfs_replicate.steps import Hold, Side
from zfs_replicate.zfs import names

log = logging.getLogger(__name__)

LAST_SECONDS = 10
"""How long a run that was ended by a signal may still take for this; whoever stops a service waits longer (systemd: 90
seconds)."""


@contextlib.contextmanager
def afterwards(hold: Callable[[], None]) -> Iterator[None]:
    """Call `hold` after the block, whatever ends it. After a signal it has LAST_SECONDS, and a second one ends it."""
    try:
        yield
        hold()
    except Interrupted:
        try:
            with interrupted_by_signals(), threads(1) as pool:
                pool.submit(hold).result(LAST_SECONDS)
        except TimeoutError:
            log.warning(
                "what has arrived could not be held within %d seconds; the next run does it first", LAST_SECONDS
            )
        raise
    except Exception:
        hold()
        raise


def hold_arrivals(plans: Sequence[DatasetPlan], context: RunContext, ledger: Ledger) -> None:
    """Given plans whose streams have begun and may not all have succeeded, hold the newest arrival of each.

    Of `-I a d`, with b and c on the target: hold c on both sides. Raises nothing of a host.
    """
    if not plans:
        return
    try:
        beside = [names.beside(plan.target) for plan in plans if plan.arrives_beside]
        guids = read_guids_in(context.target, [*(plan.target for plan in plans), *beside])
    except ReplicateError as error:
        log.warning("what has arrived is not held yet: %s; the next run does it", error)
        return
    names_by_target: defaultdict[str, dict[int, str]] = defaultdict(dict)
    for name, guid in guids.items():
        names_by_target[name.partition("@")[0]][guid] = name
    for dataset in beside:
        names_by_target[dataset.removesuffix(names.BESIDE_SUFFIX)] |= names_by_target.pop(dataset, {})
    arrivals = [(p, arrival) for p in plans if (arrival := _newest_arrival(p, names_by_target[p.target])) is not None]
    for plan, (snapshot, _name) in arrivals:
        ledger.record_arrival(plan, snapshot)
    for side in Side:
        pending = [(plan, hold) for plan, arrival in arrivals for hold in _missing_hold(plan, side, *arrival)]
        for tag in sorted({hold.tag for _plan, hold in pending}):
            _place([(plan, hold) for plan, hold in pending if hold.tag == tag], context, ledger)


def _newest_arrival(plan: DatasetPlan, names: Mapping[int, str]) -> tuple[Snapshot, str] | None:
    """Given the names on the target by guid, return the newest snapshot that has arrived, and its name there."""
    expected = () if plan.arrivals is None else plan.arrivals.snapshots
    return next(((snapshot, names[snapshot.guid]) for snapshot in reversed(expected) if snapshot.guid in names), None)


def _missing_hold(plan: DatasetPlan, side: Side, snapshot: Snapshot, name_here: str) -> list[Hold]:
    """Return the hold to place on one side. On the source, the ends of streams have it already."""
    if plan.arrivals is None or (side is Side.SOURCE and snapshot in plan.held):
        return []
    if side is Side.SOURCE:
        tag = plan.arrivals.source_tag
        return [] if tag is None else [Hold(side, tag, (f"{plan.source}@{snapshot.name}",))]
    return [Hold(side, plan.arrivals.target_tag, (name_here,))]


def _place(pending: Sequence[tuple[DatasetPlan, Hold]], context: RunContext, ledger: Ledger) -> None:
    """Place holds of the same tag on one side, and record those that are placed."""
    _plan, first = pending[0]
    host = context.source if first.side is Side.SOURCE else context.target
    names = tuple(name for _plan, hold in pending for name in hold.snapshots)
    failures = tag_snapshots(host, Hold(first.side, first.tag, names), context.width)
    for plan, hold in pending:
        (name,) = hold.snapshots
        with about(plan.source):
            if name in failures:
                log.warning("%s has arrived, but is not held yet: %s; the next run does it first", name, failures[name])
            else:
                log.info("%s: placed the hold %s on %s, which has arrived", host.name, hold.tag, name)
                ledger.record_done(plan, hold)
