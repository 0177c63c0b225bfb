"""The nouns. Frozen values that cross module borders; nothing here acts.

What a side has: Snapshot, Bookmark, ResumeToken, Dataset, Inventory, Capabilities. What is wanted: Policy, PlanContext.
What will be done about it is in steps.py.

Two rules hold everywhere. Identity is the guid, names are for people. createtxg orders snapshots
within one pool only and means nothing across pools.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from zfs_replicate.errors import PoolMissing

SECONDS_PER_DAY = 86_400

PLACEHOLDER_PROPERTY = "zfs_replicate:placeholder"
"""User property that marks a dataset which we made only so that its children have a parent."""

TARGET_SUFFIX = ":target"
"""What the tag of a hold on the target has more than that on the source."""

COMPRESSORS = {"zstd": "zstd -qc", "lz4": "lz4 -qc", "pigz": "pigz -c"}
"""What may make streams smaller, and what each is called with for that; -d is added to undo it."""


class Kind(Enum):
    FILESYSTEM = "filesystem"
    VOLUME = "volume"


# --- what a side has ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One snapshot. `name` is the part after the @; `creation` is Unix seconds, copied by receive.

    `has_partial_receive`: the saved state of a cut receive hangs on it.
    """

    name: str
    guid: int
    createtxg: int
    creation: int
    written: int = 0
    holds: tuple[str, ...] = ()
    clones: tuple[str, ...] = ()
    has_partial_receive: bool = False


@dataclass(frozen=True, slots=True)
class Bookmark:
    """One bookmark. `name` is the part after the #; guid, createtxg and creation are its snapshot's."""

    name: str
    guid: int
    createtxg: int
    creation: int


@dataclass(frozen=True, slots=True)
class TokenContents:
    """What a resume token says: which one snapshot it continues, and from which base (None: a full send)."""

    to_name: str
    to_guid: int
    from_guid: int | None
    is_raw: bool


@dataclass(frozen=True, slots=True)
class ResumeToken:
    """The saved state of a cut receive. `contents` is None where zfs could not decode the text."""

    text: str
    contents: TokenContents | None


@dataclass(frozen=True, slots=True)
class Dataset:
    """A filesystem or volume with its snapshots and bookmarks, oldest first.

    `written` is the number of bytes written since the newest snapshot.
    """

    name: str
    kind: Kind
    is_encrypted: bool = False
    written: int = 0
    snapshots: tuple[Snapshot, ...] = ()
    bookmarks: tuple[Bookmark, ...] = ()
    resume_token: ResumeToken | None = None
    is_placeholder: bool = False


@dataclass(frozen=True, slots=True)
class Inventory:
    """All datasets at and below `root`, by name, parents first. `root` itself may be absent on a target."""

    root: str
    datasets: Mapping[str, Dataset]
    missing_ancestors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What one side can do: read by one probe command before anything else."""

    zfs_version: str
    programs: frozenset[str]
    pool_guid: int
    features: Mapping[str, str]
    """Feature name to `disabled`, `enabled` or `active`."""

    def has_feature(self, name: str) -> bool:
        return self.features.get(name, "disabled") != "disabled"

    def uses_feature(self, name: str) -> bool:
        return self.features.get(name) == "active"


@dataclass(frozen=True, slots=True)
class Survey:
    """Both sides as they were read, at about the same moment. `source_host` is what messages call the source's host.

    `target_capabilities` is a PoolMissing where the target's pool is not there: nothing can be planned then, but a
    status can be told.
    """

    source_host: str
    source: Inventory
    target: Inventory
    source_capabilities: Capabilities
    target_capabilities: Capabilities | PoolMissing


# --- what a command leaves ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Exit:
    """How a command ended. A negative status is the number of the signal that killed it on this machine.

    `is_killed`: it ended without a status of its own, by a signal here or on the other side.
    """

    command: tuple[str, ...]
    exit_status: int
    stderr: str
    is_killed: bool = False


# --- what is wanted ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Policy:
    """The user's wishes as far as the plan depends on them. `keep_days` None: nothing ever expires."""

    tag: str
    keep_days: int | None = None
    excludes: tuple[str, ...] = ()
    may_roll_back: bool = False

    @property
    def target_tag(self) -> str:
        return f"{self.tag}{TARGET_SUFFIX}"


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """How streams between these two pools are written; constant for one target (OpenZFS #6224)."""

    large_blocks: bool = True
    compressed: bool = True


@dataclass(frozen=True, slots=True)
class PlanContext:
    """What every dataset's plan depends on besides the dataset itself. `now` is Unix seconds."""

    policy: Policy
    options: StreamOptions
    now: int
    has_bookmarks: bool = False
    """Whether the source pool can keep bookmarks."""
