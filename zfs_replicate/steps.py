"""Define the steps of a plan. Frozen values.

A step says what to do, not how: zfs/commands.py builds the commands, and the executor orders the phases.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from zfs_replicate.model import Kind, StreamOptions
from zfs_replicate.units import size


@dataclass(frozen=True, slots=True)
class AbortReceive:
    """Discard the saved state of an interrupted receive; an unfinished first receive is discarded with its dataset."""

    target: str
    reason: str


class Side(StrEnum):
    SOURCE = "source"
    TARGET = "target"


@dataclass(frozen=True, slots=True)
class Hold:
    """Place a hold with this tag on these snapshots of one side (full names).

    `instead`: the tag to place where this one is not permitted; None: none. `is_claim`: it only shows whose the holds
    are. `is_first`: those of another mirror, if it has placed the same tag meanwhile.
    """

    side: Side
    tag: str
    snapshots: tuple[str, ...]
    instead: str | None = None
    is_claim: bool = False
    is_first: bool = False


@dataclass(frozen=True, slots=True)
class Release:
    """Release the hold with this tag from these snapshots of one side (full names). `is_claim`: see Hold."""

    side: Side
    tag: str
    snapshots: tuple[str, ...]
    is_claim: bool = False


@dataclass(frozen=True, slots=True)
class Rollback:
    """Roll the target back to `snapshot` (full name), which discards `byte_count` bytes and the snapshots in `lost`.

    `lost`: full names, oldest first. `bookmarks`: full names of those that must go too, since they are newer.
    `release`: the holds of ours on the lost snapshots, released first.
    """

    target: str
    snapshot: str
    byte_count: int
    lost: tuple[str, ...] = ()
    release: Release | None = None
    bookmarks: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The rollback in words: `roll back to off/a@x: discards 64.0 KiB written since then`."""
        lost = f", and the snapshots {', '.join(self.lost)}" if self.lost else ""
        bookmarks = f", and the bookmarks {', '.join(self.bookmarks)}" if self.bookmarks else ""
        return f"roll back to {self.snapshot}: discards {size(self.byte_count)} written since then{lost}{bookmarks}"


@dataclass(frozen=True, slots=True)
class SnapshotRename:
    """One snapshot's old and new name (the part after the @)."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class RenameSnapshots:
    """Rename snapshots of the target, in this order, as the source has renamed its own."""

    target: str
    renames: tuple[SnapshotRename, ...]


@dataclass(frozen=True, slots=True)
class CreateParent:
    """Create a dataset that only serves as a parent: unmounted, with canmount=off, and marked as a placeholder.

    `is_placeholder`: it stands for a dataset of the source; otherwise it only lies above the target.
    `is_kept_plain`: whatever the encryption of the dataset above, whose key need not be loaded then. `may_be_plain`:
    only if that key is not loaded, since all that arrives below is encrypted by itself.
    """

    target: str
    is_placeholder: bool
    is_kept_plain: bool = False
    may_be_plain: bool = False


@dataclass(frozen=True, slots=True)
class MoveDataset:
    """Rename a dataset with all below it; what is mounted stays so."""

    old: str
    new: str
    kind: Kind = Kind.FILESYSTEM


@dataclass(frozen=True, slots=True)
class DestroyPlaceholder:
    """Destroy a placeholder, if it is still empty, and nothing is below it. `uncounted_bytes`: as of its Dataset."""

    target: str
    is_encrypted: bool = False
    uncounted_bytes: int = 0


PlaceAct = MoveDataset | CreateParent | DestroyPlaceholder


@dataclass(frozen=True, slots=True)
class TakePlace:
    """Let `copy`, which was received beside the placeholder `target`, take its place.

    `acts`: what moves the datasets below the placeholder below the copy, in this order, and removes the placeholder;
    then the copy is renamed. A run that dies in between leaves what the next one plans the rest from.
    """

    target: str
    copy: str
    acts: tuple[PlaceAct, ...] = ()


@dataclass(frozen=True, slots=True)
class Receiving:
    """Where the target receives a stream, and with which settings.

    `is_kept_plain`: the plain dataset that arrives is not encrypted by the dataset above.
    """

    target: str
    kind: Kind
    is_first: bool = False
    onto_placeholder: bool = False
    is_kept_plain: bool = False


@dataclass(frozen=True, slots=True)
class Send:
    """Send one stream up to `snapshot`, from `base` (the full name of a snapshot or bookmark; None: a full send).

    `snapshot_count`: how many snapshots arrive; if more than one, all snapshots in between are sent too (`-I`).
    `byte_estimate`: the bytes written since the base, from the listing; the stream may be smaller or larger.
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
    """Continue the interrupted stream of one snapshot (full name). `byte_estimate` is for the whole stream."""

    snapshot: str
    token: str
    receiving: Receiving
    snapshot_count: int = 1
    byte_estimate: int = 0


@dataclass(frozen=True, slots=True)
class ClearPlaceholder:
    """Remove the placeholder mark, because the dataset is now a real copy.

    It may fail if the user lacks the permission: the mark alone means nothing, and the next run tries again.
    """

    target: str


@dataclass(frozen=True, slots=True)
class Verify:
    """Check that the target has this snapshot (full name) with this guid."""

    snapshot: str
    guid: int


@dataclass(frozen=True, slots=True)
class BookmarkSource:
    """Bookmark the new base on the source, then destroy our older bookmarks (full names).

    `bookmark` None: there is one already, or there can be none. A fallback in case the hold is lost: it may fail if the
    user lacks the permission. `claim`: the tag that then shows on the snapshot whose the holds are; None: a bookmark
    there does.
    """

    snapshot: str
    bookmark: str | None
    obsolete: tuple[str, ...] = ()
    claim: str | None = None


@dataclass(frozen=True, slots=True)
class ExpiringSnapshot:
    """A target snapshot to destroy (the part after the @), and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Expire:
    target: str
    snapshots: tuple[ExpiringSnapshot, ...]


@dataclass(frozen=True, slots=True)
class MakeRoom:
    """Destroy overdue snapshots before the streams, so that these fit. It may fail: the streams are tried all the same.

    `release`: our own older holds on them, released first.
    """

    target: str
    snapshots: tuple[ExpiringSnapshot, ...]
    release: Release | None = None


Step = (
    RenameSnapshots
    | MakeRoom
    | AbortReceive
    | Rollback
    | Hold
    | CreateParent
    | Send
    | Resume
    | ClearPlaceholder
    | TakePlace
    | Verify
    | BookmarkSource
    | Release
    | Expire
)


BEST_EFFORT = (BookmarkSource, ClearPlaceholder, MakeRoom)
"""Steps that nothing depends on: a dataset does not fail with them."""
