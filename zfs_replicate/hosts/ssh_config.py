"""Resolve host, port and user from ssh_config. (host as the user wrote it) → Endpoint. Opens no connection.

Where OpenSSH is installed, `ssh -G` resolves the configuration (Include, Match and canonical names too); elsewhere
paramiko reads ~/.ssh/config.
"""

from __future__ import annotations

import getpass
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import paramiko

from zfs_replicate.errors import SourceUnusable

DEFAULT_PORT = 22
RESOLVE_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where and as whom to connect. `alias` is the host as the user wrote it, without `USER@`."""

    alias: str
    hostname: str
    port: int
    user: str
    identity_files: tuple[str, ...] = ()
    known_hosts_files: tuple[Path, ...] = ()
    proxy_jump: str | None = None
    proxy_command: str | None = None

    @property
    def address(self) -> str:
        return self.hostname if self.port == DEFAULT_PORT else f"[{self.hostname}]:{self.port}"

    def called(self, place: str) -> str:
        """Return what messages call it: the name that the user wrote, and `place` in brackets if that differs."""
        return place if self.alias == self.hostname else f"{self.alias} ({place})"


def resolve(host: str, port: int | None, identity: str | None) -> Endpoint:
    """Given `[USER@]HOST` or an alias, and port and key from the command line, return the endpoint.

    The command line wins over the configuration, as with ssh. Raises: SourceUnusable when the configuration is broken.
    """
    user, _, alias = host.rpartition("@")
    options = [*(["-l", user] if user else []), *(["-p", str(port)] if port is not None else [])]
    try:
        text = _openssh_text(alias, options)
        config = paramiko.SSHConfig.from_text(f"Host *\n{text}") if text is not None else _own_files()
        entry = config.lookup(alias)
        configured_port = int(entry.get("port", DEFAULT_PORT))
    except (paramiko.ConfigParseError, paramiko.SSHException, OSError, ValueError) as error:
        raise SourceUnusable(
            f"{alias}: the ssh configuration cannot be read: {error}; see the line: ssh -G {shlex.quote(alias)}"
        ) from error
    identities: Sequence[str] = [identity] if identity else [_expand(name) for name in entry.get("identityfile", [])]
    known_hosts = [
        *entry.get("userknownhostsfile", "~/.ssh/known_hosts ~/.ssh/known_hosts2").split(),
        *entry.get("globalknownhostsfile", "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2").split(),
    ]
    return Endpoint(
        alias=alias,
        hostname=entry.get("hostname", alias),
        port=port if port is not None else configured_port,
        user=user or entry.get("user", getpass.getuser()),
        identity_files=tuple(name for name in identities if identity or Path(name).exists()),
        known_hosts_files=tuple(Path(_expand(name)) for name in known_hosts),
        proxy_jump=_unless_none(entry.get("proxyjump")),
        proxy_command=_unless_none(entry.get("proxycommand")),
    )


def _openssh_text(alias: str, options: Sequence[str]) -> str | None:
    """Return what `ssh -G` prints; None where there is no ssh. Raises: paramiko.SSHException when ssh fails."""
    try:
        done = subprocess.run(
            ["ssh", "-G", *options, "--", alias], capture_output=True, text=True, timeout=RESOLVE_SECONDS, check=False
        )
    except FileNotFoundError:
        return None
    except subprocess.TimeoutExpired as error:
        raise paramiko.SSHException(f"'ssh -G' took more than {RESOLVE_SECONDS} seconds") from error
    if done.returncode != 0:
        raise paramiko.SSHException(done.stderr.strip())
    return done.stdout


def _own_files() -> paramiko.SSHConfig:
    config = paramiko.SSHConfig()
    for path in (Path("~/.ssh/config").expanduser(), Path("/etc/ssh/ssh_config")):
        if path.exists():
            with path.open() as file:
                config.parse(file)
    return config


def _expand(name: str) -> str:
    return str(Path(name.strip('"')).expanduser())


def _unless_none(value: str | None) -> str | None:
    return None if value is None or value.lower() == "none" else value
