"""Every kind of step has a moment at which the lab ends the client."""

from __future__ import annotations

import typing

from tests.support.lab.moments import MOMENTS, that_never_come, without_a_moment
from zfs_replicate import steps


def test_every_kind_of_step_has_a_moment() -> None:
    assert set(typing.get_args(steps.Step)) - {moment.step for moment in MOMENTS} == set()


def test_a_command_without_a_moment_is_found() -> None:
    assert without_a_moment(["version", "promote tank/data", "bookmark tank/a@b tank/a#b"]) == ["promote tank/data"]


def test_a_moment_that_never_comes_is_found() -> None:
    assert "bookmarking" in that_never_come(["version"])
    assert "asking for versions" not in that_never_come(["version"])
