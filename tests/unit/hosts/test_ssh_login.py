"""Logging in: keys of every type that are refused, locked or absent; passwords; a malformed known_hosts file."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import pytest

from tests.support.ssh_server import Server
from zfs_replicate import errors
from zfs_replicate.hosts import ssh
from zfs_replicate.hosts.ssh import SSHHost

KINDS = ("rsa", "ecdsa", "ed25519")


def new_key(server: Server, kind: str, form: str, passphrase: str = "") -> None:
    """Replace the user's key by one that the server does not know."""
    server.user_key.unlink()
    options = ["-t", kind, "-m", form, "-N", passphrase, "-f", str(server.user_key)]
    subprocess.run(["ssh-keygen", "-q", *options], check=True)


def refused(server: Server, error: type[errors.ReplicateError] = errors.AuthenticationFailed) -> None:
    with pytest.raises(error), server.connect():
        pass


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", ["PEM", "RFC4716"])
def test_an_unknown_key_of_any_type_is_reported_as_refused(server: Server, kind: str, form: str) -> None:
    """paramiko reports the last key type that it tried on the file, not the refusal."""
    new_key(server, kind, form)
    refused(server)


@pytest.mark.parametrize("kind", KINDS)
def test_a_locked_key_without_a_terminal_is_refused(server: Server, kind: str) -> None:
    new_key(server, kind, "RFC4716", "open sesame")
    refused(server)


def test_no_key_at_all_is_a_refusal(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh, "resolve", lambda *_arguments: replace(server.endpoint, identity_files=()))
    refused(server)


def test_a_password_is_asked_for_when_there_is_no_key(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.password = "secret"
    monkeypatch.setattr(ssh, "resolve", lambda *_arguments: replace(server.endpoint, identity_files=()))
    with SSHHost("nas1", ask=lambda _prompt: "secret"):
        pass


def test_a_malformed_line_of_known_hosts_is_an_error(server: Server) -> None:
    server.known_hosts.write_text(f"[127.0.0.1]:{server.port} ecdsa-sha2-nistp256 no-base64!\n")
    refused(server, errors.HostKeyRejected)
