"""Read many small streams from one command: the real script in the real sh, with a stand-in for zfs."""

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
echo "$*" >>"${0%/*}/calls"
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
    fixed = "0123456789abcdef" * 2
    monkeypatch.setattr(secrets, "token_hex", lambda _size: fixed)
    return fixed


class Counting(LocalHost):
    """This machine; records the processes that it starts."""

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


def test_one_command_yields_each_stream_separately(nas1: Counting, tmp_path: Path) -> None:
    all_sends = sends("x y@b", "x@empty", "z@large", "z@c")
    with Bundled(nas1, all_sends) as host:
        results = [streamed(host, send) for send in all_sends]
    assert [data for data, _ended in results] == [b"stream of t/x y@b\n", b"", bytes(3_000_000), b"stream of t/z@c\n"]
    assert [ended for _data, ended in results] == [Exit(send, 0, "") for send in all_sends]
    assert len(nas1.processes) == 1
    assert (tmp_path / "calls").read_text().splitlines() == [" ".join(send[1:]) for send in all_sends]


def test_marks_never_appear_in_a_stream_at_any_read_size(nas1: Counting) -> None:
    [send] = sends("x@b")
    for size in (1, 2, 31, 32, 33, 1 << 20):
        with Bundled(nas1, [send]) as host, host.start(send) as process:
            data = b"".join(iter(lambda size=size, process=process: process.read(size), b""))  # type: ignore[misc]
            assert (data, process.finish().exit_status) == (b"stream of t/x@b\n", 0)
            assert process.read(size) == b""


def test_a_mark_may_arrive_in_pieces_of_any_size(mark: str) -> None:
    first, second = sends("x@a", "x@b")
    output = f"{mark}\nstream{mark} 0\n\n{mark}\nnext{mark} 0\n\n{mark}\n".encode()
    for size in range(1, 2 * len(mark)):
        nas1 = FakeHost("nas1", {"sh -c": Answer(output)}, chunk_bytes=size)
        with Bundled(nas1, [first, second]) as host:
            assert streamed(host, first) == (b"stream", Exit(first, 0, ""))
            assert streamed(host, second) == (b"next", Exit(second, 0, ""))


@pytest.mark.usefixtures("nas1")
@pytest.mark.parametrize("shell", SHELLS)
def test_all_shells_print_the_same(shell: str) -> None:
    words = commands.bundle("mark", sends("x y@b", "x@denied", "x@empty"))
    start = [shell, "sh"] if shell == "busybox" else [shell]
    done = subprocess.run([*start, *words[1:]], capture_output=True, text=True, check=True)
    stderr = "cannot send 't/x@denied': permission denied\na second line"
    trailers = ("0\n\nmark\n", f"1\n{stderr}\nmark\n", "0\n\nmark\n")
    streams = ("stream of t/x y@b\n", "cut", "")
    pairs = zip(streams, trailers, strict=True)
    assert done.stdout == "mark\n" + "".join(f"{stream}mark {trailer}" for stream, trailer in pairs)
    assert done.stderr == ""


def test_a_failed_send_reports_why_and_the_next_one_still_comes(nas1: Counting) -> None:
    denied, killed, fine = sends("x@denied", "x@killed", "x@fine")
    with Bundled(nas1, [denied, killed, fine]) as host:
        stderr = "cannot send 't/x@denied': permission denied\na second line\n"
        assert streamed(host, denied) == (b"cut", Exit(denied, 1, stderr))
        assert streamed(host, killed) == (b"cut", Exit(killed, 137, "", is_killed=True))
        assert streamed(host, fine) == (b"stream of t/x@fine\n", Exit(fine, 0, ""))
    assert len(nas1.processes) == 1


@pytest.mark.parametrize("first", ["large", "endless"])
def test_after_an_unread_stream_a_new_command_is_started(nas1: Counting, first: str) -> None:
    unwanted, fine, last = sends(f"x@{first}", "x@fine", "x@last")
    with Bundled(nas1, [unwanted, fine, last]) as host:
        with host.start(unwanted) as process:
            assert process.read(10) == bytes(10)
        assert streamed(host, fine)[0] == b"stream of t/x@fine\n"
        assert streamed(host, last)[0] == b"stream of t/x@last\n"
    assert len(nas1.processes) == 2


