"""Streams by the OpenSSH client: what it is called with, what its ends mean, and when paramiko takes over."""

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
    """Put a program named ssh first in PATH; it writes its words to `words`."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    def install(script: str) -> Path:
        program = tmp_path / "ssh"
        program.write_text(f"#!/bin/sh\nprintf '%s\\n' \"$@\" >{tmp_path}/words\n{script}\n")
        program.chmod(0o755)
        return tmp_path / "words"

    return install


def test_the_remote_shell_gets_the_quoted_command_and_nobody_is_asked(ssh: Install) -> None:
    words = ssh('for last; do :; done; sh -c "$last" 2>&1')
    (words.parent / "zfs").write_text("#!/bin/sh\nprintf '<%s>' \"$@\"\n")
    (words.parent / "zfs").chmod(0o755)
    text, ended = run(OpenSSHHost("root@nas1", 2222, "/key"), SEND)
    given = words.read_text().splitlines()
    assert given[-8:-1] == ["-p", "2222", "-i", "/key", "-o", "IdentitiesOnly=yes", "root@nas1"]
    assert {"BatchMode=yes", "StrictHostKeyChecking=yes", "ForwardAgent=no", "ControlPath=none"} <= set(given)
    assert text == "<send><tank/a b@one>"
    assert ended.exit_status == 0


def test_the_end_of_the_remote_command_is_ours(ssh: Install) -> None:
    ssh("echo stream; echo why >&2; exit 3")
    text, ended = run(OpenSSHHost("nas1"), SEND)
    assert (text, ended.command, ended.exit_status, ended.stderr) == ("stream\n", SEND, 3, "why\n")


@pytest.mark.parametrize(
    "said",
    [
        "ssh: connect to host nas1 port 22: Connection refused",
        "client_loop: send disconnect: Broken pipe",
        "root@nas1: Permission denied (publickey).",
        "Timeout, server nas1 not responding.",
    ],
)
def test_a_failed_connection_is_told_in_the_words_of_ssh(ssh: Install, said: str) -> None:
    ssh(f"echo '{said}' >&2; exit 255")
    with pytest.raises(errors.ConnectionFailed) as caught:
        run(OpenSSHHost("nas1"), SEND)
    assert str(caught.value) == f"nas1: the connection was lost while zfs send was running (ssh: {said}); run again"


def test_status_255_of_zfs_itself_is_no_failed_connection(ssh: Install) -> None:
    said = "cannot resume send: 'tank/a@one' used in the initial send no longer exists"
    ssh(f'echo "{said}" >&2; exit 255')
    _text, ended = run(OpenSSHHost("nas1"), SEND)
    assert type(messages.explain("nas1", "it", ended, "send")) is errors.StaleToken


def test_status_255_without_a_word_is_a_command_that_was_killed(ssh: Install) -> None:
    ssh("exit 255")
    _text, ended = run(OpenSSHHost("nas1"), SEND)
    assert type(messages.explain("nas1", "it", ended, "send")) is errors.StreamBroken


def test_without_the_program_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(errors.SourceUnusable, match=r"install OpenSSH's client, or use --transport paramiko"):
        OpenSSHHost("nas1")


# --- falling back ---


def test_a_stream_that_never_began_goes_the_other_way_and_so_do_all_later_ones(ssh: Install) -> None:
    words = ssh("echo 'root@nas1: Permission denied (publickey).' >&2; exit 255")
    other = FakeHost("nas1", {"zfs send": Answer(stdout=b"stream")})
    pair = WithFallback(OpenSSHHost("nas1"), other)
    assert run(pair, SEND)[0] == "stream"
    words.unlink()
    assert run(pair, SEND)[0] == "stream"
    assert (len(other.asked), words.exists()) == (2, False)


def test_a_stream_that_broke_on_its_way_is_broken() -> None:
    preferred = FakeHost("nas1", {"zfs send": Answer(stdout=b"strea")})
    other = FakeHost("nas1")
    with WithFallback(preferred, other).start(SEND) as process:
        assert process.read(10) == b"strea"
        assert process.read(10) == b""
        assert process.finish().exit_status == 0
    assert other.asked == []


def test_an_empty_stream_is_not_tried_again() -> None:
    other = FakeHost("nas1")
    assert (
        run(WithFallback(FakeHost("nas1", {"zfs send": Answer(status=1, stderr="no")}), other), SEND)[1].stderr == "no"
    )
    assert other.asked == []


# --- which stream goes which way ---


def request(*options: str) -> MirrorRequest:
    found = parse(["-h", "nas1", "-r", "tank/a", "-l", "off/a", "-t", "offsite", *options])
    assert isinstance(found, MirrorRequest)
    return found


def test_large_streams_go_by_ssh_and_small_ones_over_the_connection_that_is_there(ssh: Install) -> None:
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


def test_auto_does_without_ssh_where_there_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert connect.carrier(request(), FakeHost("nas1")) is None
