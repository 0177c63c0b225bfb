"""Decide which datasets may stream beside each other (Schedule, pure), and run them in threads (follow).

A lane is what one thread does from its beginning to its end: the streams of one dataset, or the small increments that
share a command.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from zfs_replicate.steps import DatasetPlan
from zfs_replicate.zfs import names

Lane = tuple[DatasetPlan, ...]


class Schedule:
    """Hands out lanes, each once. A dataset waits for the parent that is still being made for it.

    Of `p`, `p/c` (both to be made) and `q`, first `p` and `q` are ready; once `p` is finished, `p/c` is.
    """

    def __init__(self, plans: Iterable[DatasetPlan], bundles: Iterable[Lane] = ()) -> None:
        self._bundles = list(bundles)
        in_bundles = {plan.source for lane in self._bundles for plan in lane}
        every = list(plans)
        self._waiting = [plan for plan in every if plan.source not in in_bundles]
        self._unmade = {plan.target for plan in every if plan.creates_target}

    def ready(self) -> list[Lane]:
        """The lanes that may begin now and were not handed out before: bundles, then datasets, parents first."""
        bundles, self._bundles = self._bundles, []
        ready: list[DatasetPlan] = []
        waiting: list[DatasetPlan] = []
        for plan in self._waiting:
            (waiting if self._unmade.intersection(names.ancestors(plan.target)) else ready).append(plan)
        self._waiting = waiting
        return [*bundles, *((plan,) for plan in ready)]

    def finish(self, plan: DatasetPlan) -> None:
        """The dataset has ended: what waited for it may begin."""
        self._unmade.discard(plan.target)

    def give_up(self, parent: DatasetPlan) -> list[DatasetPlan]:
        """The dataset could not be made: take out and return all that was to be made below it. What exists goes on."""
        self._unmade.discard(parent.target)
        lost: list[DatasetPlan] = []
        waiting: list[DatasetPlan] = []
        for plan in self._waiting:
            is_lost = plan.creates_target and names.is_within(plan.target, parent.target)
            (lost if is_lost else waiting).append(plan)
        self._waiting = waiting
        self._unmade -= {plan.target for plan in lost}
        return lost


def follow(
    schedule: Schedule,
    jobs: int,
    stream: Callable[[Lane], None],
    after: Callable[[Lane], None],
    cancel: Callable[[], None],
) -> None:
    """Run lanes as they become ready, `jobs` at a time, until none is left.

    `stream` runs in a thread of its own, `after` it in this one. Whatever either raises, or a signal, cancels all
    lanes, and is raised once they have ended.
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
