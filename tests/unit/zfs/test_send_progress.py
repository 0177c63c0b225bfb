"""Progress of `zfs send -vP`, as OpenZFS 2.4 printed it in the lab."""

from __future__ import annotations

import pytest

from zfs_replicate.zfs.send_progress import SendProgress, without_progress

FULL = b"full\ttank/d@a\t42029680\nsize\t42029680\n10:02:24\t15243928\ttank/d@a\n10:02:25\t24178040\ttank/d@a\n"
SERIES = (
    b"incremental\ta\ttank/d@b\t31519984\nincremental\tb\ttank/d@c\t10512880\nsize\t42032864\n"
    b"10:02:24\t31519984\ttank/d@b\n10:02:25\t1000\ttank/d@c\n"
)
RESUMED = (
    b"resume token contents:\nnvlist version: 0\n\tfromguid = 0x54ae78cc4b5794e8\n\tobject = 0x3\n"
    b"\toffset = 0x12e0000\n\tbytes = 0x130c328\n\ttoguid = 0xfdd81584d43d1694\n\ttoname = tank/d@b\n\tcompressok = 1\n"
    b"incremental\ttank/d@a\ttank/d@b\t11547080\nsize\t11547080\n10:02:29\t132592\ttank/d@b\n"
)


@pytest.mark.parametrize(
    ("stderr", "size", "sent"),
    [(FULL, 42029680, 24178040), (SERIES, 42032864, 31520984), (RESUMED, 11547080, 132592), (b"", None, 0)],
)
@pytest.mark.parametrize("piece_bytes", [1, 7, 10_000])
def test_sizes_are_read_in_pieces_of_any_length(stderr: bytes, size: int | None, sent: int, piece_bytes: int) -> None:
    progress = SendProgress()
    for at in range(0, len(stderr), piece_bytes):
        progress.feed(stderr[at : at + piece_bytes])
    assert (progress.size, progress.sent, progress.byte_count) == (size, sent, len(stderr))


@pytest.mark.parametrize("progress", [FULL, SERIES, RESUMED])
def test_progress_is_removed_from_messages(progress: bytes) -> None:
    error = "warning: cannot send 'tank/d@c': Broken pipe\n"
    assert without_progress(progress.decode() + error) == error
    assert without_progress(error + progress.decode()) == error


@pytest.mark.parametrize(
    "error",
    [
        "cannot open 'tank/full': dataset does not exist\n",
        "incremental source (tank/d#x) does not exist\n",
        "full\tis what the pool is\n",
        "cannot resume send: 'tank/d@b' used in the initial send no longer exists",
    ],
)
def test_lines_that_only_look_like_progress_stay(error: str) -> None:
    assert without_progress(error) == error
