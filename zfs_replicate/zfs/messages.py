"""Explain how a zfs command failed. (Exit with stderr) → the narrowest error. Pure; one pattern per known message.

The texts are those of OpenZFS 2.1 to 2.4 under LC_ALL=C (lib/libzfs/libzfs_sendrecv.c and libzfs_util.c,
cmd/zfs/zfs_main.c). A message may span lines, so white space is folded before matching.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from zfs_replicate import errors
from zfs_replicate.model import Exit
from zfs_replicate.zfs import rights
from zfs_replicate.zfs.limits import Limit

MAX_QUOTED = 1000
"""Characters of stderr that are quoted to the user: one paragraph, even from a hostile host."""


@dataclass(frozen=True, slots=True)
class KnownMessage:
    """A known zfs message: its pattern, the error to raise, what it means, and the next step."""

    pattern: re.Pattern[str]
    error: type[errors.CommandFailed]
    meaning: str
    next_step: str


def _known(pattern: str, error: type[errors.CommandFailed], meaning: str, next_step: str) -> KnownMessage:
    return KnownMessage(re.compile(pattern, re.IGNORECASE), error, meaning, next_step)


_REFUSED_BY_GATE = re.compile(r"zfs_replicate_gate: refused")

FULL = _known(
    r"out of space|no space left|quota exceeded|disk quota",
    errors.OutOfSpace,
    "there is no space left, or a quota is reached",
    "free space or raise the quota ('zfs list -o space')",
)
"""The executor asks what is full, and puts that in place of these words (see limited)."""

KNOWN = (
    _known(
        _REFUSED_BY_GATE.pattern,
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
        "run again: the next run clears it with 'zfs receive -A' and starts over",
    ),
    _known(
        r"contains partially-complete state",
        errors.PartialState,
        "an unfinished receive is in the way, or another receive is running",
        "run again; if that does not help, end the other receive or clear its state with 'zfs receive -A {subject}'",
    ),
    _known(
        r"has been modified\s+since most recent snapshot",
        errors.TargetChanged,
        "the target was changed since the newest common snapshot",
        "see what changed with 'zfs diff', then discard the changes with 'zfs rollback' to the common snapshot,"
        " or keep them under another name with 'zfs rename'",
    ),
    _known(
        r"cannot be used to destroy an encrypted filesystem|overwrite an unencrypted one with an encrypted one"
        r"|raw receive on top of existing unencrypted",
        errors.TargetDiverged,
        "an existing dataset cannot be replaced by an encrypted stream",
        "move it aside with 'zfs rename {subject} NEWNAME', then run again",
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
        "rename it with 'zfs rename', then run again",
    ),
    _known(
        r"must specify -F|destination has snapshots",
        errors.TargetDiverged,
        "the target exists already and may hold data of its own",
        "move it aside with 'zfs rename {subject} NEWNAME', or choose another target",
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
        "see 'zfs list -o name,origin'; destroy or promote the clone, then run again",
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
        "run again once 'zpool export' and 'zpool import' have made it writable",
    ),
    _known(
        r"cannot hold: pool must be upgraded",
        errors.FeatureMissing,
        "the pool there is too old for holds",
        "see 'zpool upgrade -v', and upgrade it with 'zpool upgrade' unless an old system has to read it",
    ),
    _known(
        r"no such pool",
        errors.PoolMissing,
        "there is no such pool",
        "check the name, or import it with 'zpool import'",
    ),
    _known(
        r"checksum mismatch|incomplete stream|failed to read from stream|unexpected end of"
        r"|invalid backup stream|invalid stream",
        errors.StreamBroken,
        "the stream ended early or was damaged",
        "run again: it resumes from what has arrived",
    ),
    _known(
        r"cannot destroy '.*': dataset already exists",
        errors.CommandFailed,
        "it has child datasets",
        "move them aside with 'zfs rename', then run again",
    ),
    _known(
        # `send -vP` prints the text of ESRCH for a missing bookmark (lab: OpenZFS 2.1 to 2.4)
        r"dataset does not exist|no such (?:dataset|snapshot)|could not find any snapshots to destroy|No such process"
        r"|incremental source \([^)]*\) does not exist|bookmark '[^']*' does not exist",
        errors.DatasetMissing,
        "it does not exist, or has just vanished",
        "check the name; if it was destroyed or renamed meanwhile, run again",
    ),
    _known(
        r"cannot destroy snapshot .*: dataset is busy",
        errors.DatasetBusy,
        "a mount or a hold keeps it",
        "see 'mount | grep -F {subject}' and 'zfs holds {subject}'; once it is free, run again",
    ),
    _known(
        r"it's being held|dataset is busy|pool or dataset is busy|is busy",
        errors.DatasetBusy,
        "it is held, mounted or being received",
        "see 'zfs holds -r {subject}', and check whether another receive is running",
    ),
    _known(
        r"dependent clones",
        errors.DatasetBusy,
        "a clone depends on it",
        "see 'zfs list -o name,origin'",
    ),
    _known(
        r"invalid property value|bad numeric value",
        errors.CommandFailed,
        "a value given with -o (or 'properties' in a job) is not valid",
        "correct it; 'man zfsprops' lists the valid ones",
    ),
    _known(
        r"requires -L \(--large-block\)",
        errors.TargetDiverged,
        "it has large blocks from earlier streams, but the source has none any more, and zfs does not go on without",
        "move the target aside with 'zfs rename {subject} NEWNAME', then run again for a new full copy",
    ),
    FULL,
    _known(
        r"encryption key does not match|IV set guid mismatch",
        errors.KeyUnavailable,
        "the stream and the target have different encryption keys, or raw and plain streams were mixed",
        "move the target aside with 'zfs rename {subject} NEWNAME', then run again for a new full copy",
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
        "upgrade OpenZFS there, or enable the pool's features with 'zpool upgrade'",
    ),
)

KILLED = _known(
    "",
    errors.StreamBroken,
    "the command was killed",
    "run again: it resumes from what has arrived",
)
"""The explanation of an Exit that `is_killed`, unless a known message explains more."""

_CORRUPT_TOKEN = re.compile(r"^cannot resume send: resume token is corrupt", re.MULTILINE)


def explain(host: str, subject: str, ended: Exit, doing: str) -> errors.CommandFailed:
    """Given how a zfs command failed, return the error to raise: what happened and the next step.

    `subject` is the dataset or snapshot that it was about, `doing` a verb phrase such as "list the datasets".
    """
    stderr = " ".join(ended.stderr.split())
    quoted = stderr if len(stderr) <= MAX_QUOTED else f"{stderr[:MAX_QUOTED]}…"
    known = next((message for message in KNOWN if message.pattern.search(quoted)), KILLED if ended.is_killed else None)
    if ended.is_killed and known is not None and known.error is errors.DatasetMissing:
        known = KILLED  # a listing that was cut short proves nothing missing
    if known is None:
        return errors.CommandFailed(
            f"{subject} on {host}: cannot {doing}; look at 'zpool status' and the kernel log there"
            f" (zfs: {quoted or 'no message'})"
        )
    is_snapshot = known.error is errors.DatasetMissing and "@" in subject
    error = errors.SnapshotVanished if is_snapshot else known.error
    next_step = known.next_step.format(
        subject=shlex.quote(subject),
        parent=shlex.quote(subject.rpartition("/")[0]),
        rights=rights.next_step(ended.command, subject),
    )
    evidence = f" (zfs: {quoted})" if quoted else ""
    return error(f"{subject} on {host}: cannot {doing}: {known.meaning}; {next_step}{evidence}")


def limited(error: errors.OutOfSpace, limit: Limit) -> errors.OutOfSpace:
    """Given the error of a full target, and what limits it, return the error that says so."""
    general = f"{FULL.meaning}; {FULL.next_step}"
    exact = f"{limit.meaning}; {limit.next_step}; then run again: it resumes where it stopped"
    return errors.OutOfSpace(str(error).replace(general, exact))


def is_refused_by_gate(ended: Exit) -> bool:
    """Whether zfs_replicate_gate refused a command: an older one does not know the newer commands."""
    return _REFUSED_BY_GATE.search(ended.stderr) is not None


def is_column_unknown(ended: Exit) -> bool:
    """Whether a list was refused for its columns: by an older gate, or by a zfs that does not know one of them."""
    return is_refused_by_gate(ended) or "invalid property" in ended.stderr


def is_corrupt_token(ended: Exit) -> bool:
    """Given how `zfs send -nvt TOKEN` ended, return whether zfs itself said that the token is corrupt."""
    return not ended.is_killed and _CORRUPT_TOKEN.search(ended.stderr) is not None


def undecoded_token_problem(host: str, ended: Exit) -> str:
    """Given how `zfs send -nvt TOKEN` ended without an answer, return that as a sentence. A retry may succeed."""
    stderr = " ".join(ended.stderr.split())[:MAX_QUOTED]
    fate = "it was killed" if ended.is_killed else "no message"
    return (
        f"zfs on {host} did not say what the saved state of an interrupted receive contains ({stderr or fate});"
        " the state is kept as it is"
    )
