"""Simulate ZFS in pure Python, behind the host protocol of the real hosts (zfs_replicate.hosts.base).

    world.py      contents of pools: datasets, snapshots, bookmarks, blocks, saved receives
    machine.py    one machine's view: look up names, check permissions, refuse
    columns.py    columns and properties of what is listed
    listing.py    zfs list, get, holds, version; zpool get
    protection.py, destruction.py, administration.py
                  hold, release, bookmark; destroy, rollback; create, snapshot, clone, rename, set, allow …
    streams.py    format of streams and resume tokens
    sending.py    zfs send
    admission.py, receiving.py
                  zfs receive: accept or refuse a stream, and apply it
    scripts.py    the product's shell scripts
    shell.py      run a command: argument tuple → reply
    faults.py     faults that tests arm
    host.py       the host protocol: processes and sinks

Every behaviour cites its source: a section of docs/zfs-facts.md ("facts 3"), a man page, or "lab": seen on OpenZFS
2.4.4 by tests/contract, which runs on this model and on real pools alike. Anything else raises NotModelled.
"""

from tests.support.simulator.faults import Crash, Fault, Faults
from tests.support.simulator.host import SimulatedHost
from tests.support.simulator.machine import NotModelled
from tests.support.simulator.world import World

__all__ = ["Crash", "Fault", "Faults", "NotModelled", "SimulatedHost", "World"]
