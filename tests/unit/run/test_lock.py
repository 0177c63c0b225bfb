"""A target tree allows one run at a time; runs on separate trees do not affect each other."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

from zfs_replicate.errors import AlreadyRunning, LockError
from zfs_replicate.run.lock import default_directory, locked


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("off/a", "off/a"),
        ("off/a", "off/a/b"),
        ("off/a", "off/a/b/c"),
        ("off/a/b", "off/a"),
        ("off/a/b/c", "off"),
    ],
)
def test_two_runs_on_one_tree_exclude_each_other(tmp_path: Path, first: str, second: str) -> None:
    with (
        locked(first, tmp_path / "locks"),
        pytest.raises(AlreadyRunning, match="another run is already working"),
        locked(second, tmp_path / "locks"),
    ):
        pass


@pytest.mark.parametrize(
    ("first", "second"), [("off/a", "off/b"), ("off/a", "off/ab"), ("off", "tank"), ("off/a/b", "off/c/b")]
)
def test_runs_on_separate_trees_go_on(tmp_path: Path, first: str, second: str) -> None:
    with locked(first, tmp_path / "locks"), locked(second, tmp_path / "locks"):
        pass


def test_a_lock_is_free_again_after_its_run(tmp_path: Path) -> None:
    for _run in range(2):
        with locked("off/a", tmp_path / "locks"):
            pass


def test_a_lock_is_free_again_after_a_failed_run(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), locked("off/a", tmp_path / "locks"):
        raise RuntimeError
    with locked("off/a", tmp_path / "locks"):
        pass


def test_a_refused_run_leaves_nothing_locked(tmp_path: Path) -> None:
    with locked("off/a", tmp_path / "locks"), pytest.raises(AlreadyRunning), locked("off/a", tmp_path / "locks"):
        pass
    with locked("off", tmp_path / "locks"):
        pass


def test_another_process_sees_the_lock(tmp_path: Path) -> None:
    other_run = (
        "import sys, pathlib, zfs_replicate.run.lock as l; l.locked('off/a', pathlib.Path(sys.argv[1])).__enter__()"
    )
    with locked("off/a", tmp_path / "locks"):
        done = subprocess.run(
            [sys.executable, "-c", other_run, str(tmp_path / "locks")], capture_output=True, text=True, check=False
        )
    assert done.returncode == 1
    assert "AlreadyRunning" in done.stderr


def test_a_very_long_name_can_be_locked(tmp_path: Path) -> None:
    with locked("off/" + "x" * 251, tmp_path / "locks"):
        pass


def test_the_directory_is_private(tmp_path: Path) -> None:
    with locked("off", tmp_path / "locks"):
        assert stat.S_IMODE((tmp_path / "locks").stat().st_mode) == 0o700


def test_lock_files_are_private(tmp_path: Path) -> None:
    with locked("off/a", tmp_path / "locks"):
        assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "locks").iterdir()} == {0o600}


# --- what cannot be trusted ---


def test_a_directory_that_is_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "locks").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LockError, match="is not a directory owned by this user"), locked("off", tmp_path / "locks"):
        pass
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_directory_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "locks").mkdir()
    somebody_else = os.geteuid() + 1
    with (
        mock.patch("zfs_replicate.run.lock.os.geteuid", autospec=True, return_value=somebody_else),
        pytest.raises(LockError, match="is not a directory owned by this user"),
        locked("off", tmp_path / "locks"),
    ):
        pass


def test_a_file_in_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "locks").touch()
    with pytest.raises(LockError), locked("off", tmp_path / "locks"):
        pass


def test_a_lock_file_that_is_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    with locked("off", tmp_path / "locks"):
        (path,) = (tmp_path / "locks").iterdir()
    path.unlink()
    path.symlink_to(tmp_path / "precious")
    with pytest.raises(LockError, match=f"{path}.*of off"), locked("off", tmp_path / "locks"):
        pass
    assert not (tmp_path / "precious").exists()


def test_a_missing_parent_directory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LockError, match="fix it or remove it"), locked("off", tmp_path / "no" / "locks"):
        pass


# --- where locks are ---


@pytest.mark.parametrize(
    ("user", "runtime", "expected"),
    [
        (1000, "/run/user/1000", "/run/user/1000/zfs_replicate"),
        (1000, None, "zfs_replicate-1000"),
        (0, "/x", "run/zfs_replicate"),
    ],
)
def test_the_default_directory(monkeypatch: pytest.MonkeyPatch, user: int, runtime: str | None, expected: str) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    if runtime is None:
        monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    else:
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
    assert str(default_directory()).endswith(expected)
