"""Many small streams out of one command: the real script in the real sh, with a stand-in for zfs."""

from __future__ import annotations

import os
import secrets
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.fakes import Answer, FakeHost
from tests.support.shells import SHELLS
from zfs_replicate.errors import ConnectionFailed, StreamBroken
from zfs_replicate.hosts import bundled
from zfs_replicate.hosts.base import Process
from zfs_replicate.hosts.bundled import Bundled
from zfs_replicate.hosts.local import LocalHost
from zfs_replicate.model import Exit, Kind, StreamOptions
from zfs_replicate.steps import Receiving, Send
from zfs_replicate.zfs import commands

ZFS = """#!/bin/sh
echo "$*" >>"${0%/*}/asked"
for last; do :; done
case $last in
*@large) head -c 3000000 /dev/zero ;;
*@empty) ;;
*@denied) printf 'cut'; echo "cannot send '$last': permission denied" >&2; echo "a second line" >&2; exit 1 ;;
*@killed) printf 'cut'; kill -KILL $$ ;;
*@endless) echo $$ >"${0%/*}/endless"; exec cat /dev/zero ;;
*) printf 'stream of %s\\n' "$last" ;;
esac
"""


@pytest.fixture
def mark(monkeypatch: pytest.MonkeyPatch) -> str:
    known = "0123456789abcdef" * 2
    monkeypatch.setattr(secrets, "token_hex", lambda _size: known)
    return known


class Counting(LocalHost):
    """This machine, and how many commands it was asked to start."""

    def __init__(self) -> None:
        super().__init__("nas1")
        self.processes: list[Process] = []

    def start(self, command: Sequence[str]) -> Process:
        self.processes.append(super().start(command))
        return self.processes[-1]


@pytest.fixture
def nas1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Counting:
    (tmp_path / "zfs").write_text(ZFS)
    (tmp_path / "zfs").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return Counting()


def sends(*snapshots: str) -> list[commands.Command]:
    options = StreamOptions(large_blocks=True, compressed=True)
    steps = [Send(f"t/{name}", "t/b c@a", 2, False, options, Receiving("o", Kind.FILESYSTEM)) for name in snapshots]
    return [commands.send(step) for step in steps]


def streamed(host: Bundled, send: commands.Command) -> tuple[bytes, Exit]:
    with host.start(send) as process:
        data = b"".join(iter(lambda: process.read(4096), b""))
        return data, process.finish()


def test_each_stream_comes_out_by_itself_from_one_command(nas1: Counting, tmp_path: Path) -> None:
    all_sends = sends("x y@b", "x@empty", "z@large", "z@c")
    with Bundled(nas1, all_sends) as host:
        found = [streamed(host, send) for send in all_sends]
    assert [data for data, _ended in found] == [b"stream of t/x y@b\n", b"", bytes(3_000_000), b"stream of t/z@c\n"]
    assert [ended for _data, ended in found] == [Exit(send, 0, "") for send in all_sends]
    assert len(nas1.processes) == 1
    assert (tmp_path / "asked").read_text().splitlines() == [" ".join(send[1:]) for send in all_sends]


def test_whatever_size_is_read_no_byte_of_a_mark_gets_through(nas1: Counting) -> None:
    [send] = sends("x@b")
    for size in (1, 2, 31, 32, 33, 1 << 20):
        with Bundled(nas1, [send]) as host, host.start(send) as process:
            data = b"".join(iter(lambda size=size, process=process: process.read(size), b""))  # type: ignore[misc]
            assert (data, process.finish().exit_status) == (b"stream of t/x@b\n", 0)
            assert process.read(size) == b""


@pytest.mark.usefixtures("nas1")
@pytest.mark.parametrize("shell", SHELLS)
def test_all_shells_print_the_same(shell: str) -> None:
    words = commands.bundle("mark", sends("x y@b", "x@denied", "x@empty"))
    start = [shell, "sh"] if shell == "busybox" else [shell]
    done = subprocess.run([*start, *words[1:]], capture_output=True, text=True, check=True)
    said = "cannot send 't/x@denied': permission denied\na second line"
    ends = ("0\n\nmark\n", f"1\n{said}\nmark\n", "0\n\nmark\n")
    streams = ("stream of t/x y@b\n", "cut", "")
    assert done.stdout == "mark\n" + "".join(f"{each}mark {end}" for each, end in zip(streams, ends, strict=True))
    assert done.stderr == ""


def test_one_that_fails_tells_why_and_the_next_comes_all_the_same(nas1: Counting) -> None:
    denied, killed, fine = sends("x@denied", "x@killed", "x@fine")
    with Bundled(nas1, [denied, killed, fine]) as host:
        said = "cannot send 't/x@denied': permission denied\na second line\n"
        assert streamed(host, denied) == (b"cut", Exit(denied, 1, said))
        assert streamed(host, killed) == (b"cut", Exit(killed, 137, "", is_killed=True))
        assert streamed(host, fine) == (b"stream of t/x@fine\n", Exit(fine, 0, ""))
    assert len(nas1.processes) == 1


