"""How commands end, in short."""

from __future__ import annotations

from zfs_replicate.model import Exit


def failed(stderr: str, status: int = 1) -> Exit:
    """A command that failed, and what it said."""
    return Exit((), status, stderr)


def killed(stderr: str = "") -> Exit:
    return Exit((), 255, stderr, is_killed=True)


def exited(command: tuple[str, ...], status: int, stderr: str) -> Exit:
    """A command that ended by itself, or by a signal: a status below 0 here, over 128 where a shell tells of it."""
    return Exit(command, status, stderr, is_killed=status < 0 or status > 128)
