"""Know zfs's messages: for each a pattern, the error to raise, what it means, and the next step. Data; see messages.py.

The texts are those of OpenZFS 2.1 to 2.4 under LC_ALL=C (lib/libzfs/libzfs_sendrecv.c and libzfs_util.c,
cmd/zfs/zfs_main.c). A message may span lines, so white space is folded before matching.

A command in a next step can be pasted into a shell: {subject}, {parent} and {pool} are quoted for it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from zfs_replicate import errors


@dataclass(frozen=True, slots=True)
class KnownMessage:
    """A known zfs message: its pattern, the error to raise, what it means, and the next step."""

    pattern: re.Pattern[str]
    error: type[errors.CommandFailed]
    meaning: str
    next_step: str


def _known(pattern: str, error: type[errors.CommandFailed], meaning: str, next_step: str) -> KnownMessage:
    return KnownMessage(re.compile(pattern, re.IGNORECASE), error, meaning, next_step)


REFUSED_BY_GATE = re.compile(r"zfs_replicate_gate: refused")

FULL = _known(
    r"out of space|no space left|quota exceeded|disk quota",
    errors.OutOfSpace,
    "there is no space left, or a quota is reached",
    "free space there, or raise the quota; what takes it: zfs list -o space -r {pool}",
)
"""Where a copy is full, the executor asks what limits it, and says that instead (see reworded)."""

MOVE_ASIDE = "move the copy aside, then run again for a new full copy"
"""The plan knows under which name, and says that instead."""


SHOW_USERS = (
    "where it is mounted: mount | grep -F {subject}; who holds it: zfs list -Ht snapshot -o name -r {subject} |"
    r" xargs -rd '\n' zfs holds; once it is free, run again"
)
"""`zfs holds` takes snapshots only, and names can have spaces."""

KNOWN = (
    _known(
        REFUSED_BY_GATE.pattern,
        errors.PermissionDenied,
        "zfs_replicate_gate on that host refused it",
        "compare -r and -t with --dataset and --tag of our key in authorized_keys there; if they match, copy the"
        " zfs_replicate_gate of this version there",
    ),
    _known(
        r"used in the initial send no longer exists|is no longer the same snapshot"
        r"|incremental source 0x\w+ no longer exists|resume token is corrupt",
        errors.StaleToken,
        "the saved state of an earlier receive can no longer be resumed",
        "run again: the next run clears it and starts over",
    ),
    _known(
        r"contains partially-complete state",
        errors.PartialState,
        "an unfinished receive is in the way, or another receive is running",
        "run again; if that does not help, end the other receive, or clear its state: zfs receive -A {subject}",
    ),
    _known(
        r"has been modified\s+since most recent snapshot",
        errors.TargetChanged,
        "the target was changed since the newest common snapshot",
        "run again: the next run names the snapshot, and the commands that discard or keep the changes",
    ),
    _known(
        r"cannot be used to destroy an encrypted filesystem|overwrite an unencrypted one with an encrypted one"
        r"|raw receive on top of existing unencrypted",
        errors.TargetDiverged,
        "an existing dataset cannot be replaced by an encrypted stream",
        MOVE_ASIDE,
    ),
    _known(
        r"does not\s+match incremental source",
        errors.TargetDiverged,
        "the target no longer has the snapshot that the stream starts from",
        "run again: the next run compares both sides again",
    ),
    _known(
        r"destination already exists",
        errors.TargetDiverged,
        "the target has a different snapshot with the name of an incoming one",
        "run again: the next run names that snapshot, and the command that renames it",
    ),
    _known(
        r"must specify -F|destination has snapshots",
        errors.TargetDiverged,
        "the target exists already and may hold data of its own",
        "run again: the next run compares both sides again, and says what can be done",
    ),
    _known(
        r"more recent snapshots or bookmarks exist",
        errors.TargetDiverged,
        "a snapshot or a bookmark was made on the target meanwhile",
        "run again with --rollback: it is planned anew",
    ),
    _known(
        r"clones of previous snapshots exist",
        errors.DatasetBusy,
        "a snapshot that was to be discarded has been cloned meanwhile",
        "run again: the next run names the clone, and does not begin with the rollback",
    ),
    _known(
        r"permission denied|must be run as root|insufficient privileges|operation not permitted",
        errors.PermissionDenied,
        "the user has no permission for this",
        "{rights}",
    ),
    _known(
        r"pool is read-only",
        errors.CommandFailed,
        "the pool was imported read-only",
        "import it again: zpool export {pool} && zpool import {pool}; then run again",
    ),
    _known(
        r"cannot hold: pool must be upgraded",
        errors.FeatureMissing,
        "the pool there is too old for holds",
        "upgrade it, unless an old system has to read it: zpool upgrade {pool}",
    ),
    _known(
        r"no such pool",
        errors.PoolMissing,
        "there is no such pool",
        "check the name, or import it: zpool import {pool}",
    ),
    _known(
        r"checksum mismatch|incomplete stream|failed to read from stream|unexpected end of"
        r"|invalid backup stream|invalid stream",
        errors.StreamBroken,
        "the stream ended early or was damaged",
        "run again: it resumes from what has arrived",
    ),
    _known(
        r"cannot destroy '.*': \w+ has children",
        errors.TargetDiverged,
        "it was created as an empty parent, but meanwhile something was put below it, or a snapshot of it was taken",
        "run again: the next run names what is in the way, and the command that moves it",
    ),
    _known(
        r"cannot destroy '.*': dataset already exists",
        errors.CommandFailed,
        "it has child datasets",
        MOVE_ASIDE,
    ),
    _known(
        # `send -vP` prints the text of ESRCH for a missing bookmark (lab: OpenZFS 2.1 to 2.4)
        r"dataset does not exist|no such (?:dataset|snapshot)|could not find any snapshots to destroy|No such process"
        r"|incremental source \([^)]*\) does not exist|(?:bookmark|stream: destination) '[^']*' does not exist",
        errors.DatasetMissing,
        "it does not exist, or has just vanished",
        "check the name; if it was destroyed or renamed meanwhile, run again",
    ),
    _known(
        r"cannot destroy snapshot .*: dataset is busy",
        errors.DatasetBusy,
        "a mount or a hold keeps it",
        SHOW_USERS,
    ),
    _known(
        r"it's being held|dataset is busy|pool or dataset is busy|is busy",
        errors.DatasetBusy,
        "it is held, mounted or being received",
        SHOW_USERS,
    ),
    _known(
        r"dependent clones",
        errors.DatasetBusy,
        "a clone depends on it",
        "which one: zfs list -Ht snapshot -o name,clones {subject}; destroy or promote it, then run again",
    ),
    _known(
        r"invalid property value|bad numeric value",
        errors.CommandFailed,
        "a value given with -o (or 'properties' in a job) is not valid",
        "correct it, then run again; the manual page zfsprops lists the valid ones",
    ),
    _known(
        r"requires -L \(--large-block\)",
        errors.TargetDiverged,
        "it has large blocks from earlier streams, but the source has none any more, and zfs does not go on without",
        MOVE_ASIDE,
    ),
    FULL,
    _known(
        r"encryption key does not match|IV set guid mismatch",
        errors.KeyUnavailable,
        "the stream and the target have different encryption keys, or raw and plain streams were mixed",
        MOVE_ASIDE,
    ),
    _known(
        r"inherited key must be loaded|encryption root's key is not loaded",
        errors.KeyUnavailable,
        "it lies in an encrypted dataset whose key is not loaded",
        'load that key: zfs load-key "$(zfs get -H -o value encryptionroot {parent})"; then run again',
    ),
    _known(
        r"key must be loaded",
        errors.KeyUnavailable,
        "its encryption key is not loaded, and a plain stream needs it",
        'load it there: zfs load-key "$(zfs get -H -o value encryptionroot {subject})"; then run again',
    ),
    _known(
        r"kernel modules must be upgraded",
        errors.StreamBroken,
        "zfs refuses the stream and does not say why: usually a snapshot was taken on the target meanwhile",
        "run again; if that does not help, OpenZFS here may be too old for the source's",
    ),
    _known(
        r"unsupported feature|must be upgraded",
        errors.FeatureMissing,
        "the target is too old for this stream",
        "upgrade OpenZFS there, or enable the features of the pool: zpool upgrade {pool}",
    ),
)

UNKNOWN = _known(
    "",
    errors.CommandFailed,
    "zfs failed for a reason that this program does not know",
    "look at the kernel log there, and at the pool: zpool status {pool}",
)

KILLED = _known(
    "",
    errors.StreamBroken,
    "the command was killed",
    "run again: it resumes from what has arrived",
)
"""The explanation of an Exit that `is_killed`, unless a known message explains more."""
