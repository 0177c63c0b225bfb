"""Define the user's requests, already checked, as frozen values. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from zfs_replicate.model import Policy

THIS_MACHINE = "localhost"
"""The host name for both pools on this machine, without SSH; 127.0.0.1 goes over SSH like any address."""

TRANSPORTS = ("auto", "paramiko", "openssh")


PROGRESS = ("auto", "always", "never")
LOG_FORMATS = ("human", "logfmt", "json")
LOG_LEVELS = ("debug", "info", "warning", "error")
LOCAL_SYSLOG = "/dev/log"


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach the source. `host`: `[USER@]HOST` or an alias; None in another field: as in ssh_config.

    `is_elevated`: run commands that need rights with sudo, on both sides.
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
    """Where and how a run is reported; it does not change what is mirrored.

    `report`, `metrics`: paths. `on_success`, `on_failure`: lines for sh. `log_level` None: depends on -v and the
    terminal. `syslog`: a socket's path, or `HOST:PORT`.
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
    """A mirror run. `stall_seconds` None: wait forever; `bytes_per_second` None: no limit.

    `properties`: `NAME=VALUE`, set on datasets that are created here.
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
    """A mirror run from a job file, with its name there."""

    name: str
    request: MirrorRequest


@dataclass(frozen=True, slots=True)
class JobsRequest:
    """Several mirror runs, one after another."""

    jobs: tuple[Job, ...]


@dataclass(frozen=True, slots=True)
class ReleaseRequest:
    """Retire a mirror. `local` None: do not look at the target.

    `is_target`: release the holds of the copies in `local`, on this machine; then `remote` is None. `is_unknown`: only
    what no mirror shows to be its own.
    """

    connection: Connection
    remote: str | None
    local: str | None
    tag: str
    is_target: bool
    is_unknown: bool
    is_dry_run: bool
    is_confirmed: bool
    reporting: Reporting


@dataclass(frozen=True, slots=True)
class StatusOptions:
    """What to check of a mirror. `tag` None: the hold of any mirror counts. Ages None: never too old."""

    tag: str | None = None
    excludes: tuple[str, ...] = ()
    warn_seconds: int | None = None
    crit_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class StatusRequest:
    """Check a mirror. `connection` and `remote` None: do not ask the source."""

    local: str
    connection: Connection | None
    remote: str | None
    options: StatusOptions
    reporting: Reporting


@dataclass(frozen=True, slots=True)
class Print:
    """Print a text; run nothing."""

    text: str
