"""Check host keys against known_hosts; a refusal contains the command that fixes it."""

from __future__ import annotations

import hashlib
import shlex
from base64 import b64encode
from collections.abc import Iterable, Iterator
from pathlib import Path

import paramiko

from zfs_replicate.errors import HostKeyRejected
from zfs_replicate.hosts.ssh_config import Endpoint


class RejectUnknown(paramiko.MissingHostKeyPolicy):
    """Refuse a host whose key is in no known_hosts file."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:  # noqa: ARG002
        endpoint = self._endpoint
        raise HostKeyRejected(
            f"{endpoint.called(endpoint.address)}: unknown host key {fingerprint(key)}. Compare it with what the source"
            f" shows, there: cat /etc/ssh/ssh_host_*_key.pub | ssh-keygen -lf -; then accept it: ssh-keyscan"
            f" -p {endpoint.port} {endpoint.hostname} >> {_first_file(endpoint)}"
        )


def changed_key(endpoint: Endpoint, error: paramiko.BadHostKeyException) -> HostKeyRejected:
    """Return the error for a host whose key differs from the known one."""
    return HostKeyRejected(
        f"{endpoint.called(endpoint.address)}: the host key has CHANGED: it offers {fingerprint(error.key)}, we know"
        f" {fingerprint(error.expected_key)}. Someone may be in between. If the key was changed on purpose:"
        f" ssh-keygen -R {shlex.quote(endpoint.address)} -f {_first_file(endpoint)}; then run again, which says how to"
        " accept the new one"
    )


def _first_file(endpoint: Endpoint) -> str:
    """Return the file to which a user's known hosts are added, quoted for a shell."""
    return shlex.quote(" ".join(map(str, endpoint.known_hosts_files[:1])))


def fingerprint(key: paramiko.PKey) -> str:
    """Return `ssh-ed25519 SHA256:…`, as ssh-keygen -l prints it."""
    digest = b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")
    return f"{key.get_name()} SHA256:{digest}"


def load_known_hosts(client: paramiko.SSHClient, path: Path) -> None:
    """Add the keys of a known_hosts file, with hashed names too. A key on a @revoked line is trusted under no name.

    Lines with @cert-authority are left out: paramiko cannot check a host certificate. Raises: HostKeyRejected.
    """
    try:
        lines = path.read_text().splitlines()
        revoked = {words[3] for words in map(str.split, lines) if len(words) > 3 and words[0] == "@revoked"}
        entries = [paramiko.hostkeys.HostKeyEntry.from_line(line, number) for number, line in _plain(lines)]
    except (OSError, ValueError, paramiko.SSHException, paramiko.hostkeys.InvalidHostKey) as error:
        raise HostKeyRejected(f"{path}: cannot be read as known hosts ({error}); fix or remove the line") from error
    keys = client.get_host_keys()
    for entry in entries:
        if entry is not None and entry.key is not None and entry.key.get_base64() not in revoked:
            for name in entry.hostnames or ():
                keys.add(name, entry.key.get_name(), entry.key)


def _plain(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if text and not text.startswith(("#", "@")):
            yield number, text
