"""Read what a command on many names answers: which of them are absent; and say which output cannot be parsed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from zfs_replicate.errors import OutputError
from zfs_replicate.hosts.base import Host
from zfs_replicate.model import Exit
from zfs_replicate.zfs import messages, refusals


@contextlib.contextmanager
def parse_errors_of(host: Host, subject: str, command: str) -> Iterator[None]:
    """Add the host and the command to a parse error."""
    try:
        yield
    except OutputError as error:
        raise OutputError(
            f"{subject} on {host.name}: cannot read what {command} printed: {error}; run that command there;"
            " if OpenZFS printed this, report it"
        ) from error


def absent_names(host: Host, ended: Exit, subject: str) -> frozenset[str]:
    """Return the names that a command on many names reported as absent. Raises: the error if it failed otherwise."""
    if ended.exit_status == 0:
        return frozenset()
    absent = refusals.absent_datasets(ended)
    if not absent:
        raise messages.explain(host.name, subject, ended, f"run {' '.join(ended.command[:2])}")
    return absent
