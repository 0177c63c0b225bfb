"""Write a file that others may read at any time: replace it as a whole, or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

from zfs_replicate.errors import OutputFileError


def write_atomically(path: str, data: bytes, mode: int = 0o600) -> None:
    """Replace a file with one that has this content, synced to disk before the rename. Raises: OutputFileError.

    A symbolic link is followed and kept, unless another user made it. Anything but a regular file, such as /dev/null,
    is written to directly.
    """
    target = Path(os.path.realpath(path))
    try:
        if Path(path).is_symlink() and os.lstat(path).st_uid not in (os.geteuid(), 0):
            raise PermissionError(errno.EPERM, "it is another user's symbolic link")
        if target.exists() and not target.is_file():
            target.write_bytes(data)
        else:
            _replace(target, data, mode)
    except OSError as error:
        raise OutputFileError(
            f"{path}: cannot be written: {error.strerror}; check its directory and the free space there"
        ) from error


def _replace(target: Path, data: bytes, mode: int) -> None:
    # a name that node_exporter ignores, and that other users of /tmp cannot guess
    draft = target.with_name(f".{target.name}.{os.urandom(4).hex()}.new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()
        raise
