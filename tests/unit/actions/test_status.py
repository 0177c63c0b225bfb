"""status asked and told: what goes to stdout, in colour or not, and the exit status."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Sequence
from typing import Any
from unittest import mock

import pytest

from tests.support.notation import TARGET, target_tree
from zfs_replicate.actions import status
from zfs_replicate.cli.arguments import parse
from zfs_replicate.config import StatusRequest
from zfs_replicate.errors import PermissionDenied
from zfs_replicate.run.inventory import read_target


def tell(monkeypatch: pytest.MonkeyPatch, words: Sequence[str], **found: Any) -> int:
    """Tell the status of a target that is read so."""
    monkeypatch.setattr(status, "read_target", mock.create_autospec(read_target, **found))
    asked = parse(["status", "-l", TARGET, *words])
    assert isinstance(asked, StatusRequest)
    with contextlib.ExitStack() as logging:
        return status.show_status(asked, logging)


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
    assert tell(monkeypatch, [], return_value=target_tree(TARGET, ": a^")) == 0
    stdout = capsys.readouterr().out
    assert ("\033[32mOK" in stdout) is is_coloured
    assert "\033" not in stdout.splitlines()[0]


def test_what_cannot_be_read_is_unknown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    error = PermissionDenied(f"{TARGET} on localhost: cannot list the datasets")
    assert tell(monkeypatch, [], side_effect=error) == 3
    assert capsys.readouterr() == (f"ZFS_REPLICATE UNKNOWN - {error}\n", "")
    assert tell(monkeypatch, ["--json"], side_effect=error) == 3
    said = json.loads(capsys.readouterr().out)
    assert (said["level"], said["exit_status"], said["summary"]) == ("UNKNOWN", 3, str(error))
