"""A model of ZFS in pure Python, behind the same host protocol as the real hosts (zfs_replicate.hosts.base).

    world.py      what a pool consists of: datasets, snapshots, bookmarks, blocks, saved receives
    machine.py    one machine's view of it: names looked up, rights checked, refusals
    listing.py    zfs list, get, holds, version; zpool get
    protection.py, destruction.py, administration.py
                  hold, release, bookmark; destroy, rollback; create, snapshot, clone, rename, set, allow …
    streams.py    what a stream and a resume token look like
    sending.py    zfs send
    admission.py, receiving.py
                  zfs receive: may the stream come in, and what it does then
    scripts.py    the product's shell scripts
    shell.py      argument tuple in, reply out
    faults.py     what goes wrong on request
    host.py       the host protocol: processes and sinks

Every behaviour names its source: a section of docs/zfs-facts.md ("facts 3"), a man page, or "lab": seen on OpenZFS
2.4.4 by tests/contract, which runs on this model and on real pools alike. What is not modelled raises NotModelled.
"""

from tests.support.simulator.faults import Crash, Fault, Faults
from tests.support.simulator.host import SimulatedHost
from tests.support.simulator.machine import NotModelled
from tests.support.simulator.world import World

__all__ = ["Crash", "Fault", "Faults", "NotModelled", "SimulatedHost", "World"]
