"""Read both sides. read_both(Place, Place) → Survey."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from zfs_replicate.errors import PoolMissing
from zfs_replicate.hosts.base import Host
from zfs_replicate.model import Capabilities, Survey
from zfs_replicate.run.inventory import probe, read_source, read_target


@dataclass(frozen=True, slots=True)
class Place:
    """A tree of datasets, and the host that has it."""

    host: Host
    root: str


def read_both(source: Place, target: Place, at_once: bool = True) -> Survey:
    """Probe and list both sides, all at the same time; unless `at_once`, one after the other on each side.

    A target without its pool is no error here: a plan needs the pool, a status does not. An error of the source is
    raised before one of the target, and one of a probe before one of a listing.
    """
    with _side_by_side(4) as pool:
        source_probe = pool.submit(probe, source.host, source.root)
        target_probe = pool.submit(_probe_target, target)
        if not at_once:  # exception() waits, and raises nothing
            source_probe.exception()
            target_probe.exception()
        source_tree = pool.submit(read_source, source.host, source.root)
        target_tree = pool.submit(read_target, target.host, target.root)
        capabilities = source_probe.result(), target_probe.result()
        return Survey(source.host.name, source_tree.result(), target_tree.result(), *capabilities)


def _probe_target(target: Place) -> Capabilities | PoolMissing:
    try:
        return probe(target.host, target.root)
    except PoolMissing as error:
        return error


@contextlib.contextmanager
def _side_by_side(count: int) -> Iterator[ThreadPoolExecutor]:
    """Threads that are not waited for when something goes wrong, or a signal comes: a silent peer would keep us.

    What still reads ends with its connection.
    """
    pool = ThreadPoolExecutor(count)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
