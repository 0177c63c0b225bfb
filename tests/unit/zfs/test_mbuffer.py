"""What mbuffer takes and what it says, as in the lab."""

from __future__ import annotations

import pytest

from zfs_replicate.zfs import mbuffer


@pytest.mark.parametrize("size", ["640k", "655360", "64M", "64m", "1.5G", "255T", "0.5%", "5%", "89.9%"])
def test_sizes_that_mbuffer_takes(size: str) -> None:
    assert mbuffer.is_size(size)


@pytest.mark.parametrize(
    "size", ["", "0", "64", "655359", "639k", "256T", "1P", "64MB", "64b", "0%", "90%", "-5M", "1e3M", "64 M", ".5G"]
)
def test_sizes_that_are_refused(size: str) -> None:
    assert not mbuffer.is_size(size)


def test_reason_not_to_start_is_that_of_the_fatal_line() -> None:
    printed = "mbuffer: warning: much\nmbuffer: fatal: Could not allocate\n enough memory\n"
    assert mbuffer.reason_not_to_start(printed) == "Could not allocate enough memory"
    assert mbuffer.reason_not_to_start("mbuffer: error: outputThread: error writing: Broken pipe") is None
