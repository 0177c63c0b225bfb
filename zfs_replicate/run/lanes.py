"""Decide which datasets may stream in parallel (Schedule, pure), and run them in threads (run_lanes).

A lane is the work of one thread: the streams of one dataset, or the small increments that share a command.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from zfs_replicate.plans import DatasetPlan
from zfs_replicate.zfs import names

Lane = tuple[DatasetPlan, ...]


class Schedule:
    """Hands out each lane once. A dataset waits until its parent has been created.

    Of `p`, `p/c` (both to be created) and `q`, first `p` and `q` are ready; once `p` is finished, `p/c` is.
    """

    def __init__(self, plans: Iterable[DatasetPlan], bundles: Iterable[Lane] = ()) -> None:
        self._bundles = list(bundles)
        in_bundles = {plan.source for lane in self._bundles for plan in lane}
        all_plans = list(plans)
        self._waiting = [plan for plan in all_plans if plan.source not in in_bundles]
        self._uncreated = {plan.target for plan in all_plans if plan.creates_target}

    def ready(self) -> list[Lane]:
        """Return the lanes that may start now and were not returned before: bundles, then datasets, parents first."""
        bundles, self._bundles = self._bundles, []
        ready: list[DatasetPlan] = []
        waiting: list[DatasetPlan] = []
        for plan in self._waiting:
            (waiting if self._uncreated.intersection(names.ancestors(plan.target)) else ready).append(plan)
        self._waiting = waiting
        return [*bundles, *((plan,) for plan in ready)]

    def finish(self, plan: DatasetPlan) -> None:
        """Note that the dataset has ended: those that waited for it may start."""
        self._uncreated.discard(plan.target)

    def give_up(self, parent: DatasetPlan, behind: Collection[DatasetPlan] = ()) -> list[DatasetPlan]:
        """Given a parent that could not be created, remove and return the plans to create datasets below it.

        Datasets below it that exist already stay in the schedule, but for those that are left `behind`.
        """
        self._uncreated.discard(parent.target)
        lost: list[DatasetPlan] = []
        waiting: list[DatasetPlan] = []
        for plan in self._waiting:
            is_begun = not plan.creates_target and plan not in behind
            is_lost = not is_begun and names.is_within(plan.target, parent.target)
            (lost if is_lost else waiting).append(plan)
        self._waiting = waiting
        self._uncreated -= {plan.target for plan in lost}
        return lost


def run_lanes(
    schedule: Schedule,
    jobs: int,
    stream: Callable[[Lane], None],
    after: Callable[[Lane], None],
    cancel: Callable[[], None],
) -> None:
    """Run lanes as they become ready, `jobs` in parallel, until none is left.

    `stream` runs in a thread of its own, and then `after` in this one. An exception from either, or a signal, cancels
    all lanes, and is raised again once they have ended.
    """
    running: dict[Future[None], Lane] = {}
    pool = ThreadPoolExecutor(jobs, thread_name_prefix="stream")
    try:
        while True:
            running |= {pool.submit(stream, lane): lane for lane in schedule.ready()}
            if not running:
                return
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                future.result()
                after(running.pop(future))
    except BaseException:
        cancel()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
