"""Define what each side has and what the user asks for. Frozen values; nothing here acts.

Read from a side: Snapshot, Bookmark, ResumeToken, Dataset, Inventory, Capabilities. Asked for: Policy, PlanContext.
The steps of a plan are in steps.py, the plan itself in plans.py.

Two rules hold everywhere. A snapshot is identified by its guid; names are for people. createtxg orders snapshots
within one pool only and means nothing across pools.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from zfs_replicate.errors import PoolMissing

SECONDS_PER_DAY = 86_400

PLACEHOLDER_PROPERTY = "zfs_replicate:placeholder"
"""User property that marks a dataset created only so that its children have a parent. It may outlive that use."""

TARGET_SUFFIX = ":target"

UNKNOWN_HOLD = "a hold of which only the number is known"
"""In place of a tag: the snapshot vanished, or got another name, between two commands. It is no valid tag."""
"""Added to the hold tag of the source to give the hold tag of the target."""

COMPRESSORS = {"zstd": "zstd -qc", "lz4": "lz4 -qc", "pigz": "pigz -c"}
"""Each compressor that streams can go through, and its command line; with -d added it decompresses."""


class Kind(Enum):
    FILESYSTEM = "filesystem"
    VOLUME = "volume"


# --- what each side has ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One snapshot. `name` is the part after the @; `creation` is Unix seconds, copied by receive.

    `has_partial_receive`: an interrupted receive on top of it has saved its state. `ivset_guid`: what zfs compares
    before it takes a raw increment onto it; 0 if it is not encrypted, or that is not known.
    """

    name: str
    guid: int
    createtxg: int
    creation: int
    written: int = 0
    holds: tuple[str, ...] = ()
    clones: tuple[str, ...] = ()
    has_partial_receive: bool = False
    ivset_guid: int = 0


@dataclass(frozen=True, slots=True)
class Bookmark:
    """One bookmark. `name` is the part after the #; the rest is that of its snapshot."""

    name: str
    guid: int
    createtxg: int
    creation: int
    ivset_guid: int = 0


@dataclass(frozen=True, slots=True)
class TokenContents:
    """A decoded resume token: the snapshot that it continues, and the base of the stream (None: a full send)."""

    to_name: str
    to_guid: int
    from_guid: int | None
    is_raw: bool


@dataclass(frozen=True, slots=True)
class ResumeToken:
    """The saved state of an interrupted receive. `contents` is None if zfs could not decode the text.

    `unread`: why zfs did not say whether it can, as a sentence; empty if it did.
    """

    text: str
    contents: TokenContents | None
    unread: str = ""


@dataclass(frozen=True, slots=True)
class Dataset:
    """A filesystem or volume with its snapshots and bookmarks, oldest first.

    `written` is the number of bytes written since the newest snapshot. `is_placeholder`: it carries our mark, which
    means nothing once it has snapshots. `logical_bytes`: what it holds before compression (logicalreferenced), known of
    placeholders without snapshots only; `uncounted_bytes`: see zfs/emptiness.py. `available`: how many bytes pool and
    quotas leave free for it and all below it;
    known of a target. `odd_snapshots`: those with a name that zfs takes neither in a command nor in a stream, such as
    @a%b; only a channel program can give one (zfs-program(8)). `origin`: the snapshot that it is a clone of; known of a
    target where no snapshot is held by a mirror. `encryption_root`: the dataset whose key unlocks it; None if it is not
    encrypted, or that is not known.
    """

    name: str
    kind: Kind
    is_encrypted: bool = False
    written: int = 0
    snapshots: tuple[Snapshot, ...] = ()
    bookmarks: tuple[Bookmark, ...] = ()
    resume_token: ResumeToken | None = None
    is_placeholder: bool = False
    logical_bytes: int = 0
    uncounted_bytes: int = 0
    available: int | None = None
    odd_snapshots: tuple[Snapshot, ...] = ()
    origin: str | None = None
    encryption_root: str | None = None
    is_key_loaded: bool = True


