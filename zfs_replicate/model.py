"""The nouns. Frozen values that cross module borders; nothing here acts.

What a side has: Snapshot, Bookmark, ResumeToken, Dataset, Inventory, Capabilities.
What is wanted: Policy. What will be done: the Steps, DatasetPlan, Plan. What was done: Outcome.

Two rules hold everywhere. Identity is the guid, names are for people. createtxg orders snapshots
within one pool only and means nothing across pools.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

SECONDS_PER_DAY = 86_400

PLACEHOLDER_PROPERTY = "zfs_replicate:placeholder"
"""User property that marks a dataset which we made only so that its children have a parent."""


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
    pool: str
    pool_guid: int
    free_bytes: int
    features: Mapping[str, str]
    """Feature name to `disabled`, `enabled` or `active`."""

    def has_feature(self, name: str) -> bool:
        return self.features.get(name, "disabled") != "disabled"

    def uses_feature(self, name: str) -> bool:
        return self.features.get(name) == "active"


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
        return f"{self.tag}:target"


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """How streams between these two pools are written; constant for one target (OpenZFS #6224)."""

    large_blocks: bool = True
    compressed: bool = True


@dataclass(frozen=True, slots=True)
class Context:
    """What every dataset's plan depends on besides the dataset itself. `now` is Unix seconds."""

    policy: Policy
    options: StreamOptions
    now: int
    has_bookmarks: bool = False
    """Whether the source pool can keep bookmarks."""


# --- what will be done -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AbortReceive:
    """Throw away the saved state of a cut receive; for an unfinished first receive that is the dataset itself."""

    target: str
    reason: str


@dataclass(frozen=True, slots=True)
class Rollback:
    """Discard what the target has beyond `snapshot` (whole name): bytes written, newer snapshots (whole names).

    `own_holds`: those of the newer ones that carry our own target tag, which is released first.
    """

    target: str
    snapshot: str
    byte_count: int
    lost: tuple[str, ...] = ()
    own_holds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HoldSource:
    """Place the tag on these source snapshots (full names)."""

    snapshots: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CreateParent:
    """Create a dataset that only serves as a parent: unmounted, canmount=off."""

    target: str
    is_placeholder: bool


@dataclass(frozen=True, slots=True)
class Receiving:
    """How the target takes a stream: where, and with what settings."""

    target: str
    kind: Kind
    is_first: bool = False
    onto_placeholder: bool = False


@dataclass(frozen=True, slots=True)
class Send:
    """One stream up to `snapshot`, from `base` (a snapshot or bookmark by full name; None: a full send).

    `snapshot_count`: how many arrive; with more than one, all in between travel too (`-I`).
    """

    snapshot: str
    base: str | None
    snapshot_count: int
    is_raw: bool
    options: StreamOptions
    receiving: Receiving


@dataclass(frozen=True, slots=True)
class Resume:
    """Continue the cut stream of one snapshot (full name) from its token."""

    snapshot: str
    token: str
    receiving: Receiving
    snapshot_count: int = 1


@dataclass(frozen=True, slots=True)
class ClearPlaceholder:
    """The placeholder has become a real copy: take its mark away."""

    target: str


@dataclass(frozen=True, slots=True)
class Verify:
    """The target must now have this snapshot (full name) with this guid."""

    snapshot: str
    guid: int


@dataclass(frozen=True, slots=True)
class HoldTarget:
    snapshots: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReleaseTarget:
    snapshots: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BookmarkSource:
    """Bookmark the new base on the source (whole names; None: it is there), then destroy our older bookmarks.

    A safety net below the hold: it may fail where the user has no right to it, and nothing depends on it.
    """

    snapshot: str
    bookmark: str | None
    obsolete: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReleaseSource:
    snapshots: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ExpiringSnapshot:
    """A target snapshot to destroy (the part after the @), and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Expire:
    target: str
    snapshots: tuple[ExpiringSnapshot, ...]


Step = (
    AbortReceive
    | Rollback
    | HoldSource
    | CreateParent
    | Send
    | Resume
    | ClearPlaceholder
    | Verify
    | HoldTarget
    | ReleaseTarget
    | BookmarkSource
    | ReleaseSource
    | Expire
)


@dataclass(frozen=True, slots=True)
class Conflict:
    """Why a dataset cannot be mirrored without a decision by a person, with its evidence and the ways out.

    `rollback`: what --rollback would do about it, where it can.
    """

    what: str
    next_step: str
    rollback: Rollback | None = None


@dataclass(frozen=True, slots=True)
class KeptSnapshot:
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class DatasetPlan:
    """What will happen to one dataset: the steps in the order in which they run, or a conflict and no step."""

    source: str
    target: str
    steps: tuple[Step, ...] = ()
    conflict: Conflict | None = None
    notes: tuple[str, ...] = ()
    kept: tuple[KeptSnapshot, ...] = ()

    @property
    def snapshot_count(self) -> int:
        """How many snapshots arrive when all goes well."""
        return sum(step.snapshot_count for step in self.steps if isinstance(step, Send | Resume))

    @property
    def creates_target(self) -> bool:
        """Whether children must wait for this dataset: it does not exist yet, or is replaced."""
        return any(
            isinstance(step, CreateParent) or (isinstance(step, Send | Resume) and step.receiving.is_first)
            for step in self.steps
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """All dataset plans, parents first; and what is not a dataset's own: missing ancestors, orphans."""

    ancestors: tuple[CreateParent, ...] = ()
    datasets: tuple[DatasetPlan, ...] = ()
    orphans: tuple[str, ...] = ()


# --- what was done -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one dataset ended. `error` None: all its steps were carried out."""

    plan: DatasetPlan
    error: Exception | None = None
    byte_count: int = 0
    seconds: float = 0.0
    expired: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunResult:
    """The whole run: outcomes in the plan's order, and the wall time in seconds."""

    plan: Plan
    outcomes: tuple[Outcome, ...] = ()
    seconds: float = 0.0
