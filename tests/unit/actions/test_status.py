"""Test status: its output on stdout, with and without colour, and its exit status."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Sequence
from typing import Any
from unittest import mock

import pytest

from tests.support.notation import TARGET, target_tree, tree
from zfs_replicate.actions import status
from zfs_replicate.cli.arguments import parse
from zfs_replicate.config import StatusRequest
from zfs_replicate.errors import PermissionDenied
from zfs_replicate.model import Capabilities, Survey
from zfs_replicate.run.connect import connected
from zfs_replicate.run.inventory import read_target
from zfs_replicate.run.survey import read_both


def show(monkeypatch: pytest.MonkeyPatch, words: Sequence[str], **behaviour: Any) -> int:
    """Show the status of a target; `behaviour` is what reading it returns or raises."""
    monkeypatch.setattr(status, "read_target", mock.create_autospec(read_target, **behaviour))
    request = parse(["status", "-l", TARGET, *words])
    assert isinstance(request, StatusRequest)
    with contextlib.ExitStack() as logging:
        return status.show_status(request, logging)


@pytest.mark.parametrize(
    ("is_terminal", "no_color", "is_coloured"), [(False, "", False), (True, "", True), (True, "1", False)]
)
def test_colour_is_for_terminals_that_want_it(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    is_terminal: bool,
    no_color: str,
    is_coloured: bool,
) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: is_terminal)
    assert show(monkeypatch, [], return_value=target_tree(TARGET, ": a^")) == 0
    stdout = capsys.readouterr().out
    assert ("\033[32mOK" in stdout) is is_coloured
    assert "\033" not in stdout.splitlines()[0]


def test_an_unreadable_side_is_unknown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    error = PermissionDenied(f"{TARGET} on localhost: cannot list the datasets")
    assert show(monkeypatch, [], side_effect=error) == 3
    assert capsys.readouterr() == (f"ZFS_REPLICATE UNKNOWN - {error}\n", "")
    assert show(monkeypatch, ["--json"], side_effect=error) == 3
    data = json.loads(capsys.readouterr().out)
    assert (data["level"], data["exit_status"], data["summary"]) == ("UNKNOWN", 3, str(error))


def test_source_datasets_that_are_left_out_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tree("tank/data", ":a!", "p.zfs_replicate:a!")
    here, there = (Capabilities("zfs-2.4.1-1", frozenset({"zfs"}), guid, {}) for guid in (1, 2))
    survey = Survey("nas1", source, target_tree(TARGET, ": a^"), there, here)
    monkeypatch.setattr(status, "connected", mock.create_autospec(connected))
    monkeypatch.setattr(status, "read_both", mock.create_autospec(read_both, return_value=survey))
    expected = "tank/data/p.zfs_replicate on nas1: left out with all below"
    words = ["-h", "nas1", "-r", "tank/data"]
    assert show(monkeypatch, words) == 0
    assert f"warning: {expected}" in capsys.readouterr().out
    assert show(monkeypatch, [*words, "--json"]) == 0
    assert any(warning.startswith(expected) for warning in json.loads(capsys.readouterr().out)["warnings"])
