"""The error tree. Every error that reaches a user is one of these, and says host, dataset and next step.

    ReplicateError                  exit 1
    ├── UsageError                  exit 2   the command line cannot be carried out as written
    │   └── BadValue                         an option has a value that it cannot have
    ├── JobFileError                exit 2   a file of jobs cannot be carried out as written
    ├── AlreadyRunning              exit 0   another run holds the lock of this target tree
    ├── LockError                   exit 1   the lock file cannot be made or opened
    ├── SourceError                 exit 3   the source cannot be reached, authenticated, trusted or used
    │   ├── ConnectionFailed                 no such host, refused, timed out, lost on the way
    │   ├── AuthenticationFailed             the source accepts none of our keys
    │   ├── HostKeyRejected                  unknown or changed host key
    │   └── SourceUnusable                   no zfs there, or a shell that prints
    ├── OutputError                 exit 1   a command printed what we cannot read
    ├── OutputFileError             exit 1   a report or metrics file cannot be written
    ├── HookFailed                  exit 1   --on-success or --on-failure did not end well; the exit status stays
    ├── VerificationFailed          exit 1   both ends said yes, but the snapshot is not on the target
    └── CommandFailed               exit 1   a command ended with an error that we have no narrower name for
        ├── DatasetMissing                   no such dataset
        │   └── SnapshotVanished             a snapshot that was listed a moment ago
        ├── PoolMissing                      no such pool
        ├── PermissionDenied                 the user may not do this
        ├── DatasetBusy                      a hold, a mount or another receive
        ├── OutOfSpace                       pool full, or a quota reached
        ├── TargetDiverged                   the target was changed, or has snapshots of its own in the way
        ├── StaleToken                       a resume token that the source can no longer serve
        ├── PartialState                     an unfinished receive stands in the way
        ├── StreamBroken                     the stream ended early, stalled or was damaged; state is saved
        ├── FeatureMissing                   the target is too old for the stream
        └── KeyUnavailable                   an encryption key is not loaded, or is another one

`is_transient` says whether the same command may well succeed a little later.
"""

from __future__ import annotations


class ReplicateError(Exception):
    """Something a user must read. The text is one sentence or two: where, what, and what to do next."""

    exit_code = 1
    is_transient = False


class UsageError(ReplicateError):
    """`command`: the subcommand that it belongs to; empty: a mirror run, or not known."""

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


class CommandFailed(ReplicateError):
    pass


class DatasetMissing(CommandFailed):
    pass


class SnapshotVanished(DatasetMissing):
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
