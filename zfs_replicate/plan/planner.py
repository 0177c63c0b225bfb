"""Plan every dataset. make_plan(Survey, MirrorRequest, now) → Plan. Pure.

The table in docs/design.md is the specification. Its rows are in resume.py (tokens), conflicts.py (what a person must
decide), route.py (streams) and protection.py (holds, expiry). This module checks the request, maps names, and puts the
plan together.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace

from zfs_replicate.config import MirrorRequest
from zfs_replicate.errors import PoolMissing, ReplicateError, UsageError
from zfs_replicate.model import Capabilities, Inventory, PlanContext, StreamOptions, Survey
from zfs_replicate.plan.aside import move_aside
from zfs_replicate.plan.clocks import clock_doubt, earliest_clock
from zfs_replicate.plan.conflicts import below_conflict, unforeseen_change
from zfs_replicate.plan.identity import mirror_of
from zfs_replicate.plan.leftovers import find_leftovers
from zfs_replicate.plan.pair import Pair, match_trees, not_excluded
from zfs_replicate.plan.placing import taken_place
from zfs_replicate.plan.pools import check_target_is_writable, leaving_source, pool_warnings
from zfs_replicate.plan.preparation import prepare
from zfs_replicate.plan.protection import CLOCK_DOUBT, conflict_plan, protected_plan
from zfs_replicate.plan.room import with_room
from zfs_replicate.plan.route import cleared_mark, route_to_tip
from zfs_replicate.plan.sharing import with_sharing
from zfs_replicate.plan.unplaced import left_out_problem, unplaced_problems
from zfs_replicate.plans import DatasetPlan, Plan
from zfs_replicate.steps import CreateParent
from zfs_replicate.zfs import names


def make_plan(survey: Survey, request: MirrorRequest, now: int) -> Plan:
    """Given both sides, return what a mirror run will do. `now` is Unix seconds.

    Raises: PoolMissing if the target's pool does not exist; UsageError if source and target overlap; ReplicateError if
    there is nothing to mirror, the target's pool is read-only, or a rate limit is asked for without mbuffer.
    """
    target_capabilities = survey.target_capabilities
    if isinstance(target_capabilities, PoolMissing):
        raise target_capabilities
    _check_request(survey, target_capabilities, request)
    source_capabilities = survey.source_capabilities
    doubt = clock_doubt(survey, request.policy.excludes, now)
    context = PlanContext(
        request.policy,
        stream_options(source_capabilities, target_capabilities),
        earliest_clock(survey, now),
        source_capabilities.has_feature("bookmarks"),
        doubt is not None,
        target_capabilities.sector_bytes,
        mirror=mirror_of(survey),
    )
    leftovers = find_leftovers(survey, request.policy.excludes, request.policy.tag, request.connection)
    plan = replace(plan_trees(survey.source, survey.target, context), leftovers=leftovers)
    is_kept = any(kept.reason == CLOCK_DOUBT for dataset in plan.datasets for kept in dataset.kept)
    doubts = (str(doubt),) if doubt is not None and (doubt.is_certain or is_kept) else ()
    left_out = left_out_problem(survey.source, survey.source_host, request.policy.excludes)
    warnings = (*doubts, *pool_warnings(survey, target_capabilities), *([left_out] if left_out else []))
    plan = replace(plan, warnings=(*warnings, *plan.warnings))
    return with_sharing(plan, request.policy.tag, request.connection, request.remote)


def stream_options(source: Capabilities, target: Capabilities) -> StreamOptions:
    """Given both sides, return how to write streams that the target pool accepts (zfs-send(8), zpool-features(7))."""
    takes_zstd = target.has_feature("zstd_compress") or not source.uses_feature("zstd_compress")
    return StreamOptions(
        large_blocks=source.has_feature("large_blocks") and target.has_feature("large_blocks"),
        compressed=target.has_feature("lz4_compress") and takes_zstd,
    )


def plan_trees(source: Inventory, target: Inventory, context: PlanContext) -> Plan:
    """Given both inventories, return the plan for every source dataset that is not excluded, parents first."""
    pairs, orphans = match_trees(source, target, context.policy.excludes, context.policy.is_decrypting)
    parents = {name for pair in pairs if pair.source.snapshots for name in names.ancestors(pair.source.name)}
    planned = [(pair, plan_dataset(pair, pair.source.name in parents, context)) for pair in pairs]
    plans = with_room(_below_no_conflict(planned, context), pairs, target, context.policy.target_tag)
    if source.is_read_only:
        plans = tuple(map(leaving_source, pairs, plans))
    creates = any(plan.creates_target for plan in plans)
    ancestors = _missing_parents(target, pairs) if creates else ()
    warnings = tuple(unplaced_problems(target, pairs, context.now))
    return Plan(ancestors, plans, tuple(orphan.name for orphan in orphans), warnings)


def _missing_parents(target: Inventory, pairs: Sequence[Pair]) -> tuple[CreateParent, ...]:
    """Return the steps that create what is missing above the target's root."""
    has_plain = any(pair.source.snapshots and not pair.is_raw for pair in pairs)
    may_be_plain = target.is_in_encrypted and not has_plain
    return tuple(
        CreateParent(name, is_placeholder=False, may_be_plain=may_be_plain) for name in target.missing_ancestors
    )


