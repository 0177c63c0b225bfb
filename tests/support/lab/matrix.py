"""List the cells of the fault matrix, by what is hit. MATRIX has all of them, in the order of docs/reliability.md."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import replace

from tests.support.lab import moments
from tests.support.lab.cells import Cell
from tests.support.lab.faults import BEFORE
from tests.support.lab.scenarios import (
    DEAD_RUN,
    DECRYPTED,
    ENCRYPTED,
    EVERYTHING,
    EXPIRY,
    FIRST_SEND,
    INCREMENTAL,
    PLACING,
    RESUMING,
    SEVERAL,
    SMALL,
    VAULT,
)

KILL_CLIENT, END_CLIENT = "kill -KILL {client}", "kill -TERM {client}"
KILLED, ENDED = -signal.SIGKILL, 128 + signal.SIGTERM
ITSELF = "kill -KILL $$"
FAILED, UNREACHABLE = 1, 3
"""Exit statuses, as README.md documents them."""

# --- the client ---

STEPS = {
    "reading the source": ("list -Hp -r*tank/data", "before"),
    "placing holds on the source": ("hold mirror tank*", "before"),
    "after holds on the source": ("hold mirror tank*", "after"),
    "a stream under way": ("send *", "middle"),
    "after a receive": ("receive *", "after"),
    "verifying": ("list -Hp -t snapshot*", "before"),
    "holding on the target": ("hold mirror:target*", "before"),
    "after holds on the target": ("hold mirror:target*", "after"),
    "bookmarking": ("bookmark *", "after"),
    "releasing on the source": ("release mirror tank*", "before"),
    "after releases on the source": ("release mirror tank*", "after"),
}
EXPIRING = {
    "expiring": ("destroy offsite*", "before"),
    "after an expiry": ("destroy offsite*", "after"),
}
SMALL_STEPS = {
    "before a stream": ("send *child@three", "before"),
    "after a stream": ("send *data@three", "after"),
    "after a receive": ("receive *", "after"),
}


def killed_clients() -> Iterator[Cell]:
    for scenario in (FIRST_SEND, INCREMENTAL, EXPIRY, SMALL):
        steps = SMALL_STEPS if scenario is SMALL else STEPS | (EXPIRING if scenario is EXPIRY else {})
        for step, (match, when) in steps.items():
            yield Cell(scenario, f"client killed: {step}", match, when, KILL_CLIENT, KILLED, is_unheld=True)


def ended_clients() -> Iterator[Cell]:
    for moment in moments.MOMENTS:
        name = f"SIGTERM: {moment.name}"
        cell = Cell(moment.scenario, name, moment.match, moment.when, END_CLIENT, ENDED)
        yield replace(cell, is_unheld=moment.is_unheld)


# --- streams ---


def waiting(command: str) -> str:
    """Return a command that is repeated until it succeeds: what it is to kill may not have begun yet."""
    return f"until {command}; do sleep 0.1; done"


IN_STREAM = {
    "zfs send killed": (waiting('pkill -KILL -f "^/usr/sbin/zfs send"'), FAILED),
    "zfs receive killed": (waiting('pkill -KILL -f "^/usr/sbin/zfs receive"'), FAILED),
    "mbuffer killed": (waiting("pkill -KILL -x mbuffer"), FAILED),
    "connection cut": (waiting('pkill -KILL -f "^sshd(-session)?: root"'), UNREACHABLE),
}
CUT = IN_STREAM["connection cut"][0]
STOPPED_SSHD = Cell(
    INCREMENTAL,
    "sshd stopped",
    "send *",
    "middle",
    waiting('pkill -STOP -f "^sshd(-session)?: root"'),
    UNREACHABLE,
    fix='pkill -KILL -f "^sshd(-session)?: root"; true',
    is_unheld=True,
)


def broken_streams() -> Iterator[Cell]:
    for scenario in (FIRST_SEND, INCREMENTAL, EXPIRY):
        for name, (action, status) in IN_STREAM.items():
            yield Cell(scenario, name, "send *", "middle", action, status, is_unheld=status == UNREACHABLE)
    yield STOPPED_SSHD
    yield Cell(SMALL, "zfs send killed", "send *data@three", "before", ITSELF, FAILED)
    yield Cell(SMALL, "zfs receive killed", "receive *data", "before", ITSELF, FAILED)
    yield Cell(SMALL, "connection cut", "send *child@three", "before", CUT, UNREACHABLE, is_unheld=True)
    yield Cell(RESUMING, "token decoding killed", "send -nvt*", "before", ITSELF, FAILED)


# --- room ---

ARRIVED = "until zfs list offsite/data@two >/dev/null 2>&1; do sleep 0.1; done; "
"""The first snapshot of a stream has arrived; of the second, larger one a part at most (faults.MID_STREAM_BYTES)."""

FEW_BYTES = 2_000_000
LEFT = f"$(($(zfs get -Hpo value available offsite) - {FEW_BYTES}))"


def used(dataset: str) -> str:
    """Return shell text for what the dataset uses now, and a little more."""
    return f"$(($(zfs get -Hpo value used {dataset}) + {FEW_BYTES}))"


FULL = (
    ("quota of the copy reached", "zfs set quota=USED offsite/data", "zfs set quota=none offsite/data", FAILED),
    ("quota above the copy reached", "zfs set quota=USED offsite", "zfs set quota=none offsite", FAILED),
    ("refquota of the copy reached", "zfs set refquota=USED offsite/data", "zfs set refquota=none offsite/data", 0),
    ("pool filled by others", f"zfs create -o reservation={LEFT} offsite/others", "zfs destroy offsite/others", FAILED),
)
"""Each fault with its action, fix and status. A refquota stops no receive."""


def full_targets() -> Iterator[Cell]:
    for scenario in (FIRST_SEND, INCREMENTAL, EXPIRY):
        fill, empty = "zfs set quota=2M offsite", "zfs set quota=none offsite"
        passes = 2 if scenario is EXPIRY else 1  # another one follows at once where overdue snapshots have expired
        yield Cell(scenario, "target filled up", "send *", "middle", fill, FAILED, fix=empty, passes=passes)
    for name, fill, empty, status in FULL:
        action = ARRIVED + fill.replace("USED", used(fill.rpartition(" ")[2]))
        name = f"{name}, between two snapshots"
        arrived = ("one", "two") if status else ()
        yield Cell(SEVERAL, name, "send *@three", "middle", action, status, fix=empty, arrived=arrived)


# --- snapshots ---


def vanishing_snapshots() -> Iterator[Cell]:
    """The run itself reads again, or plans again without what is gone: two passes, and the status of success."""
    for scenario, old in ((INCREMENTAL, "one"), (DEAD_RUN, "two")):
        renamed = f"zfs rename tank/data@{old} tank/data@renamed"
        yield Cell(scenario, "held snapshot renamed while its hold is read", "holds -H tank*", "before", renamed, 0)
    for scenario in (FIRST_SEND, INCREMENTAL, EXPIRY, SMALL):
        forced = "zfs release mirror {tip}; zfs destroy {tip}"
        tip = f"{scenario.source}@{scenario.tip}"
        if scenario is not SMALL:
            name = "source snapshot destroyed before its hold"
            yield Cell(scenario, name, "hold mirror tank*", "before", "zfs destroy {tip}", 0, passes=2)
        name = "source snapshot destroyed by force before send"
        yield Cell(scenario, name, f"send *{tip}", "before", forced, 0, passes=2)


# --- pools ---


def imported(pool: str, *options: str) -> str:
    return " ".join(("zpool import", *options, "-d {directory}", pool))


def read_only(pool: str) -> str:
    return f"zpool export -f {pool}; {imported(pool, '-o readonly=on')}"


def writable(pool: str) -> str:
    return f"zpool export {pool} && {imported(pool)}"


def changed_pools() -> Iterator[Cell]:
    for scenario in (FIRST_SEND, INCREMENTAL, EXPIRY):
        name, fix = "target pool exported", imported("offsite")
        yield Cell(
            scenario,
            name,
            "receive *",
            "before",
            "zpool export -f offsite",
            FAILED,
            fix,
            passes=2,
            is_unheld=True,
        )
    for scenario in (FIRST_SEND, INCREMENTAL):
        for moment, match in (("before the run", BEFORE), ("before a receive", "receive *")):
            name = f"target pool imported read-only {moment}"
            action, fix = read_only("offsite"), writable("offsite")
            yield Cell(scenario, name, match, "before", action, FAILED, fix, is_unheld=True)
    action, fix = read_only("tank"), writable("tank")
    name = "source pool imported read-only before the run"
    yield Cell(INCREMENTAL, name, BEFORE, "before", action, 0, fix, is_unheld=True)
    name = "source pool imported read-only before its holds"
    yield Cell(INCREMENTAL, name, "hold mirror tank*", "before", action, FAILED, fix, is_unheld=True)


# --- keys ---

KEYS = (
    (VAULT, "key of the target unloaded before the run", "offsite/vault", BEFORE, FAILED),
    (VAULT, "key of the target unloaded before a receive", "offsite/vault", "receive *data", FAILED),
    (DECRYPTED, "key of the source unloaded before a send", "tank/safe", "send *safe@three", FAILED),
    (ENCRYPTED, "key of the source unloaded before a send", "tank/safe", "send *safe@three", 0),
)


def missing_keys() -> Iterator[Cell]:
    """Encrypted streams need no key: there the run succeeds."""
    for scenario, name, root, match, status in KEYS:
        yield Cell(scenario, name, match, "before", f"zfs unload-key {root}", status, f"zfs load-key {root}")


CLIENTS = [*killed_clients(), *ended_clients()]
STREAMS = [*broken_streams()]
POOLS = [*full_targets(), *vanishing_snapshots(), *changed_pools(), *missing_keys()]
SCENARIOS = (
    FIRST_SEND,
    INCREMENTAL,
    DEAD_RUN,
    SEVERAL,
    EXPIRY,
    SMALL,
    RESUMING,
    EVERYTHING,
    PLACING,
    VAULT,
    ENCRYPTED,
    DECRYPTED,
)
MATRIX = sorted([*CLIENTS, *STREAMS, *POOLS], key=lambda cell: SCENARIOS.index(cell.scenario))
