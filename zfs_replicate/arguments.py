"""The command line in, a checked Config out. The text below is the manual; docopt reads it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from docopt import DocoptExit, docopt

from zfs_replicate import __version__
from zfs_replicate.errors import UsageError
from zfs_replicate.model import Policy
from zfs_replicate.zfs import names

MANUAL = """zfs_replicate - mirror ZFS datasets from a remote host into a local pool

Usage:
  zfs_replicate -h HOST -r DATASET -l DATASET -t TAG [-k DAYS] [-x PATTERN]... [options]
  zfs_replicate release -h HOST -r DATASET -t TAG [-l DATASET] [options]
  zfs_replicate --help
  zfs_replicate --version

Example, as a line for cron:
  zfs_replicate -h nas1 -r backuppool/virt/machines -l offsite/virt/machines -t offsite -k 30

Pulls all snapshots of a dataset and of everything below it that are not here yet, and exits. Each new snapshot
arrives once; a cut stream is continued by the next run. The newest snapshot that both sides have is kept on the
source by a hold, so that the next run always finds a base. Nothing is rolled back unless you say so, and nothing is
destroyed but snapshots older than -k days. What is received is read-only and not mounted.

The second form retires a mirror: it lists the holds of its tag on the source, and releases them all.

What to mirror:
  -h HOST, --host HOST        source: [USER@]HOST or an alias from ssh_config; localhost means that both pools are
                              here, without SSH
  -r DATASET, --remote DATASET
                              dataset on the source; all below it comes along
  -l DATASET, --local DATASET
                              dataset here that becomes its mirror; missing parents are created
  -t TAG, --tag TAG           name of the holds; each mirror of a source needs one of its own
  -k DAYS, --keep-days DAYS   destroy snapshots here once they are DAYS days old; never the newest common one, nor one
                              that is held or cloned; 0 keeps only the newest common one; without -k nothing expires
  -x PATTERN, --exclude PATTERN
                              leave out datasets whose path below the root matches, and all below them; may be
                              repeated; * stays within one level: -x swap -x 'vm/*/tmp'

