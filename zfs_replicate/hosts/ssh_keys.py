"""Whom to trust: known hosts in, a refusal with the line that mends it out."""

from __future__ import annotations

import hashlib
import shlex
from base64 import b64encode
from pathlib import Path

import paramiko

from zfs_replicate.errors import HostKeyRejected
from zfs_replicate.hosts.ssh_config import Endpoint


class RejectUnknown(paramiko.MissingHostKeyPolicy):
    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:  # noqa: ARG002
        endpoint = self._endpoint
        files = " or ".join(map(str, endpoint.known_hosts_files[:1]))
        scan = f"ssh-keyscan -p {endpoint.port} {endpoint.hostname} >> {shlex.quote(files)}"
        raise HostKeyRejected(
            f"{endpoint.called(endpoint.address)}: unknown host key {fingerprint(key)}. Compare it with what the source"
            f" shows (there: ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub), then: {scan}"
        )


def changed_key(endpoint: Endpoint, error: paramiko.BadHostKeyException) -> HostKeyRejected:
    """The refusal of a host whose key is another one than we know."""
    return HostKeyRejected(
        f"{endpoint.called(endpoint.address)}: the host key has CHANGED: it offers {fingerprint(error.key)}, we know"
        f" {fingerprint(error.expected_key)}. Someone may be in between. If the key was changed on purpose:"
        f" ssh-keygen -R {shlex.quote(endpoint.address)}, then connect once with"
        f" ssh -p {endpoint.port} {endpoint.alias}"
    )


def fingerprint(key: paramiko.PKey) -> str:
    """`ssh-ed25519 SHA256:…`, as ssh-keygen -l prints it."""
    digest = b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")
    return f"{key.get_name()} SHA256:{digest}"


def load_known_hosts(client: paramiko.SSHClient, path: Path) -> None:
    try:
        client.load_system_host_keys(str(path))
    except (OSError, ValueError, paramiko.hostkeys.InvalidHostKey) as error:
        raise HostKeyRejected(f"{path}: cannot be read as known hosts ({error}); mend or remove the line") from error
