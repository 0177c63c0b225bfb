"""Give one machine's view of the world: its imported pools, its user, and refusals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tests.support.simulator.world import Dataset, Pool, Snapshot, World

ROOT = "root"


class NotModelled(NotImplementedError):
    """The simulator does not model this command: extend it, do not guess."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a command printed and how it ended."""

    stdout: str = ""
    stderr: str = ""
    status: int = 0


class Refused(Exception):
    """The command ends here with this message."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


@dataclass(frozen=True)
class Machine:
    """The imported pools and the user; `zfs allow` decides what users other than root may do.

    `seconds_ahead`: how wrong its clock is.
    """

    world: World
    pool_names: tuple[str, ...]
    user: str = ROOT
    seconds_ahead: int = 0

    @property
    def clock(self) -> int:
        return self.world.now + self.seconds_ahead

    def as_user(self, user: str) -> Machine:
        return replace(self, user=user)

    # --- names ---

    def pool(self, name: str) -> Pool | None:
        """Return the pool of a dataset, snapshot or bookmark; None if it is not imported."""
        short = name.split("/", 1)[0].partition("@")[0].partition("#")[0]
        return self.world.pools.get(short) if short in self.pool_names else None

    def find(self, name: str) -> Dataset | None:
        pool = self.pool(name)
        return pool.datasets.get(name) if pool else None

    def dataset(self, name: str, status: int = 1) -> Dataset:
        """Raises: Refused, with zfs's text for a missing dataset or pool (lab: the same)."""
        dataset = self.find(name)
        if dataset is None:
            raise Refused(f"cannot open '{name}': dataset does not exist", status)
        return dataset

    def snapshot(self, name: str) -> tuple[Dataset, Snapshot]:
        """Given a full name, return dataset and snapshot. Raises: Refused; it always names the snapshot (lab)."""
        dataset_name, _, short = name.partition("@")
        dataset = self.find(dataset_name)
        snapshot = dataset.find(short) if dataset else None
        if dataset is None or snapshot is None:
            raise Refused(f"cannot open '{name}': dataset does not exist")
        return dataset, snapshot

    # --- permissions (zfs-allow(8), facts 4) ---

    def may(self, dataset: str, *permissions: str) -> bool:
        """Whether the user has all of these permissions, here or from an ancestor."""
        if self.user == ROOT:
            return True
        granted: set[str] = set()
        while dataset:
            owner = self.find(dataset)
            granted |= owner.allowed.get(self.user, set()) if owner else set()
            dataset = dataset.rpartition("/")[0]
        return granted.issuperset(permissions)

    def require(self, dataset: str, message: str, *permissions: str, status: int = 1) -> None:
        if not self.may(dataset, *permissions):
            raise Refused(f"{message}: permission denied", status)


def parse_flags(arguments: Sequence[str], known: str, valued: str = "") -> tuple[dict[str, list[str]], list[str]]:
    """Given arguments, the letters of plain options and of those with a value, return options and the rest.

    Options end at the first other argument, as with getopt in POSIX mode. Raises: NotModelled.
    """
    flags: dict[str, list[str]] = {}
    rest = list(arguments)
    while rest and rest[0].startswith("-") and len(rest[0]) > 1:
        letters = rest.pop(0)[1:]
        for place, letter in enumerate(letters):
            if letter in valued:
                attached = letters[place + 1 :]
                flags.setdefault(letter, []).append(attached or rest.pop(0))
                break
            if letter not in known:
                raise NotModelled(f"option -{letter} in {' '.join(arguments)}")
            flags.setdefault(letter, []).append("")
    return flags, rest
