"""Read both sides. read_both(Place, Place) → Survey."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from zfs_replicate.errors import PoolMissing
from zfs_replicate.hosts.base import Host
from zfs_replicate.model import Capabilities, Dataset, Inventory, Survey
from zfs_replicate.run.changes import with_changes
from zfs_replicate.run.inventory import probe, read_source, read_target
from zfs_replicate.run.parallel import threads
from zfs_replicate.zfs.emptiness import uncounted_bytes


@dataclass(frozen=True, slots=True)
class Place:
    """A tree of datasets on a host."""

    host: Host
    root: str


def read_both(source: Place, target: Place, at_once: bool = True, is_exact: bool = True) -> Survey:
    """Probe and list both sides, all in parallel; without `at_once`, list a side only after both probes.

    `is_exact`: as in read_target.

    A target without its pool is not an error here: a plan needs the pool, a status does not. If several parts fail,
    a probe's error is raised before a listing's, and of two the source's first.
    """
    with threads(4) as pool:
        source_probe = pool.submit(probe, source.host, source.root)
        target_probe = pool.submit(_probe_target, target)
        if not at_once:  # exception() waits without raising
            source_probe.exception()
            target_probe.exception()
        source_tree = pool.submit(read_source, source.host, source.root)
        target_tree = pool.submit(read_target, target.host, target.root, is_exact)
        capabilities = source_probe.result(), target_probe.result()
        source_inventory = replace(source_tree.result(), is_read_only=capabilities[0].is_read_only)
        target_inventory = _weighed(target_tree.result(), capabilities[1])
        survey = Survey(source.host.name, source_inventory, target_inventory, *capabilities)
    return with_changes(target.host, survey)


def _weighed(inventory: Inventory, capabilities: Capabilities | PoolMissing) -> Inventory:
    """Return the target with what its version of zfs does not count of an empty placeholder."""
    missing = 0 if isinstance(capabilities, PoolMissing) else uncounted_bytes(capabilities.zfs_version)

    def weighed(datasets: Mapping[str, Dataset]) -> dict[str, Dataset]:
        return {
            name: replace(one, uncounted_bytes=missing) if one.is_placeholder and not one.snapshots else one
            for name, one in datasets.items()
        }

    if not missing:
        return inventory
    return replace(inventory, datasets=weighed(inventory.datasets), beside=weighed(inventory.beside))


def _probe_target(target: Place) -> Capabilities | PoolMissing:
    try:
        return probe(target.host, target.root)
    except PoolMissing as error:
        return error
