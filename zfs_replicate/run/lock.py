"""Allow one run at a time on a target tree. The kernel frees the lock, whatever ends the run.

A run locks its root exclusively, and each dataset above it as shared. So runs on `off/a` and `off/a/b` exclude each
other; runs on `off/a` and `off/b` do not.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from zfs_replicate.errors import AlreadyRunning, LockError
from zfs_replicate.zfs import names


@contextlib.contextmanager
def locked(target_root: str, directory: Path | None = None) -> Iterator[None]:
    """Hold the lock of a target tree. Raises: AlreadyRunning if another run has it, without waiting; LockError."""
    directory = directory or default_directory()
    with contextlib.ExitStack() as stack:
        for dataset in names.ancestors(target_root):
            stack.enter_context(_flock(directory, dataset, fcntl.LOCK_SH))
        stack.enter_context(_flock(directory, target_root, fcntl.LOCK_EX))
        yield


def default_directory() -> Path:
    """Return /run/zfs_replicate for root, a directory of the user's own otherwise."""
    if os.geteuid() == 0:
        base = Path("/run") if Path("/run").is_dir() else Path("/var/run")
        return base / "zfs_replicate"
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return Path(runtime, "zfs_replicate") if runtime else Path(tempfile.gettempdir(), f"zfs_replicate-{os.geteuid()}")


@contextlib.contextmanager
def _flock(directory: Path, dataset: str, how: int) -> Iterator[None]:
    # a dataset name has slashes, and may be too long for a file name
    path = directory / f"{hashlib.sha256(dataset.encode()).hexdigest()[:32]}.lock"
    try:
        _make_private(directory)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise LockError(
            f"{path}: cannot open the lock file of {dataset}: {error.strerror}; fix it or remove it"
        ) from error
    try:
        try:
            fcntl.flock(handle, how | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunning(f"{dataset}: another run is already working on this target tree; skipped") from error
        yield
    finally:
        os.close(handle)


def _make_private(directory: Path) -> None:
    with contextlib.suppress(FileExistsError):
        directory.mkdir(mode=0o700)
    status = directory.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise PermissionError(0, f"{directory} is not a directory owned by this user")
