"""What both sides have in, what will be done out: (source inventory, target inventory, context) → Plan. Pure.

The table in docs/design.md is the specification. Its rows live in resuming.py (tokens), conflicts.py (what a person
must decide), route.py (the streams) and protection.py (holds, expiry); this room maps names and puts a plan together.
"""

from __future__ import annotations

from dataclasses import replace

from zfs_replicate.model import Dataset, Inventory, PlanContext
from zfs_replicate.plan.conflicts import find_conflict, rolled_back
from zfs_replicate.plan.protection import protected_plan
from zfs_replicate.plan.resume import after_abort, resumable
from zfs_replicate.plan.route import common_base, route_to_tip
from zfs_replicate.steps import AbortReceive, CreateParent, DatasetPlan, Plan, Step
from zfs_replicate.zfs import names


def plan(source: Inventory, target: Inventory, context: PlanContext) -> Plan:
    """Given both inventories, return the plan for every dataset of the source that is not excluded, parents first.

    Names map by their path below the roots: with roots `tank/a` and `off/b`, `tank/a/c` goes to `off/b/c`.
    """
    plans: list[DatasetPlan] = []
    planned: set[str] = set()
    excludes = context.policy.excludes
    wanted = {
        name: dataset
        for name, dataset in source.datasets.items()
        if not names.is_excluded(names.below(name, source.root), excludes)
    }
    parents = {ancestor for name, dataset in wanted.items() if dataset.snapshots for ancestor in names.ancestors(name)}
    for name, dataset in wanted.items():
        target_name = target.root + name[len(source.root) :]
        planned.add(target_name)
        found = target.datasets.get(target_name)
        plans.append(plan_dataset(dataset, target_name, found, name in parents, context))
    orphans = tuple(
        name
        for name in target.datasets
        if name not in planned and not names.is_excluded(names.below(name, target.root), excludes)
    )
    creates = any(plan.creates_target for plan in plans)
    missing = tuple(CreateParent(name, is_placeholder=False) for name in target.missing_ancestors) if creates else ()
    return Plan(missing, tuple(plans), orphans)


def plan_dataset(
    source: Dataset, target_name: str, target: Dataset | None, is_parent: bool, context: PlanContext
) -> DatasetPlan:
    """Given one dataset and its counterpart (None: absent), return its plan.

    `is_parent`: some descendant has snapshots, so the target needs at least a placeholder here.
    """
    before: tuple[Step, ...] = ()
    resumed = None
    if target is not None and target.resume_token is not None:
        resumed, stale = resumable(source, target, target.resume_token)
        if resumed is None:
            before = (AbortReceive(target_name, stale),)
            target = after_abort(target)
    target_tag = context.policy.target_tag
    conflict = find_conflict(source, target_name, target, resumed is not None, target_tag)
    if conflict is not None and conflict.rollback is not None and target is not None and context.policy.may_roll_back:
        if resumed is not None:
            before, resumed = (AbortReceive(target_name, "the target is rolled back"),), None
        before = (*before, conflict.rollback)
        target = rolled_back(target, conflict.rollback)
        conflict = find_conflict(source, target_name, target, False, target_tag)
    if conflict is not None:
        held = tuple(snapshot for snapshot in source.snapshots if context.policy.tag in snapshot.holds)
        tip = source.snapshots[-1] if source.snapshots else None
        base = common_base(source, target)
        return DatasetPlan(source.name, target_name, conflict=conflict, base=base, tip=tip, held=held)
    if not source.snapshots:
        create = (CreateParent(target_name, is_placeholder=True),) if target is None and is_parent else ()
        return DatasetPlan(source.name, target_name, (*before, *create), notes=("the source has no snapshot yet",))
    route = route_to_tip(source, target_name, target, resumed, context)
    return protected_plan(source, target_name, target, replace(route, steps=(*before, *route.steps)), context)
