"""Judge the status of one dataset, written in the notation of tests.support.notation."""

from __future__ import annotations

from tests.support.notation import NOW, SOURCE, TAG, TARGET, target_tree, tree
from zfs_replicate.config import StatusOptions
from zfs_replicate.model import SECONDS_PER_DAY, Inventory
from zfs_replicate.plan.status import Status, evaluate

LIMITS = StatusOptions(TAG, warn_seconds=2 * SECONDS_PER_DAY, crit_seconds=5 * SECONDS_PER_DAY)


def inventories(source: str, target: str) -> tuple[Inventory, Inventory]:
    return tree(SOURCE, f": {source}"), target_tree(TARGET, f": {target}")


def status(source: str | None, target: str, options: StatusOptions = LIMITS) -> Status:
    """Return the status of one dataset. `source` None: not asked."""
    source_tree, copy_tree = inventories(source or "empty", target)
    return evaluate(copy_tree, None if source is None else source_tree, options, NOW)