@pytest.mark.parametrize("first", ["large", "endless"])
def test_what_follows_a_stream_that_nobody_wants_comes_out_of_another_command(nas1: Counting, first: str) -> None:
    unwanted, fine, last = sends(f"x@{first}", "x@fine", "x@last")
    with Bundled(nas1, [unwanted, fine, last]) as host:
        with host.start(unwanted) as process:
            assert process.read(10) == bytes(10)
        assert streamed(host, fine)[0] == b"stream of t/x@fine\n"
        assert streamed(host, last)[0] == b"stream of t/x@last\n"
    assert len(nas1.processes) == 2


def test_one_that_is_not_asked_for_is_left_out(nas1: Counting) -> None:
    first, left_out, last = sends("x@a", "x@b", "x@c")
    with Bundled(nas1, [first, left_out, last]) as host:
        streamed(host, first)
        assert streamed(host, last) == (b"stream of t/x@c\n", Exit(last, 0, ""))


def test_killing_one_ends_the_command(nas1: Counting) -> None:
    endless, fine = sends("x@endless", "x@fine")
    with Bundled(nas1, [endless, fine]) as host, host.start(endless) as process:
        assert process.read(10)
        process.kill()
        while process.read(1 << 20):
            pass
        assert process.finish().exit_status != 0
        assert nas1.processes[0].finish().exit_status != 0


def test_one_that_is_killed_as_it_ends_has_ended_and_the_next_comes_out_of_another_command(mark: str) -> None:
    """The watch over stalls may act at any moment."""
    first, second = sends("x@a", "x@b")
    nas1 = FakeHost("nas1", {"sh -c": Answer(f"{mark}\nstream{mark} 0\n\n{mark}\n".encode())})
    with Bundled(nas1, [first, second]) as host:
        with host.start(first) as process:
            assert process.read(100) == b"stream"
            process.kill()
            assert process.read(100) == b""
            assert process.finish() == Exit(first, 0, "")
        host.start(second)
    assert len(nas1.processes) == 2


def test_nothing_is_left_running(nas1: Counting, tmp_path: Path) -> None:
    endless, fine = sends("x@endless", "x@fine")
    with Bundled(nas1, [endless, fine]) as host:
        host.start(endless).read(10)
    command = Path("/proc", (tmp_path / "endless").read_text().strip(), "cmdline")
    for _attempt in range(100):
        # of one that has ended but was not waited for, nothing is left there
        if not command.exists() or not command.read_bytes():
            return
        time.sleep(0.1)
    raise AssertionError("a send is still there")


def test_a_host_that_refuses_many_in_one_command_gets_them_one_by_one() -> None:
    refusal = Answer(status=126, stderr="zfs_replicate_gate: refused: not a command of zfs_replicate\n")
    nas1 = FakeHost("nas1", {"sh -c": refusal, "zfs send": Answer(b"stream")})
    first, second = sends("x@a", "x@b")
    with Bundled(nas1, [first, second]) as host:
        assert streamed(host, (*first[:2], "-vP", *first[2:])) == (
            b"stream",
            Exit((*first[:2], "-vP", *first[2:]), 0, ""),
        )
        assert streamed(host, second)[0] == b"stream"
    assert [command[:8] for command in nas1.asked] == ["sh -c ex", "zfs send", "zfs send"]


@pytest.mark.parametrize("end", ["what?\n", " 0", "0\n", " 1234\n", " -1\n", " x\n", " 0\n" + "x" * (2 << 20)])
def test_what_is_no_end_of_a_stream_is_an_error_that_names_it(mark: str, end: str) -> None:
    output = f"{mark}\nstream{mark}{end}\n{mark}\n".encode()
    [send] = sends("x@a")
    with Bundled(FakeHost("nas1", {"sh -c": Answer(output)}), [send]) as host, host.start(send) as process:
        assert process.read(100) == b"stream"
        with pytest.raises(StreamBroken, match=r"^t/x@a on nas1: what follows the stream is not"):
            process.read(100)


def test_a_command_that_ends_too_early_is_a_failed_send(mark: str) -> None:
    first, second = sends("x@a", "x@b")
    nas1 = FakeHost("nas1", {"sh -c": Answer(f"{mark}\nstr".encode(), status=0)})
    with Bundled(nas1, [first, second]) as host:
        assert streamed(host, first) == (b"str", Exit(first, 1, "", is_killed=True))
        assert streamed(host, second)[1].exit_status == 1
    assert len(nas1.processes) == 2


def test_a_lost_connection_is_told_as_such() -> None:
    lost = ConnectionFailed("nas1: the connection was lost")
    [send] = sends("x@a")
    with pytest.raises(ConnectionFailed), Bundled(FakeHost("nas1", {"sh -c": Answer(error=lost)}), [send]) as host:
        host.start(send)


def test_a_host_that_never_greets_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundled, "GREETING_SECONDS", 0.01)
    nas1 = FakeHost("nas1", {"sh -c": Answer(stalls=True), "zfs send": Answer(b"stream")})
    [send] = sends("x@a")
    with Bundled(nas1, [send]) as host:
        assert streamed(host, send)[0] == b"stream"
