"""Build Exit values in short."""

from __future__ import annotations

from zfs_replicate.hosts.base import is_killed
from zfs_replicate.model import Exit


def failed(stderr: str, status: int = 1) -> Exit:
    """Return the exit of a failed command with this stderr."""
    return Exit((), status, stderr)


def killed(stderr: str = "") -> Exit:
    """Return the exit of a killed command."""
    return Exit((), 255, stderr, is_killed=True)


def exited(command: tuple[str, ...], status: int, stderr: str) -> Exit:
    """Return an exit as a host does."""
    return Exit(command, status, stderr, is_killed(status))
