"""What the user asks for, checked: frozen values. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from zfs_replicate.model import Policy

THIS_MACHINE = "localhost"
"""The host that means both pools are here; 127.0.0.1 is SSH like any address."""


@dataclass(frozen=True, slots=True)
class Connection:
    """How the source is reached: `[USER@]HOST` or an alias; None: as ssh_config says."""

    host: str
    port: int | None = None
    identity: str | None = None

    @property
    def is_local(self) -> bool:
        return self.host == THIS_MACHINE


@dataclass(frozen=True, slots=True)
class Config:
    """A mirror run. `stall_seconds` None: wait for ever."""

    connection: Connection
    remote: str
    local: str
    policy: Policy
    mbuffer_size: str
    stall_seconds: int | None
    retries: int
    jobs: int
    is_dry_run: bool
    is_verbose: bool


@dataclass(frozen=True, slots=True)
class Release:
    """The retiring of a mirror. `local` None: what the target knows is not looked at."""

    connection: Connection
    remote: str
    local: str | None
    tag: str
    is_dry_run: bool
    is_confirmed: bool
    is_verbose: bool


@dataclass(frozen=True, slots=True)
class Print:
    """The user asked for a text, not for a run."""

    text: str
