"""Set up what a run has to do when a fault strikes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.support.lab.world import World, run, zfs

LARGE = 4_000_000
DECRYPTING = ("--decrypt",)


@dataclass(frozen=True)
class Scenario:
    """`prepare` makes the datasets `children` of both roots, and what they need. `options`: of all runs of a cell.

    `lost`: snapshots of the target, beside those that expire, which the run discards.
    """

    name: str
    prepare: Callable[[World], None]
    tip: str = "three"
    children: tuple[str, ...] = ("", "/child")
    source: str = "tank/data"
    target: str = "offsite/data"
    options: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


def replicate(world: World, scenario: Scenario, *options: str, host: str = "localhost") -> str:
    """Run the program as a plain run of this scenario; return its stderr."""
    words = (*scenario.options, *options)
    return world.replicate_from(scenario.source, scenario.target, *words, host=host).stderr


def _first_send(world: World) -> None:
    zfs("create", "tank/data/child")
    world.write("tank/data", "large", LARGE)
    world.snapshot("tank/data@one", recursive=True)
    world.snapshot("tank/data@two", recursive=True)


def _incremental(world: World) -> None:
    zfs("create", "tank/data/child")
    world.snapshot("tank/data@one", recursive=True)
    world.replicate(host="localhost")
    world.write("tank/data", "large", LARGE)
    for name in ("two", "three"):
        world.snapshot(f"tank/data@{name}", recursive=True)


def _dead_run(world: World) -> None:
    """Leave the holds of a run that died, on a snapshot that is neither the newest nor a base."""
    _incremental(world)
    zfs("hold", "-r", "mirror", "tank/data@two")


def _several_snapshots(world: World) -> None:
    """Let one stream bring three snapshots: a small one, and two of which each is larger than what may have come."""
    zfs("create", "tank/data/child")
    world.snapshot("tank/data@one", recursive=True)
    world.replicate(host="localhost")
    for name, size in (("two", LARGE // 4), ("two-and-a-half", 2 * LARGE), ("three", 2 * LARGE)):
        world.write("tank/data", name, size)
        world.snapshot(f"tank/data@{name}", recursive=True)


def _expiry(world: World) -> None:
    zfs("create", "tank/data/child")
    for name, days in (("d50", 50), ("d40", 40)):
        world.snapshot(f"tank/data@{name}", recursive=True, days_ago=days)
    world.replicate(host="localhost")
    world.write("tank/data", "large", LARGE)
    world.snapshot("tank/data@d0", recursive=True)


def _small_increments(world: World) -> None:
    """Make small increments, which share one command."""
    zfs("create", "tank/data/child")
    world.snapshot("tank/data@one", recursive=True)
    world.replicate(host="localhost")
    for name in ("two", "three"):
        for dataset in ("tank/data", "tank/data/child"):
            world.write(dataset, name, 20_000)
        world.snapshot(f"tank/data@{name}", recursive=True)


def _resuming(world: World) -> None:
    """Leave the saved state of the second of three snapshots on the target."""
    _incremental(world)
    leave_saved_state("tank/data@one", "tank/data@two", "offsite/data")
    assert world.get("offsite/data", "receive_resume_token").startswith("1-")


def leave_saved_state(base: str, snapshot: str, target: str) -> None:
    cut = f"zfs send -i {base} {snapshot} | head -c 1500000 | zfs receive -s -u {target}"
    run("sh", "-c", cut, check=False)


def _encrypted(world: World) -> None:
    _grow_safe(world, ENCRYPTED)


def _decrypting(world: World) -> None:
    _grow_safe(world, DECRYPTED)


def _grow_safe(world: World, scenario: Scenario) -> None:
    """Let the source be encrypted, and have two snapshots that the target has not."""
    world.create_encrypted("tank/safe")
    zfs("create", "tank/safe/child")
    world.snapshot("tank/safe@one", recursive=True)
    replicate(world, scenario)
    world.write("tank/safe", "large", LARGE)
    for name in ("two", "three"):
        world.snapshot(f"tank/safe@{name}", recursive=True)


def _into_a_vault(world: World) -> None:
    """Let plain data arrive in an encrypted target."""
    world.create_encrypted("offsite/vault", "the phrase of the vault")
    zfs("create", "tank/data/child")
    world.snapshot("tank/data@one", recursive=True)
    replicate(world, VAULT)
    world.write("tank/data", "large", LARGE)
    for name in ("two", "three"):
        world.snapshot(f"tank/data@{name}", recursive=True)


def _placing(world: World) -> None:
    """Let an encrypted dataset get its first snapshots, after the one below it: its placeholder cannot be filled."""
    world.create_encrypted("tank/safe")
    zfs("create", "tank/safe/child")
    world.write("tank/safe/child", "small", 20_000)
    world.snapshot("tank/safe/child@one")
    replicate(world, PLACING)
    world.write("tank/safe", "large", LARGE)
    world.snapshot("tank/safe@two", recursive=True)


FULL_BYTES = 4 << 20


def _everything(world: World) -> None:
    """Leave something to do for every kind of step.

    The datasets: the root is large, and its snapshots are renamed on the source; `child` is small, and lost the hold
    on its base; somebody wrote to `changed`, took a snapshot and a bookmark; `full` must expire something first; `late`
    was a placeholder; `new` becomes one; `resumed` and `stale` have saved states.
    """
    old = ("child", "changed", "full", "late", "late/below", "resumed", "stale")
    for name in old:
        zfs("create", "-u", f"tank/data/{name}")
    without_late = [f"tank/data/{name}" for name in old if name != "late"]
    for name, days in (("d50", 50), ("d40", 40)):
        replace_file(world, name)
        world.snapshot(*(f"{dataset}@{name}" for dataset in ("tank/data", *without_late)), days_ago=days)
    world.replicate(host="localhost")
    zfs("set", f"quota={int(2.5 * FULL_BYTES)}", "offsite/data/full")
    zfs("release", "mirror:target", "offsite/data/child@d40")
    world.write("offsite/data/changed", "mine", 300_000)
    zfs("snapshot", "offsite/data/changed@mine")
    zfs("bookmark", "offsite/data/changed@mine", "offsite/data/changed#mine")
    zfs("create", "-u", "-p", "tank/data/new/below")
    zfs("rename", "tank/data@d40", "tank/data@renamed")
    replace_file(world, "d0")
    for dataset in ("tank/data", "tank/data/resumed", "tank/data/stale", "tank/data/late"):
        world.write(dataset, "large", LARGE)
    world.write("tank/data/child", "small", 20_000)
    zfs("snapshot", "tank/data@d40")
    zfs("snapshot", "tank/data/stale@gone")
    for dataset in ("tank/data", *without_late, "tank/data/late", "tank/data/new/below"):
        zfs("snapshot", f"{dataset}@d0")
    leave_saved_state("tank/data/resumed@d40", "tank/data/resumed@d0", "offsite/data/resumed")
    leave_saved_state("tank/data/stale@d40", "tank/data/stale@gone", "offsite/data/stale")
    zfs("destroy", "tank/data/stale@gone")


def replace_file(world: World, name: str) -> None:
    """Replace what is in tank/data/full by a file of this name."""
    with world.mounted("tank/data/full") as directory:
        for file in directory.iterdir():
            file.unlink()
    world.write("tank/data/full", name, FULL_BYTES)


EXPIRING = ("-k", "30")
FIRST_SEND = Scenario("first send", _first_send, "two", options=EXPIRING)
INCREMENTAL = Scenario("incremental", _incremental, options=EXPIRING)
DEAD_RUN = Scenario("holds of a run that died", _dead_run, options=EXPIRING)
SEVERAL = Scenario("several snapshots in one stream", _several_snapshots)
EXPIRY = Scenario("expiry", _expiry, "d0", options=EXPIRING)
SMALL = Scenario("small increments", _small_increments, options=EXPIRING)
RESUMING = Scenario("resuming", _resuming, options=EXPIRING)
ENCRYPTED = Scenario("encrypted", _encrypted, source="tank/safe", target="offsite/safe")
DECRYPTED = Scenario("decrypted", _decrypting, source="tank/safe", target="offsite/safe", options=DECRYPTING)
VAULT = Scenario("into an encrypted target", _into_a_vault, target="offsite/vault/data")
PLACING = Scenario("a copy beside a placeholder", _placing, "two", source="tank/safe", target="offsite/safe")
EVERYTHING = Scenario(
    "all kinds of steps",
    _everything,
    "d0",
    ("", "/child", "/changed", "/full", "/late", "/late/below", "/new/below", "/resumed", "/stale"),
    options=(*EXPIRING, "--rollback"),
    lost=("/changed@mine",),
)
