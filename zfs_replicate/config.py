"""What the user asks for, checked: frozen values. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from zfs_replicate.model import Policy

THIS_MACHINE = "localhost"
"""The host that means both pools are here; 127.0.0.1 is SSH like any address."""

TRANSPORTS = ("auto", "paramiko", "openssh")


PROGRESS = ("auto", "always", "never")
LOG_FORMATS = ("human", "logfmt", "json")
LOG_LEVELS = ("debug", "info", "warning", "error")
LOCAL_SYSLOG = "/dev/log"


@dataclass(frozen=True, slots=True)
class Connection:
    """How the source is reached: `[USER@]HOST` or an alias; None: as ssh_config says.

    `is_elevated`: what needs rights runs by sudo, there and here.
    """

    host: str
    port: int | None = None
    identity: str | None = None
    is_elevated: bool = False

    @property
    def is_local(self) -> bool:
        return self.host == THIS_MACHINE


@dataclass(frozen=True, slots=True)
class Reporting:
    """What is told of a run, to whom, and how; what is mirrored does not depend on it.

    Files are paths, commands lines for sh. `log_level` None: as -v and the terminal say. `syslog`: a socket's path, or
    `HOST:PORT`.
    """

    is_verbose: bool = False
    is_json: bool = False
    progress: str = "auto"
    report: str | None = None
    metrics: str | None = None
    on_success: str | None = None
    on_failure: str | None = None
    log_format: str = "human"
    log_level: str | None = None
    syslog: str | None = None


@dataclass(frozen=True, slots=True)
class MirrorRequest:
    """A mirror run. None: `stall_seconds`: wait for ever; `bytes_per_second`: no limit; `compressor`: none.

    `properties`: `NAME=VALUE`, for datasets that are made here.
    """

    connection: Connection
    remote: str
    local: str
    policy: Policy
    mbuffer_size: str
    bytes_per_second: int | None
    compressor: str | None
    transport: str
    stall_seconds: int | None
    retries: int
    jobs: int
    is_dry_run: bool
    reporting: Reporting
    properties: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """A mirror run of a file of jobs, by the name it has there."""

    name: str
    request: MirrorRequest


@dataclass(frozen=True, slots=True)
class JobsRequest:
    """Several mirror runs, one after the other."""

    jobs: tuple[Job, ...]


@dataclass(frozen=True, slots=True)
class ReleaseRequest:
    """The retiring of a mirror. `local` None: what the target knows is not looked at."""

    connection: Connection
    remote: str
    local: str | None
    tag: str
    is_dry_run: bool
    is_confirmed: bool
    reporting: Reporting


@dataclass(frozen=True, slots=True)
class StatusOptions:
    """What the user wants to know of a mirror. `tag` None: any mirror's. Ages in seconds, None: never too old."""

    tag: str | None = None
    excludes: tuple[str, ...] = ()
    warn_seconds: int | None = None
    crit_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class StatusRequest:
    """How well a mirror stands. `connection` and `remote` None: the source is not asked."""

    local: str
    connection: Connection | None
    remote: str | None
    options: StatusOptions
    reporting: Reporting


@dataclass(frozen=True, slots=True)
class Print:
    """The user asked for a text, not for a run."""

    text: str
