"""Test that files are replaced as a whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from zfs_replicate.errors import OutputFileError
from zfs_replicate.output.files import write_atomically


def test_a_file_is_made_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    write_atomically(str(path), b"one")
    before = path.stat().st_ino
    write_atomically(str(path), b"two")
    assert path.read_bytes() == b"two"
    assert path.stat().st_ino != before
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_private_unless_its_mode_is_given(tmp_path: Path) -> None:
    for mode in (0o600, 0o644):
        write_atomically(str(tmp_path / "file"), b"", mode)
        assert (tmp_path / "file").stat().st_mode & 0o777 == mode
    write_atomically(str(tmp_path / "file"), b"")
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600


def test_a_link_that_another_user_made_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "passwd").write_bytes(b"old")
    (tmp_path / "report").symlink_to("passwd")
    os.lchown(tmp_path / "report", 12345, -1) if os.geteuid() == 0 else monkeypatch.setattr(os, "geteuid", lambda: 1)
    with pytest.raises(OutputFileError, match="it is another user's symbolic link"):
        write_atomically(str(tmp_path / "report"), b"new")
    assert (tmp_path / "passwd").read_bytes() == b"old"


def test_the_umask_counts_too(tmp_path: Path) -> None:
    path = tmp_path / "mirror.prom"
    before = os.umask(0o027)
    try:
        write_atomically(str(path), b"", 0o644)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_failure_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.json"
    path.write_bytes(b"old")

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputFileError, match=r"report\.json: cannot be written: No space left on device"):
        write_atomically(str(path), b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_symbolic_link_stays(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    write_atomically(str(tmp_path / "link"), b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_a_device_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "null").symlink_to("/dev/null")
    write_atomically(str(tmp_path / "null"), b"new")
    assert not Path("/dev/null").is_file()


def test_a_missing_directory_is_reported(tmp_path: Path) -> None:
    with pytest.raises(OutputFileError, match="No such file or directory"):
        write_atomically(str(tmp_path / "no" / "file"), b"")
