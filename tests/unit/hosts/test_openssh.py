"""Streams through the OpenSSH client: its command line, its exit statuses, and when paramiko takes over."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.fakes import Answer, FakeHost
from zfs_replicate import errors
from zfs_replicate.cli.arguments import parse
from zfs_replicate.config import MirrorRequest
from zfs_replicate.hosts.base import run
from zfs_replicate.hosts.openssh import OpenSSHHost, WithFallback
from zfs_replicate.run import connect
from zfs_replicate.zfs import messages

SEND = ("zfs", "send", "tank/a b@one")
Install = Callable[[str], Path]


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put a program named ssh first in PATH; it writes its arguments to the returned file, one a line."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    def install(script: str) -> Path:
        program = tmp_path / "ssh"
        program.write_text(f"#!/bin/sh\nprintf '%s\\n' \"$@\" >{tmp_path}/words\n{script}\n")
        program.chmod(0o755)
        return tmp_path / "words"

    return install


def test_ssh_gets_the_quoted_command_and_never_prompts(ssh: Install) -> None:
    words = ssh('for last; do :; done; sh -c "$last" 2>&1')
    (words.parent / "zfs").write_text("#!/bin/sh\nprintf '<%s>' \"$@\"\n")
    (words.parent / "zfs").chmod(0o755)
    text, ended = run(OpenSSHHost("root@nas1", 2222, "/key"), SEND)
    arguments = words.read_text().splitlines()
    assert arguments[-8:-1] == ["-p", "2222", "-i", "/key", "-o", "IdentitiesOnly=yes", "root@nas1"]
    assert {"BatchMode=yes", "StrictHostKeyChecking=yes", "ForwardAgent=no", "ControlPath=none"} <= set(arguments)
    assert text == "<send><tank/a b@one>"
    assert ended.exit_status == 0


def test_the_exit_is_that_of_the_remote_command(ssh: Install) -> None:
    ssh("echo stream; echo why >&2; exit 3")
    text, ended = run(OpenSSHHost("nas1"), SEND)
    assert (text, ended.command, ended.exit_status, ended.stderr) == ("stream\n", SEND, 3, "why\n")


@pytest.mark.parametrize(
    "stderr",
    [
        "ssh: connect to host nas1 port 22: Connection refused",
        "client_loop: send disconnect: Broken pipe",
        "root@nas1: Permission denied (publickey).",
        "Timeout, server nas1 not responding.",
    ],
)
def test_a_failed_connection_quotes_the_message_of_ssh(ssh: Install, stderr: str) -> None:
    ssh(f"echo '{stderr}' >&2; exit 255")
    with pytest.raises(errors.ConnectionFailed) as caught:
        run(OpenSSHHost("nas1"), SEND)
    assert str(caught.value) == f"nas1: the connection was lost while zfs send was running (ssh: {stderr}); run again"


def test_status_255_of_zfs_itself_is_not_a_failed_connection(ssh: Install) -> None:
    stderr = "cannot resume send: 'tank/a@one' used in the initial send no longer exists"
    ssh(f'echo "{stderr}" >&2; exit 255')
    _text, ended = run(OpenSSHHost("nas1"), SEND)
    assert type(messages.explain("nas1", "it", ended, "send")) is errors.StaleToken


def test_status_255_without_a_message_is_a_killed_command(ssh: Install) -> None:
    ssh("exit 255")
    _text, ended = run(OpenSSHHost("nas1"), SEND)
    assert type(messages.explain("nas1", "it", ended, "send")) is errors.StreamBroken


def test_without_ssh_the_message_names_the_alternatives(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(errors.SourceUnusable, match=r"install the OpenSSH client, or use --transport paramiko"):
        OpenSSHHost("nas1")


# --- falling back ---


def test_after_a_failed_connection_streams_use_the_other_host(ssh: Install) -> None:
    words = ssh("echo 'root@nas1: Permission denied (publickey).' >&2; exit 255")
    other = FakeHost("nas1", {"zfs send": Answer(stdout=b"stream")})
    host = WithFallback(OpenSSHHost("nas1"), other)
    assert run(host, SEND)[0] == "stream"
    words.unlink()
    assert run(host, SEND)[0] == "stream"
    assert (len(other.asked), words.exists()) == (2, False)


def test_a_stream_that_breaks_midway_is_not_retried() -> None:
    preferred = FakeHost("nas1", {"zfs send": Answer(stdout=b"strea")})
    other = FakeHost("nas1")
    with WithFallback(preferred, other).start(SEND) as process:
        assert process.read(10) == b"strea"
        assert process.read(10) == b""
        assert process.finish().exit_status == 0
    assert other.asked == []


def test_a_failed_send_is_not_retried() -> None:
    other = FakeHost("nas1")
    assert (
        run(WithFallback(FakeHost("nas1", {"zfs send": Answer(status=1, stderr="no")}), other), SEND)[1].stderr == "no"
    )
    assert other.asked == []


# --- choosing the transport ---


def request(*options: str) -> MirrorRequest:
    parsed = parse(["-h", "nas1", "-r", "tank/a", "-l", "off/a", "-t", "offsite", *options])
    assert isinstance(parsed, MirrorRequest)
    return parsed


def test_large_streams_use_openssh_and_small_ones_paramiko(ssh: Install) -> None:
    ssh("exit 0")
    source = FakeHost("nas1")
    carrier = connect.carrier(request(), source)
    assert carrier is not None
    assert carrier(connect.LARGE_STREAM_BYTES - 1) is source
    assert isinstance(carrier(connect.LARGE_STREAM_BYTES), WithFallback)


def test_the_transport_can_be_chosen(ssh: Install) -> None:
    ssh("exit 0")
    assert connect.carrier(request("--transport", "paramiko"), FakeHost("nas1")) is None
    carrier = connect.carrier(request("--transport", "openssh"), FakeHost("nas1"))
    assert carrier is not None
    assert isinstance(carrier(0), OpenSSHHost)


def test_auto_uses_paramiko_where_ssh_is_not_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert connect.carrier(request(), FakeHost("nas1")) is None