@dataclass(frozen=True, slots=True)
class Inventory:
    """All datasets at and below `root`, by name, parents first. On a target, `root` itself may not exist.

    `missing_ancestors`: the parents of `root` that do not exist either, top first. `is_in_encrypted`: the dataset that
    the root of a target lies in is encrypted, not counting parents that we created in between; it may also be False
    where the root is not encrypted. `is_parent_plain`: the nearest of those parents is not. `is_read_only`: the pool
    was imported so. `beside`: the datasets at and below the name beside the root of a target (names.beside), which are
    read only where the root is absent or an empty placeholder.
    """

    root: str
    datasets: Mapping[str, Dataset]
    missing_ancestors: tuple[str, ...] = ()
    is_in_encrypted: bool = False
    is_parent_plain: bool = False
    is_read_only: bool = False
    beside: Mapping[str, Dataset] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What one side can do, as read by one probe command. `clock`: its Unix time then; None if it is not known.

    `is_read_only`: the pool was imported so.
    """

    zfs_version: str
    programs: frozenset[str]
    pool_guid: int
    features: Mapping[str, str]
    """Feature name to `disabled`, `enabled` or `active`."""
    clock: int | None = None
    sector_bytes: int | None = None
    """The smallest piece that the pool writes (the largest of its vdevs); asked only of a target with changed copies.
    None: unknown."""
    is_read_only: bool = False

    @property
    def can_resume(self) -> bool:
        """Whether a receive can save its state (zfs-receive(8), -s)."""
        return self.features.get("extensible_dataset") != "disabled"

    def has_feature(self, name: str) -> bool:
        return self.features.get(name, "disabled") != "disabled"

    def uses_feature(self, name: str) -> bool:
        return self.features.get(name) == "active"


@dataclass(frozen=True, slots=True)
class Survey:
    """Both sides, read at about the same time. `source_host` is the name that messages use for the source's host.

    `target_capabilities` is a PoolMissing if the target's pool does not exist: then there is a status, but no plan.
    """

    source_host: str
    source: Inventory
    target: Inventory
    source_capabilities: Capabilities
    target_capabilities: Capabilities | PoolMissing
    moved: tuple[Dataset, ...] = ()
    """What is held in the source's pool and was perhaps moved out of the tree, if it was looked for."""
    aside: tuple[Dataset, ...] = ()
    """What was moved aside within the target's pool, perhaps, and is held; likewise."""


# --- how a command ended --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Exit:
    """How a command ended. A negative status is the number of the signal that killed it on this machine.

    `is_killed`: a signal ended it, here or on the other side, so it has no status of its own.
    """

    command: tuple[str, ...]
    exit_status: int
    stderr: str
    is_killed: bool = False


# --- what the user asks for ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Policy:
    """The options that the plan depends on. `keep_days` None: nothing ever expires.

    `is_decrypting`: encrypted datasets may be sent in plain.
    """

    tag: str
    keep_days: int | None = None
    excludes: tuple[str, ...] = ()
    may_roll_back: bool = False
    is_decrypting: bool = False

    @property
    def target_tag(self) -> str:
        return f"{self.tag}{TARGET_SUFFIX}"


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """How streams between these two pools are written; the same for every stream to one target (OpenZFS #6224)."""

    large_blocks: bool = True
    compressed: bool = True


@dataclass(frozen=True, slots=True)
class PlanContext:
    """What the plan of every dataset depends on, besides the dataset itself.

    `now`: Unix seconds, by the clock that is behind. `is_clock_doubtful`: it may be wrong, so nothing expires.
    `mirror`: the mirror's identity on the source (plan/identity.py).
    """

    policy: Policy
    options: StreamOptions
    now: int
    has_bookmarks: bool = False
    """Whether the source pool supports bookmarks."""
    is_clock_doubtful: bool = False
    sector_bytes: int | None = None
    """See Capabilities; of the target."""
    mirror: str = field(kw_only=True)
