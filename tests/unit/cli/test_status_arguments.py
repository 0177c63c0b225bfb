"""The command line of status → StatusRequest; what is wrong with it is UNKNOWN, as a monitoring system reads it."""

from __future__ import annotations

import pytest

from zfs_replicate.cli import main
from zfs_replicate.cli.arguments import parse
from zfs_replicate.config import Connection, StatusOptions, StatusRequest
from zfs_replicate.errors import UsageError


def asked(line: str) -> StatusRequest:
    found = parse(["status", *line.split()])
    assert isinstance(found, StatusRequest)
    return found


def test_the_target_alone() -> None:
    found = asked("-l off/a")
    assert (found.local, found.connection, found.remote, found.options) == ("off/a", None, None, StatusOptions())


def test_everything() -> None:
    found = asked("-l off/a -h nas1 -p 22 -r tank/a -t offsite -x swap -x tmp --warn 90m --crit 1d --json -v")
    assert (found.connection, found.remote) == (Connection("nas1", 22), "tank/a")
    assert found.options == StatusOptions("offsite", ("swap", "tmp"), 5400, 86400)
    assert (found.reporting.is_json, found.reporting.is_verbose) == (True, True)


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("90m", 5400), ("36h", 129_600), ("2d", 172_800), ("1w", 604_800)]
)
def test_ages(text: str, seconds: int) -> None:
    assert asked(f"-l off/a --crit {text}").options.crit_seconds == seconds


@pytest.mark.parametrize(
    ("line", "helpful"),
    [
        ("", "-l is needed"),
        ("-l off/a -h nas1", "both -h and -r"),
        ("-l off/a -r tank/a", "both -h and -r"),
        ("-l off/a@x", "name the dataset"),
        ("-l off/a --warn 2", "an age such as 90m"),
        ("-l off/a --warn 0h", "an age such as 90m"),
        ("-l off/a --crit 2y", "an age such as 90m"),
        ("-l off/a --warn 2d --crit 36h", "older than --crit 36h"),
        ("-l off/a -k 3", "-l is needed"),
        ("-l off/a --report /tmp/x", "--report does not apply here"),
    ],
)
def test_what_is_refused(line: str, helpful: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match=helpful):
        parse(["status", *line.split()])
    assert main.main(["status", *line.split()]) == 3
    stdout, stderr = capsys.readouterr()
    assert stdout.startswith("ZFS_REPLICATE UNKNOWN - ")
    assert len(stdout.splitlines()) == 1
    assert stderr == ""


def test_options_of_status_are_for_status_alone() -> None:
    with pytest.raises(UsageError, match="are needed"):
        parse(["-h", "nas1", "-r", "tank/a", "-l", "off/a", "-t", "offsite", "--warn", "2d"])
