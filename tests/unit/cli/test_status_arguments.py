"""Test the command line of status → StatusRequest. A usage error is UNKNOWN, for monitoring."""

from __future__ import annotations

import pytest

from zfs_replicate.cli import main
from zfs_replicate.cli.arguments import parse
from zfs_replicate.config import Connection, StatusOptions, StatusRequest
from zfs_replicate.errors import UsageError


def status_request(line: str) -> StatusRequest:
    request = parse(["status", *line.split()])
    assert isinstance(request, StatusRequest)
    return request


def test_status_of_the_target_alone() -> None:
    request = status_request("-l off/a")
    assert (request.local, request.connection, request.remote) == ("off/a", None, None)
    assert request.options == StatusOptions()


def test_all_options_of_status_at_once() -> None:
    line = "-l off/a -h nas1 -p 22 -r tank/a -t offsite -x swap -x tmp --warn 90m --crit 1d --json -v"
    request = status_request(line)
    assert (request.connection, request.remote) == (Connection("nas1", 22), "tank/a")
    assert request.options == StatusOptions("offsite", ("swap", "tmp"), 5400, 86400)
    assert (request.reporting.is_json, request.reporting.is_verbose) == (True, True)


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("90m", 5400), ("36h", 129_600), ("2d", 172_800), ("1w", 604_800)]
)
def test_ages_in_minutes_hours_and_days(text: str, seconds: int) -> None:
    assert status_request(f"-l off/a --crit {text}").options.crit_seconds == seconds


@pytest.mark.parametrize(
    ("line", "helpful"),
    [
        ("", "-l is required"),
        ("-l off/a -h nas1", "-h and -r belong together"),
        ("-l off/a -r tank/a", "-h and -r belong together"),
        ("-l off/a@x", "leave out the @"),
        ("-l off/a --warn 2", "an age such as 90m"),
        ("-l off/a --warn 0h", "an age such as 90m"),
        ("-l off/a --crit 2y", "an age such as 90m"),
        ("-l off/a --warn 2d --crit 36h", "at most --crit 36h"),
        ("-l off/a -k 3", "-l is required"),
        ("-l off/a --report /tmp/x", "--report does not apply here"),
    ],
)
def test_bad_status_lines_are_unknown_and_exit_3(line: str, helpful: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match=helpful):
        parse(["status", *line.split()])
    assert main.main(["status", *line.split()]) == 3
    stdout, stderr = capsys.readouterr()
    assert stdout.startswith("ZFS_REPLICATE UNKNOWN - ")
    assert len(stdout.splitlines()) == 1
    assert stderr == ""


def test_options_of_status_are_for_status_alone() -> None:
    with pytest.raises(UsageError, match="are required"):
        parse(["-h", "nas1", "-r", "tank/a", "-l", "off/a", "-t", "offsite", "--warn", "2d"])


def test_status_is_recognised_behind_an_option_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["--json", "status", "-l", "off/a@x"]) == 3
    assert capsys.readouterr().out.startswith("ZFS_REPLICATE UNKNOWN - ")


def test_a_tag_named_status_is_not_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["-h", "nas1", "-r", "tank/a", "-l", "off/a@x", "-t", "status"]) == 2
    assert capsys.readouterr().out == ""


def test_an_empty_option_that_does_not_apply_is_refused_too() -> None:
    with pytest.raises(UsageError, match="--report does not apply here"):
        parse(["status", "-l", "off/a", "--report", ""])
