"""Define the error tree. Every error that a user sees is one of these; its text has host, dataset and next step.

    ReplicateError                  exit 1
    ├── UsageError                  exit 2   the command line cannot be carried out as written
    │   └── BadValue                         an option has an invalid value
    ├── JobFileError                exit 2   a job file cannot be carried out as written
    ├── AlreadyRunning              exit 0   another run holds the lock of this target tree
    ├── LockError                   exit 1   the lock file cannot be created or opened
    ├── SourceError                 exit 3   the source cannot be reached, trusted or used, or rejects the login
    │   ├── ConnectionFailed                 no such host, refused, timed out, lost during a command
    │   ├── AuthenticationFailed             the source accepts none of our keys
    │   ├── HostKeyRejected                  unknown or changed host key
    │   └── SourceUnusable                   no zfs there, or its login shell prints text
    ├── OutputError                 exit 1   the output of a command cannot be parsed
    ├── OutputFileError             exit 1   a report or metrics file cannot be written
    ├── HookFailed                  exit 1   --on-success or --on-failure failed; the run's exit status stays
    ├── VerificationFailed          exit 1   send and receive succeeded, but the snapshot is not on the target
    └── CommandFailed               exit 1   a command failed, and no class below fits
        ├── DatasetMissing                   no such dataset
        │   └── SnapshotVanished             a snapshot that was listed a moment ago
        ├── PoolMissing                      no such pool
        ├── PermissionDenied                 the user has no permission for this
        ├── DatasetBusy                      a hold, a mount or another receive
        ├── OutOfSpace                       pool full, or a quota reached
        ├── TargetDiverged                   the target's own snapshots or data are in the way
        │   └── TargetChanged                it was changed since the newest common snapshot
        ├── StaleToken                       the source can no longer resume this token
        ├── PartialState                     an unfinished receive is in the way
        ├── StreamBroken                     the stream ended early, stalled or was damaged; state is saved
        ├── FeatureMissing                   the target is too old for the stream
        ├── KeyUnavailable                   an encryption key is not loaded, or a different one
        ├── ConflictFound                    a dataset needs a decision by a person (in run/ledger.py)
        └── NonzeroExit                      any failure, before its caller explains it (in hosts/base.py)

`is_transient`: the same command may succeed if retried a little later.
"""

from __future__ import annotations

from dataclasses import dataclass


class ReplicateError(Exception):
    """An error for the user. The text is one sentence or two: where, what happened, what to do next."""

    exit_code = 1
    is_transient = False


class UsageError(ReplicateError):
    """`command`: the subcommand; empty for a mirror run, or if not known."""

    exit_code = 2

    def __init__(self, message: str, command: str = "") -> None:
        super().__init__(message)
        self.command = command


class BadValue(UsageError):
    def __init__(self, option: str, value: object, problem: str) -> None:
        super().__init__(f"{option} {value!r}: {problem}")
        self.option = option
        self.value = value
        self.problem = problem


class JobFileError(ReplicateError):
    exit_code = 2


class AlreadyRunning(ReplicateError):
    exit_code = 0


class LockError(ReplicateError):
    pass


class SourceError(ReplicateError):
    exit_code = 3


class ConnectionFailed(SourceError):
    is_transient = True


class AuthenticationFailed(SourceError):
    pass


class HostKeyRejected(SourceError):
    pass


class SourceUnusable(SourceError):
    pass


class OutputError(ReplicateError):
    pass


class OutputFileError(ReplicateError):
    pass


class HookFailed(ReplicateError):
    pass


class VerificationFailed(ReplicateError):
    is_transient = True


@dataclass(frozen=True, slots=True)
class Explanation:
    """The parts of a CommandFailed's text, so that whoever knows more than zfs says can put in better ones.

    `failure`: subject, host and what cannot be done; `evidence`: what zfs printed, with the brackets around it.
    """

    failure: str
    meaning: str
    next_step: str
    evidence: str

    def __str__(self) -> str:
        return f"{self.failure}: {self.meaning}; {self.next_step}{self.evidence}"


class CommandFailed(ReplicateError):
    explanation: Explanation | None = None


class DatasetMissing(CommandFailed):
    pass


class SnapshotVanished(DatasetMissing):
    is_transient = True


class TagTaken(CommandFailed):
    """Another mirror has placed the same tag at the same moment; a new plan holds beside it."""

    is_transient = True


class PoolMissing(CommandFailed):
    pass


class PermissionDenied(CommandFailed):
    pass


class DatasetBusy(CommandFailed):
    is_transient = True


class OutOfSpace(CommandFailed):
    pass


class TargetDiverged(CommandFailed):
    pass


class TargetChanged(TargetDiverged):
    pass


class StaleToken(CommandFailed):
    is_transient = True


class PartialState(CommandFailed):
    is_transient = True


class StreamBroken(CommandFailed):
    is_transient = True


class FeatureMissing(CommandFailed):
    pass


class KeyUnavailable(CommandFailed):
    pass
