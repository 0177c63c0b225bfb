"""A placeholder is unmounted before its copy takes its place, wherever and however often it is mounted."""

from __future__ import annotations

import pytest

from tests.support.fakes import Answer, FakeHost
from zfs_replicate.errors import DatasetBusy
from zfs_replicate.run.mounts import unmounted


def test_a_placeholder_that_is_mounted_again_and_again_is_in_use() -> None:
    host = FakeHost("backup", {"zfs list": Answer(b"o/p\tyes\n"), "zfs unmount": Answer()})
    with pytest.raises(DatasetBusy, match="something mounts it again at once"), unmounted(["o/p"], "o/p", host):
        pytest.fail("it is still mounted")
    assert len(host.asked_for("zfs unmount")) <= 10