def _below_no_conflict(planned: list[tuple[Pair, DatasetPlan]], context: PlanContext) -> tuple[DatasetPlan, ...]:
    """Given the plans of a tree, parents first, return them without those that would begin something below a conflict.

    What has a base goes on: it is the copy of its source, whatever is wrong above it. A dataset that is absent, empty
    or foreign is not begun, and its message names the topmost conflict, with which the person begins. Nor is anything
    below a copy that is half in its place and cannot get there: some names are those of now, some of afterwards.
    """
    in_conflict: list[str] = []
    half_moved: list[str] = []
    plans = []
    for pair, plan in planned:
        above = next((name for name in in_conflict if names.is_within(pair.target_name, name)), None)
        is_begun = pair.base is not None and not any(names.is_within(pair.target_name, name) for name in half_moved)
        if above is not None and not is_begun and (plan.steps or plan.conflict):
            plan = conflict_plan(pair, below_conflict(above), context)
        if plan.conflict is not None:
            in_conflict.append(pair.target_name)
            is_half_moved = pair.beside is not None and pair.beside.has_begun and not taken_place(pair, context)
            half_moved += [pair.target_name] if is_half_moved else []
        plans.append(plan)
    return tuple(plans)


def plan_dataset(pair: Pair, is_parent: bool, context: PlanContext) -> DatasetPlan:
    """Given a source dataset and its counterpart, return its plan.

    `is_parent`: some descendant has snapshots, so the target needs at least a placeholder here. Source `a b`, target
    `a`: hold b, send a..b, verify b, hold b on the target, release a on both sides. The same, with the target changed
    since a: a conflict, and hold a on both sides.
    """
    prepared = prepare(pair, context)
    if prepared.conflict is not None:
        return conflict_plan(pair, prepared.conflict, context)
    source, pair, before = pair.source, prepared.pair, prepared.steps
    if not source.snapshots:
        needs_parent = pair.target is None and is_parent
        may_be_plain = pair.is_in_encrypted and pair.is_above_raw_only
        placeholder = CreateParent(pair.target_name, True, pair.is_below_raw, may_be_plain)
        create = (placeholder,) if needs_parent else ()
        steps = (*taken_place(pair, context), *before, *create, *cleared_mark(pair))
        return DatasetPlan(source.name, pair.target_name, steps, notes=_notes(pair))
    route = route_to_tip(pair, prepared.resumed, context)
    plan = protected_plan(pair, replace(route, steps=(*before, *route.steps)), context)
    unforeseen = unforeseen_change(pair, context) if route.arriving else None
    notes = (*plan.notes, *_left_out_notes(pair))
    return replace(plan, notes=notes, unforeseen=unforeseen, aside=move_aside(pair, context))


def _left_out_notes(pair: Pair) -> tuple[str, ...]:
    """Return a note on the newer snapshots that cannot be sent, if there are any."""
    oldest = -1 if pair.base is None else pair.base.createtxg
    left_out = [f"@{snapshot.name}" for snapshot in pair.source.odd_snapshots if snapshot.createtxg > oldest]
    return (f"left out, because zfs cannot receive a name like this: {', '.join(left_out)}",) if left_out else ()


def _notes(pair: Pair) -> tuple[str, ...]:
    """Given a pair whose source has no snapshots, return what to note."""
    if pair.base is None and pair.target is not None and pair.target.snapshots:
        return ("the source has no snapshots, so those of the target are left alone",)
    return ("the source has no snapshots yet",)


def _check_request(survey: Survey, target_capabilities: Capabilities, request: MirrorRequest) -> None:
    """Check that the request can be planned for these two sides. Raises: ReplicateError, UsageError."""
    if request.bytes_per_second is not None and "mbuffer" not in target_capabilities.programs:
        raise ReplicateError("--bwlimit needs mbuffer on this machine; to install it: apt install mbuffer")
    source, host = survey.source, survey.source_host
    is_same_pool = survey.source_capabilities.pool_guid == target_capabilities.pool_guid
    if is_same_pool and names.overlaps(source.root, survey.target.root):
        raise UsageError(
            f"{source.root} on {host} is in the same pool as {survey.target.root}, and they overlap; choose a target"
            " outside the source"
        )
    check_target_is_writable(survey.target.root, target_capabilities)
    if not any(dataset.snapshots for dataset in source.datasets.values()):
        raise ReplicateError(
            f"{source.root} on {host}: there are no snapshots to mirror; take one there: zfs snapshot -r"
            f" {shlex.quote(f'{source.root}@NAME')}"
        )
    if not any(dataset.snapshots for dataset in not_excluded(source, request.policy.excludes)):
        raise ReplicateError(
            f"{source.root} on {host}: only datasets that -x excludes have snapshots, so there is nothing to mirror;"
            " correct -x, or take snapshots of others there"
        )
