"""Plan what a copy needs before a stream can arrive, or find the conflict. (Pair, PlanContext) → Prepared. Pure.

Saved state that cannot be resumed is cleared; snapshots are renamed as on the source, where their names are needed;
what lies beyond the base is rolled back, if the user allows it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from zfs_replicate.model import PlanContext, Snapshot
from zfs_replicate.plan.conflicts import find_conflict, rolled_back, small_rollback
from zfs_replicate.plan.encryption import conflict_of_encryption
from zfs_replicate.plan.pair import Pair
from zfs_replicate.plan.renames import find_renames, renamed
from zfs_replicate.plan.resume import after_abort, resumable
from zfs_replicate.plan.route import arriving_snapshots
from zfs_replicate.plans import Conflict
from zfs_replicate.steps import AbortReceive, Rollback, Step


@dataclass(frozen=True, slots=True)
class Prepared:
    """A pair as it will be after `steps`. `resumed`: the snapshot that its saved state continues.

    `conflict`: what a person must decide all the same; then no step is carried out.
    """

    pair: Pair
    steps: tuple[Step, ...] = ()
    resumed: Snapshot | None = None
    conflict: Conflict | None = None


def prepare(pair: Pair, context: PlanContext) -> Prepared:
    """Given a source dataset and its counterpart, return the steps that let a stream arrive, or the conflict.

    Source `a b`, target `a x`, with something written and --rollback: roll back to a, which destroys x.
    """
    token = pair.target.resume_token if pair.target else None
    if token is not None and token.unread:
        return Prepared(pair, conflict=Conflict(token.unread, "run again", is_transient=True))
    cleared = _without_stale_state(pair)
    ready = _with_rollback(_renamed(cleared, context), context)
    if ready.conflict is None:
        return ready
    # nothing is renamed then: what the conflict says has the names of today
    return replace(cleared, conflict=_conflict_of(cleared.pair, cleared.resumed, context))


def _renamed(prepared: Prepared, context: PlanContext) -> Prepared:
    """Return the pair with the snapshots of the target renamed as on the source, if that lets a stream arrive."""
    pair = prepared.pair
    renames = find_renames(pair, arriving_snapshots(pair, prepared.resumed, context))
    if renames is not None and pair.target is not None:
        after = pair.with_target(renamed(pair.target, renames))
        prepared = replace(prepared, pair=after, steps=(renames, *prepared.steps))
    return replace(prepared, conflict=_conflict_of(prepared.pair, prepared.resumed, context))


def _with_rollback(prepared: Prepared, context: PlanContext) -> Prepared:
    """Return the pair rolled back, where that is allowed and helps."""
    if not context.policy.may_roll_back:
        return prepared
    if prepared.conflict is not None:
        rollback = prepared.conflict.rollback
    else:
        rollback = None if prepared.resumed is not None else small_rollback(prepared.pair, context)
    return prepared if rollback is None else _rolled_back(prepared, rollback, context)


def _without_stale_state(pair: Pair) -> Prepared:
    """Return the pair without saved state, unless that can be resumed."""
    if pair.target is None or pair.target.resume_token is None:
        return Prepared(pair)
    resumed, stale_reason = resumable(pair, pair.target.resume_token)
    if resumed is not None:
        return Prepared(pair, resumed=resumed)
    return Prepared(pair.with_target(after_abort(pair.target)), (AbortReceive(pair.first_name, stale_reason),))


def _rolled_back(prepared: Prepared, rollback: Rollback, context: PlanContext) -> Prepared:
    pair, steps = prepared.pair, prepared.steps
    if pair.target is None:
        raise AssertionError("only a target that exists can be rolled back")
    if prepared.resumed is not None:
        steps = (*steps, AbortReceive(pair.target_name, "the target will be rolled back"))
    after = pair.with_target(rolled_back(pair.target, rollback))
    return Prepared(after, (*steps, rollback), conflict=_conflict_of(after, None, context))


def _conflict_of(pair: Pair, resumed: Snapshot | None, context: PlanContext) -> Conflict | None:
    arriving = arriving_snapshots(pair, resumed, context)
    return find_conflict(pair, arriving, resumed is not None, context) or conflict_of_encryption(pair, context)
