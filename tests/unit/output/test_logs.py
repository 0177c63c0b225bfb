"""Test the log: its three formats, the fields of a record, the level, and syslog."""

from __future__ import annotations

import io
import json
import logging
import socket
import sys
import threading
from pathlib import Path

import pytest

from zfs_replicate.config import Reporting
from zfs_replicate.log_context import about, new_identity
from zfs_replicate.output.logs import Subject, log, log_problem, logging_as

SUBJECT = Subject("0123456789abcdef", "nas1", "tank/a")
Capture = pytest.CaptureFixture[str]


def test_a_person_reads_the_message_alone(capsys: Capture) -> None:
    with logging_as(Reporting(), SUBJECT):
        log.warning("mbuffer is missing")
    assert capsys.readouterr() == ("", "zfs_replicate: mbuffer is missing\n")


def test_json_carries_run_host_and_dataset(capsys: Capture) -> None:
    with logging_as(Reporting(log_format="json"), SUBJECT), about("tank/a/web"):
        log.warning('a "word"\n\x1b[2J')
    record = json.loads(capsys.readouterr().err)
    assert (record["run"], record["host"], record["dataset"]) == (SUBJECT.run, "nas1", "tank/a/web")
    assert (record["level"], record["message"]) == ("warning", 'a "word"\n\x1b[2J')


def test_every_run_has_an_identity_of_its_own() -> None:
    assert new_identity() != new_identity()
    assert len(new_identity()) == 16


def test_a_record_may_be_of_another_host(capsys: Capture) -> None:
    with logging_as(Reporting(log_format="json"), SUBJECT):
        log.warning("zfs list", extra={"host": "localhost"})
    record = json.loads(capsys.readouterr().err)
    assert (record["host"], record["dataset"]) == ("localhost", "tank/a")


def test_logfmt_quotes_what_needs_it(capsys: Capture) -> None:
    with logging_as(Reporting(log_format="logfmt"), SUBJECT):
        log.warning('a "word" = \\ \x1b\n')
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert 'level=warning run=0123456789abcdef host=nas1 dataset=tank/a message="a \\"word\\" = \\\\ \\x1b\\n"' in line


def test_no_record_can_forge_a_second_one(capsys: Capture) -> None:
    with logging_as(Reporting(), SUBJECT):
        log.warning("one\nzfs_replicate: two\r\x1b[2J")
    assert capsys.readouterr().err == "zfs_replicate: one\\nzfs_replicate: two\\r\\x1b[2J\n"


@pytest.mark.parametrize(
    ("reporting", "shown"),
    [
        (Reporting(), ["warning", "error"]),
        (Reporting(is_verbose=True), ["info", "warning", "error"]),
        (Reporting(log_level="debug"), ["debug", "info", "warning", "error"]),
        (Reporting(is_verbose=True, log_level="error"), ["error"]),
    ],
)
def test_the_level_is_as_asked(capsys: Capture, reporting: Reporting, shown: list[str]) -> None:
    with logging_as(reporting, SUBJECT):
        for level in ("debug", "info", "warning", "error"):
            log.log(logging.getLevelNamesMapping()[level.upper()], level)
    assert [line.removeprefix("zfs_replicate: ") for line in capsys.readouterr().err.splitlines()] == shown


def test_a_problem_is_a_record_in_a_run_and_a_line_before(capsys: Capture) -> None:
    log_problem("bad\x1b usage\nUsage:")
    with logging_as(Reporting(log_format="json"), SUBJECT):
        log_problem("no such host")
    plain, usage, record = capsys.readouterr().err.splitlines()
    assert (plain, usage) == ("zfs_replicate: bad\\x1b usage", "Usage:")
    assert json.loads(record)["level"] == "error"


def test_a_thread_has_a_dataset_of_its_own(capsys: Capture) -> None:
    def work(dataset: str) -> None:
        with about(dataset):
            barrier.wait()
            log.warning("x")

    barrier = threading.Barrier(2)
    with logging_as(Reporting(log_format="json"), SUBJECT):
        threads = [threading.Thread(target=work, args=(name,)) for name in ("tank/a", "tank/b")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    lines = capsys.readouterr().err.splitlines()
    assert sorted(json.loads(line)["dataset"] for line in lines) == ["tank/a", "tank/b"]


def test_the_log_is_taken_down_after_the_run(capsys: Capture) -> None:
    with logging_as(Reporting(), SUBJECT):
        pass
    assert log.handlers == []
    with logging_as(Reporting(), SUBJECT):
        log.warning("once")
    assert capsys.readouterr().err.count("once") == 1


def test_a_reader_that_has_left_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(io.StringIO):
        def write(self, _text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Gone())
    with logging_as(Reporting(), SUBJECT):
        log.warning("nobody reads this")


# --- syslog ---


def test_syslog_gets_what_a_silent_run_did(tmp_path: Path, capsys: Capture) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "log"))
        server.settimeout(10)
        with logging_as(Reporting(syslog=str(tmp_path / "log")), SUBJECT):
            log.debug("a command")
            log.info("a step")
        record = server.recv(4096).decode()
    assert record.startswith("<30>zfs_replicate[")  # daemon.info
    assert record.endswith(']: run=0123456789abcdef host=nas1 dataset=tank/a message="a step"')
    assert capsys.readouterr().err == ""


def test_syslog_may_be_another_host(capsys: Capture) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(10)
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with logging_as(Reporting(syslog=address, log_format="json"), SUBJECT):
            log_problem("it failed")
        record = server.recv(4096).decode()
    assert json.loads(record.partition(": ")[2])["message"] == "it failed"
    assert "it failed" in capsys.readouterr().err


def test_a_missing_syslog_is_reported_once_and_ends_nothing(tmp_path: Path, capsys: Capture) -> None:
    with logging_as(Reporting(syslog=str(tmp_path / "log")), SUBJECT):
        log.info("one")
        log.info("two")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"zfs_replicate: cannot log to syslog at {tmp_path}/log: ")


def test_a_syslog_host_without_an_address_is_said(capsys: Capture) -> None:
    with logging_as(Reporting(syslog="no-such-host.invalid:514"), SUBJECT):
        log.warning("still logged")
    text = capsys.readouterr().err
    assert "cannot log to syslog at no-such-host.invalid:514" in text
    assert "still logged" in text
