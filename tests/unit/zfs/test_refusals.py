"""Whom a failed command concerns: absent datasets, and the failed ones of a batch."""

from __future__ import annotations

import pytest

from tests.support.exits import failed, killed
from zfs_replicate.zfs import refusals

# --- absent datasets ---


@pytest.mark.parametrize(
    ("stderr", "absent"),
    [
        ("", frozenset()),
        ("cannot open 'off/a': dataset does not exist\n", frozenset({"off/a"})),
        (
            "cannot open 'off/a': dataset does not exist\n\ncannot open 'off/b c@d': dataset does not exist\n",
            frozenset({"off/a", "off/b c@d"}),
        ),
        # of `zfs holds`, where none of them exists
        ("cannot open 'off/a@b': dataset does not exist\nno datasets available\n", frozenset({"off/a@b"})),
        ("no datasets available\ncannot open 'off/a': dataset does not exist\n", None),
        ("no datasets available\n", frozenset()),
        # any other message: the query failed
        ("cannot open 'off/a': permission denied\n", None),
        ("cannot open 'off/a': dataset does not exist\ncannot open 'off/b': I/O error\n", None),
        ("Connection closed\n", None),
        ("sh: cannot open 'off/a': dataset does not exist\n", None),
    ],
)
def test_a_dataset_is_absent_only_if_zfs_says_nothing_else(stderr: str, absent: frozenset[str] | None) -> None:
    assert refusals.absent_datasets(failed(stderr)) == absent


# --- failures of a batch ---

BATCH = ("tank/a@x", "tank/a@y", "tank/b@x")


@pytest.mark.parametrize(
    ("stderr", "expected"),
    [
        # it failed without a message
        ("", set(BATCH)),
        # already done
        ("cannot hold snapshot 'tank/a@x': tag already exists on this dataset\n", set()),
        ("cannot release hold from snapshot 'tank/a@x': no such tag on this dataset\n", set()),
        # one has failed
        ("cannot hold snapshot 'tank/a@y': dataset does not exist\n", {"tank/a@y"}),
        (
            "cannot hold snapshot 'tank/a@x': tag already exists on this dataset\n"
            "cannot hold snapshot 'tank/a@y': permission denied\n",
            {"tank/a@y"},
        ),
        # its dataset is gone
        ("cannot open 'tank/a': dataset does not exist\n", {"tank/a@x", "tank/a@y"}),
        # no snapshot is named: all that no other line names
        ("cannot hold: permission denied\n", set(BATCH)),
        (
            "cannot hold snapshot 'tank/a@x': tag already exists on this dataset\ninternal error: out of memory\n",
            {"tank/a@y", "tank/b@x"},
        ),
        # an unknown snapshot is named: any may have failed
        ("cannot hold snapshot 'tank/zzz@x': dataset does not exist\n", set(BATCH)),
    ],
)
def test_failures_of_a_batch_by_snapshot(stderr: str, expected: set[str]) -> None:
    assert set(refusals.failed_snapshots(failed(stderr), BATCH)) == expected


def test_a_hold_that_was_there_is_found_among_failures() -> None:
    stderr = (
        "cannot hold snapshot 'tank/a@y': permission denied\n"
        "cannot hold snapshot 'tank/a@x': tag already exists on this dataset\n"
        "cannot hold snapshot 'tank/zzz@x': tag already exists on this dataset\n"
    )
    assert refusals.already_held(failed(stderr), BATCH) == {"tank/a@x"}


def test_a_failure_of_a_batch_carries_its_line() -> None:
    line = "cannot hold snapshot 'tank/a@y': dataset does not exist"
    assert refusals.failed_snapshots(failed(line), BATCH) == {"tank/a@y": failed(line)}


def test_a_dataset_does_not_match_one_with_the_same_prefix() -> None:
    stderr = "cannot open 'tank/a': dataset does not exist\n"
    assert set(refusals.failed_snapshots(failed(stderr), ["tank/a@x", "tank/ab@x"])) == {"tank/a@x"}


# --- killed ---


def test_a_killed_listing_proves_no_dataset_absent() -> None:
    assert refusals.absent_datasets(killed("cannot open 'off/a': dataset does not exist\n")) is None


@pytest.mark.parametrize(
    ("stderr", "expected"),
    [
        ("", set(BATCH)),
        ("cannot hold snapshot 'tank/a@y': dataset does not exist\n", set(BATCH)),
        ("cannot hold snapshot 'tank/a@x': tag already exists on this dataset\n", {"tank/a@y", "tank/b@x"}),
    ],
)
def test_a_killed_batch_failed_for_all_that_it_does_not_name(stderr: str, expected: set[str]) -> None:
    assert set(refusals.failed_snapshots(killed(stderr), BATCH)) == expected


def test_a_line_that_zfs_repeats_is_quoted_once() -> None:
    denied = "cannot release: permission denied\n"
    failures = refusals.failed_snapshots(failed(denied * 3), BATCH)
    assert {exit_.stderr for exit_ in failures.values()} == {denied.strip()}
