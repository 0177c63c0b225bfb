"""What limits a dataset is named with its owner: a quota here or above, a limit of numbers, or the pool."""

from __future__ import annotations

import pytest

from zfs_replicate.zfs.limits import find_limit

MIB = 1 << 20


def row(available: int, quota: int = 0, used: int = 0, **more: str) -> dict[str, str]:
    return {"available": str(available), "quota": str(quota), "used": str(used), **more}


def meaning(values: dict[str, dict[str, str]], dataset: str = "off/a/b", is_root: bool = False) -> str:
    limit = find_limit(values, dataset, MIB, is_root)
    return "nothing" if limit is None else f"{limit.meaning}; {limit.next_step}"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        # the quota of the dataset itself, of one above, and of two the tighter one
        (
            {"off": row(900), "off/a": row(900), "off/a/b": row(0, 2 * MIB, 2 * MIB)},
            "the quota of off/a/b is 2.0 MiB, which leaves 0 B; free space below it, or raise it:"
            " zfs set quota=4M off/a/b",
        ),
        (
            {"off": row(9 * MIB), "off/a": row(1, 2 * MIB, 2 * MIB - 1), "off/a/b": row(1)},
            "the quota of off/a is 2.0 MiB",
        ),
        (
            {"off": row(9), "off/a": row(1, 20, 19), "off/a/b": row(0, 20, 20)},
            "the quota of off/a/b is 20 B, which leaves 0 B",
        ),
        # a quota that leaves more than the pool has is not what limits
        ({"off": row(7), "off/a": row(7, 9 * MIB, 0)}, "the pool off is full: 7 B free; free space there"),
        ({"off": row(0, MIB, MIB), "off/a": row(0)}, "the quota of off is 1.0 MiB"),
        # numbers
        (
            {"off": row(9), "off/a": row(9, snapshot_limit="3", snapshot_count="3"), "off/a/b": row(9)},
            "the snapshot_limit of off/a is 3, and it has 3 snapshots (zfs calls this a space quota, but there is"
            " room); raise it, for example: zfs set snapshot_limit=none off/a",
        ),
        (
            {"off": row(9), "off/a": row(9, filesystem_limit="1", filesystem_count="1")},
            "the filesystem_limit of off/a is 1, and it has 1 filesystem",
        ),
        ({"off": row(9), "off/a": row(9, snapshot_limit="3", snapshot_count="2")}, "the pool off is full"),
        ({"off": row(9), "off/a/b": row(9, filesystem_limit="0", filesystem_count="0")}, "the pool off is full"),
        ({"off": row(9, snapshot_limit="none", snapshot_count="none")}, "the pool off is full"),
        ({}, "nothing"),
        ({"off": {}}, "nothing"),
    ],
)
def test_the_limit_is_named_with_its_owner(values: dict[str, dict[str, str]], expected: str) -> None:
    assert meaning(values).startswith(expected)


def test_limits_of_numbers_do_not_apply_to_root() -> None:
    values = {"off": row(9), "off/a": row(9, snapshot_limit="3", snapshot_count="3")}
    assert meaning(values, is_root=True).startswith("the pool off is full")


def test_a_command_can_be_pasted_with_a_space_in_the_name() -> None:
    assert "zfs set quota=2M 'off/my files'" in meaning({"off": row(9), "off/my files": row(0, 9, 9)}, "off/my files")
