"""The progress of a stream is measured in bytes, as zfs counts them, for an observer that wants them."""

from __future__ import annotations

import pytest

from tests.support.fakes import Answer, FakeHost
from tests.support.reported_runs import plan, sends
from zfs_replicate.observer import Observer
from zfs_replicate.run import gauge
from zfs_replicate.run.gauge import Gauge
from zfs_replicate.run.transfer import Cancellation, Pipe, transfer
from zfs_replicate.steps import Resume, Send

TWO = plan((":a! b+1000", "x:a! b+3000"), (":a^", "x:a^"))


class Notes(Observer):
    """Records its calls."""

    wants_bytes = True

    def __init__(self) -> None:
        self.calls: list[object] = []

    def stream_began(self, _step: Send | Resume) -> None:
        self.calls.append("began")

    def stream_moved(self, _step: Send | Resume, byte_count: int, size: int | None) -> None:
        self.calls.append((byte_count, size))

    def stream_ended(self, _step: Send | Resume) -> None:
        self.calls.append("ended")


def test_a_stream_reports_bytes_and_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gauge, "INTERVAL_SECONDS", 0)
    notes = Notes()
    source = FakeHost("nas1", {"zfs send": Answer(b"x" * 30, stderr="size\t30\n")}, chunk_bytes=10)
    assert transfer(source, FakeHost("here"), sends(TWO)[0], Pipe(observer=notes), Cancellation()) == 30
    assert source.asked[0].startswith("zfs send -vP ")
    assert notes.calls == ["began", (10, 30), (20, 30), (30, 30), "ended"]


def test_a_failed_stream_has_ended_and_its_error_is_clean() -> None:
    notes = Notes()
    stderr = "full\ttank/a@b\t30\nsize\t30\nwarning: cannot send 'tank/a@b': Input/output error\n"
    source = FakeHost("nas1", {"zfs send": Answer(b"", status=1, stderr=stderr)})
    with pytest.raises(Exception, match="Input/output error") as caught:
        transfer(source, FakeHost("here"), sends(TWO)[0], Pipe(observer=notes), Cancellation())
    assert "size" not in str(caught.value)
    assert notes.calls == ["began", "ended"]


def test_a_compressed_stream_is_measured_as_zfs_counts_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gauge, "INTERVAL_SECONDS", 0)
    notes = Notes()
    stderr = "size\t3000\n10:00:00\t2000\ttank/a@b\n"
    source = FakeHost("nas1", {"": Answer(b"x" * 10, stderr=stderr)})
    with source.start(("zfs", "send")) as sender:
        Gauge(notes, sends(TWO)[0], sender).add(10)
    assert notes.calls == [(2000, 3000)]


def test_without_an_observer_nothing_is_asked() -> None:
    source = FakeHost("nas1", {"zfs send": Answer(b"x")})
    transfer(source, FakeHost("here"), sends(TWO)[0], Pipe(), Cancellation())
    assert "-vP" not in source.asked[0]
