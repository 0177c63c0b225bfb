"""A hostile source: its output is limited in length and time, and names outside the tree are refused."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.support.exits import failed
from tests.support.fakes import Answer, FakeHost
from tests.support.listing import line, text
from tests.support.ssh_server import Server
from zfs_replicate import errors
from zfs_replicate.hosts import base, openssh, ssh_process
from zfs_replicate.hosts.base import read_lines, run
from zfs_replicate.hosts.local import LocalHost
from zfs_replicate.hosts.openssh import OpenSSHHost
from zfs_replicate.run.inventory import read_source
from zfs_replicate.zfs import messages

LIMIT = 4 << 20
STDERR_LIMIT = 1 << 20


@pytest.fixture(autouse=True)
def _small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MAX_OUTPUT_BYTES", "MAX_LISTING_BYTES"):
        monkeypatch.setattr(base, name, LIMIT)
    for module in (ssh_process, openssh):
        monkeypatch.setattr(module, "MAX_STDERR_BYTES", STDERR_LIMIT)


def shell(script: str) -> tuple[str, ...]:
    return ("sh", "-c", script)


# --- endless output ---


def test_a_command_that_prints_without_end_is_cut_off() -> None:
    with pytest.raises(errors.OutputError, match="more than 4 MiB"):
        run(LocalHost(), ("yes",))


def test_a_listing_that_never_ends_is_cut_off() -> None:
    with pytest.raises(errors.OutputError, match="more than 4 MiB"):
        sum(1 for _line in read_lines(LocalHost(), ("yes",)))


def test_a_line_that_never_ends_is_cut_off() -> None:
    with pytest.raises(errors.OutputError, match="a line of more than 1 MiB"):
        list(read_lines(LocalHost(), shell("tr '\\0' a </dev/zero")))


def test_endless_output_over_ssh_is_cut_off(server: Server) -> None:
    with server.connect() as host, pytest.raises(errors.OutputError, match="more than 4 MiB"):
        run(host, ("yes",))


def test_the_message_names_host_and_command() -> None:
    host = FakeHost("nas1", {"zfs list": Answer(b"x" * (LIMIT + 1))})
    with pytest.raises(errors.OutputError, match="tank/a on nas1: cannot read what zfs list printed: "):
        read_source(host, "tank/a")


# --- a command that never ends ---


def test_a_command_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "MAX_SECONDS", 0.2)
    with pytest.raises(errors.CommandFailed, match=r"localhost: sleep 1000 was still running after .* and was stopped"):
        run(LocalHost(), ("sleep", "1000"))


def test_a_command_that_only_closes_its_output_is_ended(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    monkeypatch.setattr(base, "MAX_SECONDS", 0.3)
    with server.connect() as host, pytest.raises(errors.CommandFailed, match="was still running"):
        list(read_lines(host, shell("exec >&- 2>&-; sleep 2")))


def test_a_command_in_time_is_left_alone() -> None:
    assert run(LocalHost(), ("echo", "done"))[0] == "done\n"


# --- a flood on stderr ---


def test_a_flood_of_errors_over_ssh_is_not_kept(server: Server) -> None:
    with server.connect() as host:
        _text, ended = run(host, shell("head -c 1200000 /dev/zero >&2; exit 1"))
    assert len(ended.stderr) == STDERR_LIMIT


def test_a_flood_of_errors_through_openssh_ends_the_stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ssh").write_text("#!/bin/sh\nsleep 0.3\nexec yes >&2\n")
    (tmp_path / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    began = time.monotonic()
    with OpenSSHHost("nas1").start(("zfs", "send", "a@b")) as process:
        assert process.read(1) == b""
        ended = process.finish()
    assert ended.exit_status != 0
    assert len(ended.stderr) <= STDERR_LIMIT + 100
    assert time.monotonic() - began < 60


def test_a_long_message_is_cut() -> None:
    assert len(str(messages.explain("nas1", "tank/a", failed("x" * 10**6), "list"))) < 2000


# --- names outside the tree, invalid or listed twice ---


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ((line("filesystem", "tank"),), "tank is not in tank/a"),
        ((line("filesystem", "tank/a2"),), "tank/a2 is not in tank/a"),
        ((line("filesystem", "other/a/b"),), "other/a/b is not in tank/a"),
        ((line("filesystem", "tank/a"),) * 2, "tank/a is listed twice"),
        ((line("snapshot", "tank/a@x", guid="1"), line("snapshot", "tank/a@x", guid="2")), "the same name"),
        ((line("filesystem", "tank/a/../../etc"),), "not a name that ZFS allows"),
        ((line("filesystem", "tank/a/\x1b[2J"),), "not a name that ZFS allows"),
        ((line("snapshot", "tank/a@-o\n"),), "expected 13 columns"),
        ((line("snapshot", "tank/a@x@" + "x" * 300, guid="1"),), "not a name that ZFS allows"),
        ((line("filesystem", "-rf"),), "not a name that ZFS allows"),
    ],
)
def test_a_listing_that_zfs_would_not_print_is_refused(lines: tuple[str, ...], problem: str) -> None:
    host = FakeHost("nas1", {"zfs list": Answer(text(line("filesystem", "tank/a"), *lines))})
    with pytest.raises(errors.OutputError) as caught:
        read_source(host, "tank/a")
    assert problem in str(caught.value)
    assert "\x1b" not in str(caught.value)
