"""A placeholder is untouched if it holds no more than an empty filesystem does. All figures are from the lab."""

from __future__ import annotations

from dataclasses import replace

import pytest

from zfs_replicate.model import Dataset, Kind
from zfs_replicate.zfs.emptiness import SMALLER_BYTES, is_untouched, uncounted_bytes


def placeholder(written: int, logical_bytes: int, is_encrypted: bool) -> Dataset:
    return Dataset("off", Kind.FILESYSTEM, is_encrypted, written, is_placeholder=True, logical_bytes=logical_bytes)


EMPTY = [
    # sectors of 512 bytes
    (24_576, 12_288, False),
    (100_352, 50_176, True),
    (33_660, 12_288, False),  # raidz2
    (31_744, 12_288, False),  # copies=3
    (104_448, 50_176, True),  # copies=2
    # 1 KiB, 2 KiB
    (30_720, 15_360, False),
    (110_592, 52_224, True),
    (53_248, 25_088, False),
    (139_264, 58_880, True),
    # 4 KiB
    (98_304, 43_520, False),
    (196_608, 71_168, True),
    (142_848, 43_520, False),  # raidz2
    (131_072, 43_520, False),  # copies=3
    (267_840, 71_168, True),  # raidz2, copies=2
    # 8 KiB, 16 KiB
    (196_608, 80_384, False),
    (327_680, 99_840, True),
    (393_216, 154_112, False),
    (589_824, 157_184, True),
    (523_008, 154_112, False),  # raidz2
    # 32 KiB, 64 KiB
    (786_432, 236_032, False),
    (1_179_648, 239_104, True),
    (1_572_864, 399_872, False),
    (2_359_296, 402_944, True),
]


@pytest.mark.parametrize(("written", "logical_bytes", "is_encrypted"), EMPTY)
def test_an_empty_filesystem_is_untouched(written: int, logical_bytes: int, is_encrypted: bool) -> None:
    assert is_untouched(placeholder(written, logical_bytes, is_encrypted))


@pytest.mark.parametrize("added", [512, 4096, 20_000, 36_864, 100_352, 1 << 20, 20 << 20])
@pytest.mark.parametrize(
    ("written", "logical_bytes", "is_encrypted"),
    [
        (24_576, 12_288, False),
        (100_352, 50_176, True),
        (98_304, 43_520, False),
        (196_608, 71_168, True),
        (196_608, 80_384, False),
        (393_216, 154_112, False),
    ],
)
def test_data_of_any_size_is_seen(written: int, logical_bytes: int, is_encrypted: bool, added: int) -> None:
    assert not is_untouched(placeholder(written + added, logical_bytes + added, is_encrypted))


@pytest.mark.parametrize(
    ("written", "logical_bytes", "is_encrypted"),
    [
        # three bytes, kept in the block pointer
        (24_576, 12_800, False),
        (98_304, 44_032, False),
        # 100,000 bytes
        (133_875, 112_640, False),  # raidz2
        (332_800, 112_640, False),  # copies=3
        (470_208, 171_520, True),  # 4 KiB, raidz2, copies=2
        (868_352, 254_464, False),  # 16 KiB, copies=3
    ],
)
def test_small_files_are_seen(written: int, logical_bytes: int, is_encrypted: bool) -> None:
    assert not is_untouched(placeholder(written, logical_bytes, is_encrypted))


@pytest.mark.parametrize(("written", "logical_bytes", "is_encrypted"), EMPTY)
def test_a_smaller_one_of_an_older_version_is_untouched(written: int, logical_bytes: int, is_encrypted: bool) -> None:
    is_smaller = logical_bytes not in (12_288, 50_176)
    empty = placeholder(written, logical_bytes - (SMALLER_BYTES if is_smaller else 0), is_encrypted)
    assert is_untouched(replace(empty, uncounted_bytes=SMALLER_BYTES))


@pytest.mark.parametrize(
    ("written", "logical_bytes", "is_encrypted"),
    [(24_576, 12_800, False), (98_304, 43_520, False), (196_608, 71_168, True), (1_572_864, 399_872, False)],
)
def test_a_tiny_file_is_seen_on_an_older_version(written: int, logical_bytes: int, is_encrypted: bool) -> None:
    assert not is_untouched(
        replace(placeholder(written, logical_bytes, is_encrypted), uncounted_bytes=uncounted_bytes("zfs-2.3.9-1"))
    )


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("zfs-2.4.4-1~bpo13+1", 0),
        ("zfs-2.10.0", 0),
        ("zfs-3.0.0", 0),
        ("zfs-2.3.9-0+deb13u1", SMALLER_BYTES),
        ("zfs-0.8.3", SMALLER_BYTES),
        ("", SMALLER_BYTES),
    ],
)
def test_the_version_says_how_much_is_not_counted(version: str, expected: int) -> None:
    assert uncounted_bytes(version) == expected


def test_a_filesystem_that_has_not_reached_the_disk_is_untouched() -> None:
    assert is_untouched(placeholder(0, 0, False))
