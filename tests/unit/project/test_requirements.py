"""Test what CI installs: each package in one version, each file by its hash."""

from __future__ import annotations

import re

from tests.support import TOP

TESTS = TOP / "tests"


def pins(name: str) -> dict[str, str]:
    lines = re.findall(r"^([A-Za-z0-9._-]+)(?:\[\w+\])?==(\S+)", (TESTS / name).read_text(), re.MULTILINE)
    return {re.sub("[._]", "-", package.lower()): version for package, version in lines}


def test_the_lock_has_the_versions_of_the_constraints() -> None:
    locked = pins("requirements.lock")
    locked.pop("setuptools")
    assert locked == pins("constraints.txt"), "write it anew: make lock"


def test_a_package_needed_with_an_extra_is_locked_with_it() -> None:
    """Else pip takes the newest one for `coverage[toml]`, which pytest-cov needs, and refuses it without a hash."""
    assert re.search(r"^coverage\[toml\]==", (TESTS / "requirements.lock").read_text(), re.MULTILINE)


def test_each_package_has_hashes() -> None:
    entries = re.split(r"\n(?=\S)", (TESTS / "requirements.lock").read_text().split("make lock\n")[1])
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_no_host_of_packages_is_named() -> None:
    assert not re.search(r"https?://|file:|--\w*index|--find", (TESTS / "requirements.lock").read_text())
