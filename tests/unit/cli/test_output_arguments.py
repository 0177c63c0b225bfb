"""Test the options for output: accepted values, defaults, and a helpful message for bad values."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command_lines import LEAST, parsed, refused
from zfs_replicate.cli.arguments import parse
from zfs_replicate.config import THIS_MACHINE, Connection, ReleaseRequest, Reporting


def reporting(*more: str) -> Reporting:
    return parsed(*more).reporting


def test_by_default_no_output_is_asked_for() -> None:
    assert reporting() == Reporting(progress="auto", log_format="human")


def test_all_output_options_at_once(tmp_path: Path) -> None:
    report, metrics = str(tmp_path / "report.json"), str(tmp_path / "mirror.prom")
    words = f"-v --json --progress never --report {report} --metrics {metrics} --log-format json --log-level debug"
    assert reporting(*words.split(), "--on-success", "mail -s ok root", "--on-failure", "mail -s no root") == Reporting(
        is_verbose=True,
        is_json=True,
        progress="never",
        report=report,
        metrics=metrics,
        on_success="mail -s ok root",
        on_failure="mail -s no root",
        log_format="json",
        log_level="debug",
    )


@pytest.mark.parametrize(
    ("words", "address"),
    [
        (["--syslog"], "/dev/log"),
        (["--syslog", "-v"], "/dev/log"),
        (["--syslog=/run/log"], "/run/log"),
        (["--syslog", "/run/log"], "/run/log"),
        (["--syslog=loghost:514"], "loghost:514"),
        (["--syslog", "192.0.2.1:514"], "192.0.2.1:514"),
        (["--syslog=[2001:db8::1]:514"], "[2001:db8::1]:514"),
    ],
)
def test_syslog_may_have_an_address(words: list[str], address: str) -> None:
    assert reporting(*words).syslog == address


@pytest.mark.parametrize(
    ("option", "value", "helpful"),
    [
        ("--progress", "sometimes", "auto, always or never"),
        ("--log-format", "xml", "human, logfmt or json"),
        ("--log-level", "loud", "debug, info, warning or error"),
        ("--report", "/", "must be a file"),
        ("--report", "", "must be a file"),
        ("--metrics", "/nonexistent/x.prom", "no directory /nonexistent"),
        ("--on-success", "", "must be a command"),
        ("--on-failure", " ", "must be a command"),
        ("--syslog", "loghost", "HOST:PORT"),
        ("--syslog", "loghost:", "HOST:PORT"),
    ],
)
def test_bad_values_are_refused(option: str, value: str, helpful: str) -> None:
    text = refused([*LEAST, f"{option}={value}"])
    assert text.startswith(f"{option} {value!r}: ")
    assert helpful in text


@pytest.mark.parametrize("option", ["--report=x", "--metrics=x.prom", "--on-success=true", "--on-failure=true"])
def test_retiring_leaves_nothing_behind(option: str) -> None:
    retiring = ["release", "-h", "nas1", "-r", "tank/a", "-t", "offsite"]
    parse(retiring)
    assert "does not apply here" in refused([*retiring, option])
    assert "does not apply here" in refused([*retiring, "--json"])


@pytest.mark.parametrize(
    "words", ["-h nas1 -r tank/a -t offsite", "-h nas1 -r tank/a -l off/a -t offsite", "-l off/a", "-t offsite"]
)
def test_release_of_the_target_takes_only_the_target(words: str) -> None:
    assert "release: " in refused(["release", "--target", *words.split()])


def test_release_of_the_target_asks_this_machine() -> None:
    request = parse(["release", "--target", "-l", "off/a", "-t", "offsite", "--sudo"])
    assert isinstance(request, ReleaseRequest)
    assert request.connection == Connection(THIS_MACHINE, is_elevated=True)
    assert (request.is_target, request.local, request.remote) == (True, "off/a", None)
