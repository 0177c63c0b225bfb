"""Run one pass between two given hosts, as actions.one_pass does between the hosts of a request."""

from __future__ import annotations

from zfs_replicate.config import MirrorRequest
from zfs_replicate.hosts.base import Host, TargetHost
from zfs_replicate.observer import Observer
from zfs_replicate.plan.planner import make_plan
from zfs_replicate.run.context import RunContext, choose_pipe
from zfs_replicate.run.executor import execute
from zfs_replicate.run.survey import Place, read_both
from zfs_replicate.steps import Attempt


def simulated_pass(request: MirrorRequest, source: Host, target: TargetHost, now: int) -> Attempt:
    """Read both sides, plan and execute. Raises: an error from before there is a plan."""
    survey = read_both(Place(source, request.remote), Place(target, request.local), at_once=request.jobs > 1)
    plan = make_plan(survey, request, now)
    pipe = choose_pipe(request, survey, plan, target.is_root)
    return execute(plan, RunContext(source, target, request.jobs, pipe, is_bundling=True), Observer())
