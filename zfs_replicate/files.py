"""A file that others read while we write it: replaced as a whole, or not at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from zfs_replicate.errors import OutputFileError


def write_atomically(path: str, data: bytes) -> None:
    """Replace a file by one with this content, on disk before it has the name. Raises: OutputFileError.

    Its mode is that of a new file under our umask. A symbolic link stays, and what it names is replaced; what is no
    regular file, such as /dev/null, is written to as it is.
    """
    target = Path(os.path.realpath(path))
    try:
        if target.exists() and not target.is_file():
            target.write_bytes(data)
        else:
            _replace(target, data)
    except OSError as error:
        raise OutputFileError(
            f"{path}: cannot write it: {error.strerror}; see to its directory and the free space there"
        ) from error


def _replace(target: Path, data: bytes) -> None:
    # no name that node_exporter would take for the real one, nor one that others in /tmp could foresee
    draft = target.with_name(f".{target.name}.{os.urandom(4).hex()}.new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
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