How:
  -j N, --jobs N              datasets received at the same time [default: 2]
  -b SIZE, --mbuffer SIZE     buffer of each stream, such as 64M or 1G [default: 128M]
  -p PORT, --port PORT        port of sshd (otherwise as ssh_config says, or 22)
  --rollback                  where the copy here was changed: discard the changes and the newer snapshots, down to the
                              newest common one, and say what is lost; never through a hold of others, or a clone
  --retries N                 further attempts after an error that may pass, such as a lost connection, after growing
                              pauses [default: 2]
  --stall-timeout SECONDS     end a stream through which no byte passes for so long; 0 waits for ever [default: 1800]
  -i FILE, --identity FILE    private key (otherwise as ssh_config says, the agent's, the usual files)

When retiring a mirror (release):
  --yes                       do not ask; needed without a terminal

What to show:
  -n, --dry-run               print what would be done, with reasons, and change nothing
  -v, --verbose               tell each step
  --version                   print the version
  --help                      print this text

A successful run prints nothing unless there is a terminal or -v. Exit status: 0 mirrored, or another run is at work
on the same target; 1 at least one dataset failed or needs a decision; 2 wrong usage; 3 the source cannot be reached,
authenticated, trusted or used.
"""

THIS_MACHINE = "localhost"
"""The host that means both pools are here; 127.0.0.1 is SSH like any address."""

_MBUFFER_SIZE = re.compile(r"[1-9][0-9]*[kMGT]?")


@dataclass(frozen=True, slots=True)
class Config:
    """A command line that makes sense."""

    host: str
    remote: str
    local: str
    policy: Policy
    port: int | None
    identity: str | None
    mbuffer_size: str
    stall_seconds: int | None
    retries: int
    jobs: int
    is_dry_run: bool
    is_verbose: bool

    @property
    def is_local(self) -> bool:
        return self.host == THIS_MACHINE


@dataclass(frozen=True, slots=True)
class Release:
    """A command line that retires a mirror. `local` None: what the target knows is not looked at."""

    host: str
    remote: str
    local: str | None
    tag: str
    port: int | None
    identity: str | None
    is_dry_run: bool
    is_confirmed: bool
    is_verbose: bool


@dataclass(frozen=True, slots=True)
class Print:
    """The user asked for a text, not for a run."""

    text: str


def parse(argv: list[str]) -> Config | Release | Print:
    """Given the arguments after the program's name, return what is asked for. Raises: UsageError."""
    try:
        given: dict[str, Any] = docopt(MANUAL, argv, default_help=False)
    except DocoptExit as error:
        raise UsageError(_usage_problem(argv, error)) from error
    if given["--help"]:
        return Print(MANUAL)
    if given["--version"]:
        return Print(f"zfs_replicate {__version__}\n")
    return _release(given) if given["release"] else _check_overlap(_mirror(given))


def _mirror(given: Mapping[str, Any]) -> Config:
    policy = Policy(
        tag=_tag(given["--tag"]),
        keep_days=_keep_days(given["--keep-days"]),
        excludes=tuple(given["--exclude"]),
        may_roll_back=given["--rollback"],
    )
    return Config(
        host=_host(given["--host"]),
        remote=_dataset("-r", given["--remote"]),
        local=_dataset("-l", given["--local"]),
        policy=policy,
        port=_port(given["--port"]),
        identity=_identity(given["--identity"]),
        mbuffer_size=_mbuffer_size(given["--mbuffer"]),
        stall_seconds=_whole("--stall-timeout", given["--stall-timeout"], 0, 10**6) or None,
        retries=_whole("--retries", given["--retries"], 0, 100),
        jobs=_whole("-j", given["--jobs"], 1, 64),
        is_dry_run=given["--dry-run"],
        is_verbose=given["--verbose"],
    )


def _release(given: Mapping[str, Any]) -> Release:
    return Release(
        host=_host(given["--host"]),
        remote=_dataset("-r", given["--remote"]),
        local=None if given["--local"] is None else _dataset("-l", given["--local"]),
        tag=_tag(given["--tag"]),
        port=_port(given["--port"]),
        identity=_identity(given["--identity"]),
        is_dry_run=given["--dry-run"],
        is_confirmed=given["--yes"],
        is_verbose=given["--verbose"],
    )


def usage() -> str:
    """The usage lines of the manual."""
    return MANUAL[MANUAL.index("Usage:") : MANUAL.index("\n\nExample")]


def _usage_problem(argv: list[str], error: DocoptExit) -> str:
    unknown = [word for word in argv if word.startswith("--") and word.partition("=")[0] not in MANUAL]
    if unknown:
        return f"there is no option {unknown[0]}"
    said = str(error).splitlines()[0]
    if said.startswith(("Usage:", "Warning:")):  # docopt's own words for what did not match name its classes
        return "-h, -r, -l and -t are needed, each once, and nothing but options beside them"
    return said


def _fail(option: str, value: str, problem: str) -> NoReturn:
    raise UsageError(f"{option} {value!r}: {problem}")


def _host(value: str) -> str:
    _user, _, host = value.rpartition("@")
    if (
        not host
        or host.startswith("-")
        or value.startswith(("-", "@"))
        or any(c.isspace() or ord(c) < 32 for c in value)
    ):
        _fail("-h", value, "is no host; write HOST or USER@HOST")
    return value


def _dataset(option: str, value: str) -> str:
    problem = names.dataset_problem(value)
    if problem is not None:
        _fail(option, value, problem)
    return value


def _tag(value: str) -> str:
    problem = names.tag_problem(value, ":target")
    if problem is not None:
        _fail("-t", value, f"a hold tag {problem}")
    return value


def _whole(option: str, value: str, least: int, most: int) -> int:
    if not (value.isascii() and value.isdigit() and least <= int(value) <= most):
        _fail(option, value, f"must be a whole number from {least} to {most}")
    return int(value)


def _port(value: str | None) -> int | None:
    return None if value is None else _whole("-p", value, 1, 65535)


def _keep_days(value: str | None) -> int | None:
    return None if value is None else _whole("-k", value, 0, 36500)


def _identity(value: str | None) -> str | None:
    if value is not None and not Path(value).expanduser().is_file():
        _fail("-i", value, "there is no such file")
    return None if value is None else str(Path(value).expanduser())


def _mbuffer_size(value: str) -> str:
    if not _MBUFFER_SIZE.fullmatch(value):
        _fail("-b", value, "must be a size such as 64M or 1G")
    return value


def _check_overlap(config: Config) -> Config:
    if config.is_local and overlaps(config.remote, config.local):
        _fail("-l", config.local, f"overlaps with the source {config.remote}; a mirror cannot lie within itself")
    return config


def overlaps(one: str, other: str) -> bool:
    return names.is_within(one, other) or names.is_within(other, one)
