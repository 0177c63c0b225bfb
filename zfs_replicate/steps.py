"""What will be done, and what was: the Steps of a plan in their order, the Plan itself, the Outcomes. Frozen values.

A step says what, not how: zfs/commands.py knows the words, the executor the order of phases.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from zfs_replicate.model import Bookmark, Kind, Snapshot, StreamOptions
from zfs_replicate.units import size


@dataclass(frozen=True, slots=True)
class AbortReceive:
    """Throw away the saved state of a cut receive; for an unfinished first receive that is the dataset itself."""

    target: str
    reason: str


class Side(StrEnum):
    SOURCE = "source"
    TARGET = "target"


@dataclass(frozen=True, slots=True)
class Hold:
    """Place the tag on these snapshots of one side (whole names)."""

    side: Side
    tag: str
    snapshots: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Release:
    """Take the tag off these snapshots of one side (whole names)."""

    side: Side
    tag: str
    snapshots: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rollback:
    """Discard what the target has beyond `snapshot` (whole name): bytes written, newer snapshots (whole names).

    `release`: those of the newer ones that carry our own target tag, which goes first.
    """

    target: str
    snapshot: str
    byte_count: int
    lost: tuple[str, ...] = ()
    release: Release | None = None

    @property
    def text(self) -> str:
        """What a rollback discards, in words."""
        lost = f", and the snapshots {', '.join(self.lost)}" if self.lost else ""
        return f"roll back to {self.snapshot}: discards {size(self.byte_count)} written since{lost}"


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

    `snapshot_count`: how many arrive; with more than one, all in between travel too (`-I`). `byte_estimate`: about
    what was written since the base, as the listing tells it; the stream itself may be smaller or larger.
    """

    snapshot: str
    base: str | None
    snapshot_count: int
    is_raw: bool
    options: StreamOptions
    receiving: Receiving
    byte_estimate: int = 0


@dataclass(frozen=True, slots=True)
class Resume:
    """Continue the cut stream of one snapshot (full name) from its token. `byte_estimate` is that of the whole."""

    snapshot: str
    token: str
    receiving: Receiving
    snapshot_count: int = 1
    byte_estimate: int = 0


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
class BookmarkSource:
    """Bookmark the new base on the source (whole names; None: it is there), then destroy our older bookmarks.

    A safety net below the hold: it may fail where the user has no right to it, and nothing depends on it.
    """

    snapshot: str
    bookmark: str | None
    obsolete: tuple[str, ...] = ()


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
    | Hold
    | CreateParent
    | Send
    | Resume
    | ClearPlaceholder
    | Verify
    | BookmarkSource
    | Release
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
    """What will happen to one dataset: the steps in the order in which they run, or a conflict and no step.

    `base`: the newest common snapshot as it is; `tip`: as it will be, the newest of the source. `held`: snapshots of
    the source that carry the tag once the holds are placed, oldest first.
    """

    source: str
    target: str
    steps: tuple[Step, ...] = ()
    conflict: Conflict | None = None
    notes: tuple[str, ...] = ()
    kept: tuple[KeptSnapshot, ...] = ()
    base: Snapshot | Bookmark | None = None
    tip: Snapshot | Bookmark | None = None
    held: tuple[Snapshot, ...] = ()

    @property
    def snapshot_count(self) -> int:
        """How many snapshots arrive when all goes well."""
        return sum(step.snapshot_count for step in self.steps if isinstance(step, Send | Resume))

    @property
    def byte_estimate(self) -> int:
        return sum(step.byte_estimate for step in self.steps if isinstance(step, Send | Resume))

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

    @property
    def stream_count(self) -> int:
        """How many datasets have something to receive."""
        return sum(1 for dataset in self.datasets if dataset.snapshot_count)


# --- what was done -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Done:
    """A step that was carried out; bytes and seconds where it is a stream."""

    step: Step
    byte_count: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one dataset ended. `error` None: all its steps were carried out.

    `failed`: the step at which it ended; None where that is no step of its own, such as a conflict.
    """

    plan: DatasetPlan
    error: Exception | None = None
    byte_count: int = 0
    seconds: float = 0.0
    expired: tuple[str, ...] = ()
    done: tuple[Done, ...] = ()
    failed: Step | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One pass, however it ended. `plan` None: it ended before there was one.

    `outcomes`: in the plan's order; empty: nothing was carried out. `error`: what ended the pass as a whole, a signal
    too. `seconds`: wall time.
    """

    plan: Plan | None = None
    outcomes: tuple[Outcome, ...] = ()
    seconds: float = 0.0
    error: BaseException | None = None
