"""Plan the placeholder o/p, which no stream can fill, in the notation."""

from __future__ import annotations

from dataclasses import replace

from tests.support.notation import plan_of, tree
from zfs_replicate.model import Inventory
from zfs_replicate.plans import DatasetPlan

SOURCE = tree("t", ":a!", "p:encrypted b", "p/c:encrypted a!", "p/v:encrypted volume a!")
COPIES = (":a^", "p/c:encrypted a^", "p/v:encrypted volume a^")
BESIDE = "o/p.zfs_replicate"


def planned(source: Inventory, target: Inventory, name: str = "o/p") -> DatasetPlan:
    return next(plan for plan in plan_of(source, target).datasets if plan.target == name)


def of_source(copies: Inventory) -> Inventory:
    """Return the target with the saved state of t/p beside o/p, whatever the notation has named."""
    beside = copies.datasets[BESIDE]
    if beside.resume_token is None or beside.resume_token.contents is None:
        return copies
    contents = replace(beside.resume_token.contents, to_name="t/p@b")
    beside = replace(beside, resume_token=replace(beside.resume_token, contents=contents))
    return replace(copies, datasets={**copies.datasets, BESIDE: beside})


def conflict_text(plan: DatasetPlan) -> str:
    assert plan.conflict is not None
    return f"{plan.conflict.what}; {plan.conflict.next_step}"


def keyed(inventory: Inventory, roots: dict[str, str]) -> Inventory:
    """Return the target with these encryption roots by name."""
    datasets = {
        name: replace(dataset, is_encrypted=name in roots, encryption_root=roots.get(name))
        for name, dataset in inventory.datasets.items()
    }
    return replace(inventory, datasets=datasets)
