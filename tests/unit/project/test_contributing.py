"""CONTRIBUTING.md sends nobody to a file or a make target that does not exist."""

from __future__ import annotations

import re

from tests.support import TOP

TEXT = (TOP / "CONTRIBUTING.md").read_text()


def test_every_file_that_is_named_exists() -> None:
    named = {*re.findall(r"`([\w./]+/[\w./]*)`", TEXT), *re.findall(r"\]\(([^)#]+)\)", TEXT)}
    assert len(named) > 10
    assert [name for name in sorted(named) if not (TOP / name).exists()] == []


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (TOP / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z-]+)", TEXT))
    assert len(named) > 5
    assert sorted(named - targets) == []


def test_the_rooms_are_the_folders_of_the_package() -> None:
    rooms = re.findall(r"^\| `([a-z]+)` \|", TEXT, re.MULTILINE)
    folders = {path.parent.name for path in (TOP / "zfs_replicate").glob("*/__init__.py")}
    assert sorted(rooms) == sorted(folders)