def test_a_send_that_is_never_started_is_left_out(nas1: Counting) -> None:
    first, left_out, last = sends("x@a", "x@b", "x@c")
    with Bundled(nas1, [first, left_out, last]) as host:
        streamed(host, first)
        assert streamed(host, last) == (b"stream of t/x@c\n", Exit(last, 0, ""))


def test_killing_one_stream_ends_the_command(nas1: Counting) -> None:
    endless, fine = sends("x@endless", "x@fine")
    with Bundled(nas1, [endless, fine]) as host, host.start(endless) as process:
        assert process.read(10)
        process.kill()
        while process.read(1 << 20):
            pass
        assert process.finish().exit_status != 0
        assert nas1.processes[0].finish().exit_status != 0


def test_a_stream_killed_at_its_end_has_succeeded(mark: str) -> None:
    """The stall watchdog may kill at any moment; the next stream then comes from a new command."""
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


def test_leaving_a_bundle_leaves_nothing_running(nas1: Counting, tmp_path: Path) -> None:
    endless, fine = sends("x@endless", "x@fine")
    with Bundled(nas1, [endless, fine]) as host:
        host.start(endless).read(10)
    command = Path("/proc", (tmp_path / "endless").read_text().strip(), "cmdline")
    for _attempt in range(100):
        # a zombie has an empty cmdline
        if not command.exists() or not command.read_bytes():
            return
        time.sleep(0.1)
    raise AssertionError("a send is still running")


def test_a_host_that_refuses_a_bundle_gets_single_sends() -> None:
    refusal = Answer(status=126, stderr="zfs_replicate_gate: refused: not a command of zfs_replicate\n")
    nas1 = FakeHost("nas1", {"sh -c": refusal, "zfs send": Answer(b"stream")})
    first, second = sends("x@a", "x@b")
    with Bundled(nas1, [first, second]) as host:
        verbose = (*first[:2], "-vP", *first[2:])
        assert streamed(host, verbose) == (b"stream", Exit(verbose, 0, ""))
        assert streamed(host, second)[0] == b"stream"
    assert [command[:8] for command in nas1.asked] == ["sh -c ex", "zfs send", "zfs send"]


@pytest.mark.parametrize("trailer", ["what?\n", " 0", "0\n", " 1234\n", " -1\n", " x\n", " 0\n" + "x" * (2 << 20)])
def test_a_malformed_trailer_is_an_error_that_names_the_stream(mark: str, trailer: str) -> None:
    output = f"{mark}\nstream{mark}{trailer}\n{mark}\n".encode()
    [send] = sends("x@a")
    with Bundled(FakeHost("nas1", {"sh -c": Answer(output)}), [send]) as host, host.start(send) as process:
        assert process.read(100) == b"stream"
        with pytest.raises(StreamBroken, match=r"^t/x@a on nas1: unexpected output after the stream"):
            process.read(100)


def test_a_command_that_ends_too_early_is_a_failed_send(mark: str) -> None:
    first, second = sends("x@a", "x@b")
    nas1 = FakeHost("nas1", {"sh -c": Answer(f"{mark}\nstr".encode(), status=0)})
    with Bundled(nas1, [first, second]) as host:
        assert streamed(host, first) == (b"str", Exit(first, 1, "", is_killed=True))
        assert streamed(host, second)[1].exit_status == 1
    assert len(nas1.processes) == 2


def test_a_lost_connection_is_reported_as_such() -> None:
    lost = ConnectionFailed("nas1: the connection was lost")
    [send] = sends("x@a")
    with pytest.raises(ConnectionFailed), Bundled(FakeHost("nas1", {"sh -c": Answer(error=lost)}), [send]) as host:
        host.start(send)


def test_a_host_that_never_prints_the_mark_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundled, "GREETING_SECONDS", 0.01)
    nas1 = FakeHost("nas1", {"sh -c": Answer(stalls=True), "zfs send": Answer(b"stream")})
    [send] = sends("x@a")
    with Bundled(nas1, [send]) as host:
        assert streamed(host, send)[0] == b"stream"
