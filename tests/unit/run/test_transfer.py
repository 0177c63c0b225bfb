"""A stream succeeds only if both sides do, and the error of the side that failed first is raised."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support.fakes import Answer, FakeHost
from tests.support.streams import STEP, STREAM, source
from zfs_replicate import errors
from zfs_replicate.hosts.base import CHUNK_BYTES, move, run
from zfs_replicate.hosts.local import LocalHost
from zfs_replicate.model import COMPRESSORS
from zfs_replicate.run import transfer as transfer_module
from zfs_replicate.run.transfer import TINY_BYTES, Cancellation, Pipe, transfer
from zfs_replicate.zfs import commands

BROKEN = Answer(status=1, stderr="cannot receive resume stream: checksum mismatch or incomplete stream.\n")


def carry(source: FakeHost, target: FakeHost, mbuffer_size: str | None = None) -> int:
    return transfer(source, target, STEP, Pipe(mbuffer_size), Cancellation())


def failure(source: FakeHost, target: FakeHost, mbuffer_size: str | None = None) -> errors.ReplicateError:
    with pytest.raises(errors.ReplicateError) as caught:
        carry(source, target, mbuffer_size)
    return caught.value


# --- all goes well ---


def test_the_stream_arrives_whole_and_its_length_is_returned() -> None:
    target = FakeHost("here")
    assert len(STREAM) > CHUNK_BYTES
    assert carry(source(), target) == len(STREAM)
    assert target.sinks[0].received == STREAM


def test_mbuffer_stands_before_receive() -> None:
    target = FakeHost("here")
    carry(source(), target, "64M")
    assert target.asked == ["mbuffer -q -s 128k -m 64M", "zfs receive -s -u off/a"]


def test_a_tiny_stream_needs_no_buffer_but_may_need_a_limit() -> None:
    tiny = replace(STEP, byte_estimate=TINY_BYTES - 1)
    assert Pipe("64M").receiving(tiny) == [commands.receive(tiny.receiving)]
    assert [stage[0] for stage in Pipe("64M", bytes_per_second=9).receiving(tiny)] == ["mbuffer", "zfs"]


def test_without_mbuffer_receive_is_alone() -> None:
    target = FakeHost("here")
    carry(source(), target)
    assert target.asked == ["zfs receive -s -u off/a"]


def test_limit_and_compressor_apply_to_the_network() -> None:
    nas1, target = FakeHost("nas1"), FakeHost("here")
    transfer(nas1, target, STEP, Pipe("64M", bytes_per_second=1000, compressor="zstd"), Cancellation())
    assert target.asked == ["mbuffer -q -s 128k -m 64M -r 1000", "zstd -qc -d", "zfs receive -s -u off/a"]
    assert nas1.asked == [" ".join(commands.compressed(commands.send(STEP), "zstd"))]


def test_a_compressed_stream_goes_through_real_pipes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """gzip is installed everywhere; the lab tests use the compressors that we offer."""
    monkeypatch.setitem(COMPRESSORS, "gzip", "gzip -c")
    here = LocalHost()
    send = commands.compressed(("head", "-c", "3000000", "/dev/zero"), "gzip")
    receive = ("dd", "status=none", f"of={tmp_path / 'arrived'}")
    with here.start(send) as sender, here.open_sink([commands.decompress("gzip"), receive]) as sink:
        while move(sender, sink, CHUNK_BYTES):
            pass
        sink.close_input()
        statuses = [sender.finish().exit_status, *(stage.exit_status for stage in sink.finish())]
    assert statuses == [0, 0, 0]
    assert (tmp_path / "arrived").read_bytes() == bytes(3_000_000)


@pytest.mark.parametrize(
    ("send", "program", "status"),
    [("exit 3", "cat", 3), ("exit 0", "sh -c 'cat; exit 4'", 4), ("exit 255", "cat", 255)],
)
def test_a_compressed_send_fails_when_either_program_does(
    monkeypatch: pytest.MonkeyPatch, send: str, program: str, status: int
) -> None:
    monkeypatch.setitem(COMPRESSORS, "other", program)
    text, ended = run(LocalHost(), commands.compressed(("sh", "-c", f"echo stream; echo why >&2; {send}"), "other"))
    assert (text, ended.stderr, ended.exit_status) == ("stream\n", "why\n", status)


def test_warnings_about_an_arrived_stream_are_not_failures() -> None:
    target = FakeHost("here", {"zfs receive": Answer(stderr="cannot receive P property on X")})
    assert carry(source(), target) == len(STREAM)


def test_both_ends_are_closed() -> None:
    nas1, here = source(), FakeHost("here")
    carry(nas1, here)
    assert (nas1.processes[0].is_left, here.sinks[0].is_left) == (True, True)


# --- one side fails ---


def test_a_failed_sender_fails_though_the_receiver_succeeded() -> None:
    error = failure(source(status=1, stderr="cannot send 'tank/a': permission denied"), FakeHost("here"))
    assert isinstance(error, errors.PermissionDenied)
    assert str(error).startswith("tank/a@b on nas1: cannot send: ")


def test_an_early_end_is_blamed_on_the_sender() -> None:
    nas1 = source(stdout=STREAM[:100], status=1, stderr="cannot send 'tank/a': dataset key must be loaded")
    error = failure(nas1, FakeHost("here", {"zfs receive": BROKEN}))
    assert isinstance(error, errors.KeyUnavailable)
    assert "nas1" in str(error)


def test_a_failed_receiver_fails_though_the_sender_succeeded() -> None:
    target = FakeHost("here", {"zfs receive": Answer(status=1, stderr="cannot receive: out of space")})
    error = failure(source(), target)
    assert isinstance(error, errors.OutOfSpace)
    assert str(error).startswith("off/a on here: cannot receive: ")


def test_a_broken_pipe_is_blamed_on_the_receiver() -> None:
    nas1 = source(status=1, stderr="warning: cannot send 'tank/a@b': Broken pipe")
    target = FakeHost("here", {"zfs receive": Answer(status=1, stderr="cannot receive: out of space")}, breaks_after=1)
    error = failure(nas1, target, "64M")
    assert isinstance(error, errors.OutOfSpace)
    assert nas1.processes[0].is_killed


def test_a_pipe_that_breaks_at_once_is_the_receiver_failing() -> None:
    target = FakeHost(
        "here", {"zfs receive": Answer(status=1, stderr="cannot receive: dataset is busy")}, breaks_after=0
    )
    assert isinstance(failure(source(), target), errors.DatasetBusy)


def test_a_receiver_may_end_before_the_last_bytes() -> None:
    """`zfs receive` ends at the end record; without mbuffer, the rest is written to a closed pipe."""
    nas1 = source(stdout=b"stream and more")
    nas1.chunk_bytes = 6
    carry(nas1, FakeHost("here", breaks_after=1))
    assert not nas1.processes[0].is_killed
    assert nas1.processes[0].read(1) == b""


def test_a_sender_that_never_ends_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer_module, "MAX_LEFT_BYTES", 100)
    nas1 = source(stdout=b"x" * 10_000)
    nas1.chunk_bytes = 10
    error = failure(nas1, FakeHost("here", breaks_after=1))
    assert isinstance(error, errors.StreamBroken)
    assert str(error).startswith("tank/a@b on nas1: the source kept sending after the end of the stream")


def test_a_sender_that_hangs_after_the_end_is_a_stall() -> None:
    nas1 = source(stdout=b"stream and more", stalls=True)
    nas1.chunk_bytes = 6
    with pytest.raises(errors.StreamBroken, match="no data for"):
        transfer(nas1, FakeHost("here", breaks_after=1), STEP, Pipe(stall_seconds=0.05), Cancellation())


def test_a_sender_that_fails_after_the_end_is_a_failure() -> None:
    nas1 = source(status=1, stderr="warning: cannot send 'tank/a@b': Input/output error")
    assert "cannot send" in str(failure(nas1, FakeHost("here", breaks_after=0)))


def test_an_error_of_receive_takes_precedence_over_mbuffer() -> None:
    answers = {
        "mbuffer": Answer(status=1, stderr="mbuffer: error: outputThread: error writing: Broken pipe"),
        "zfs receive": Answer(status=1, stderr="cannot receive: out of space"),
    }
    assert isinstance(failure(source(), FakeHost("here", answers), "64M"), errors.OutOfSpace)


def test_a_killed_mbuffer_is_reported() -> None:
    error = failure(source(), FakeHost("here", {"mbuffer": Answer(status=-9)}), "64M")
    assert "mbuffer was killed by signal 9" in str(error)


def test_a_failed_mbuffer_is_reported_with_its_stderr() -> None:
    answers = {"mbuffer": Answer(status=1, stderr="mbuffer: Cannot allocate memory\n")}
    error = failure(source(), FakeHost("here", answers), "999G")
    assert "mbuffer failed (mbuffer: Cannot allocate memory)" in str(error)


def test_an_mbuffer_that_does_not_start_is_to_blame() -> None:
    """Then `zfs receive` only sees the end of its stream."""
    fatal = "mbuffer: warning: much\nmbuffer: fatal: Could not allocate enough memory (4294967296 requested)\n"
    ended = "cannot receive: failed to read from stream"
    for stderr in ("", ended):
        answers = {"mbuffer": Answer(status=1, stderr=fatal), "zfs receive": Answer(status=1, stderr=stderr)}
        error = failure(source(), FakeHost("here", answers), "4G")
        assert not error.is_transient
        assert str(error) == (
            "off/a on here: cannot receive: mbuffer does not start with -b 4G; choose a smaller one, then run again"
            " (mbuffer: Could not allocate enough memory (4294967296 requested))"
        )


@pytest.mark.parametrize("mbuffer", [Answer(status=-13), Answer(status=1, stderr="mbuffer: Broken pipe\n")])
def test_a_killed_receive_is_reported_rather_than_mbuffer(mbuffer: Answer) -> None:
    error = failure(source(), FakeHost("here", {"mbuffer": mbuffer, "zfs receive": Answer(status=-9)}), "64M")
    assert isinstance(error, errors.StreamBroken)
    assert str(error).startswith("off/a on here: cannot receive: the command was killed; ")


def test_a_lost_connection_lets_the_receiver_save_its_state() -> None:
    target = FakeHost("here", {"zfs receive": BROKEN})
    error = failure(source(error=errors.ConnectionFailed("lost")), target)
    assert isinstance(error, errors.ConnectionFailed)
    assert target.sinks[0].is_left


# --- cancellation ---


def test_cancelling_ends_a_running_stream() -> None:
    cancellation = Cancellation()
    nas1, target = FakeHost("nas1", {"zfs send": Answer(STREAM, at_read=cancellation.fire)}), FakeHost("here")
    with pytest.raises(errors.ReplicateError):
        transfer(nas1, target, STEP, Pipe(), cancellation)
    assert (nas1.processes[0].is_killed, target.sinks[0].is_killed) == (True, True)
    assert len(target.sinks[0].received) <= CHUNK_BYTES


def test_a_stream_that_begins_after_cancellation_ends_at_once() -> None:
    cancellation = Cancellation()
    cancellation.fire()
    target = FakeHost("here")
    with pytest.raises(errors.ReplicateError):
        transfer(source(), target, STEP, Pipe(), cancellation)
    assert target.sinks[0].received == b""


def test_a_stream_that_is_over_is_not_killed_later() -> None:
    cancellation = Cancellation()
    nas1 = source()
    transfer(nas1, FakeHost("here"), STEP, Pipe(), cancellation)
    cancellation.fire()
    assert not nas1.processes[0].is_killed


# --- stalls ---


def test_a_stream_that_stalls_is_ended() -> None:
    nas1, target = source(stalls=True), FakeHost("here", {"zfs receive": BROKEN})
    with pytest.raises(errors.StreamBroken, match=r"tank/a@b on nas1: no data for 0\.05 seconds"):
        transfer(nas1, target, STEP, Pipe(stall_seconds=0.05), Cancellation())
    assert (nas1.processes[0].is_killed, target.sinks[0].is_killed) == (True, True)


def test_a_stream_that_flows_is_not_ended() -> None:
    target = FakeHost("here")
    assert transfer(source(), target, STEP, Pipe(stall_seconds=30), Cancellation()) == len(STREAM)
    assert not target.sinks[0].is_killed


def test_a_receiver_may_take_long_after_the_last_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    """The watch looks at the clock once, before the first byte, and learns only during the end how late it is."""
    watches: list[threading.Thread] = []
    is_watching, is_ending = threading.Event(), threading.Event()

    def monotonic() -> float:
        if threading.current_thread() is threading.main_thread():
            return 0
        watches.append(threading.current_thread())
        is_watching.set()
        assert is_ending.wait(30)
        return 1000

    def take_long() -> None:
        is_ending.set()
        for watch in watches:
            watch.join(30)

    monkeypatch.setattr(transfer_module, "time", SimpleNamespace(monotonic=monotonic))
    nas1 = source(at_read=lambda: is_watching.wait(30))
    target = FakeHost("here", {"zfs receive": Answer(at_finish=take_long)})
    assert transfer(nas1, target, STEP, Pipe(stall_seconds=30), Cancellation()) == len(STREAM)
    assert [watch.is_alive() for watch in watches] == [False]
    assert (nas1.processes[0].is_killed, target.sinks[0].is_killed) == (False, False)
