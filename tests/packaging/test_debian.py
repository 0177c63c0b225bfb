"""Test the Debian package: it builds, lintian has no complaints, and its contents are right."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import TOP
from tests.support.installing import output_of


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the packages from `make deb`, which fails on any tag of lintian."""
    directory = tmp_path_factory.mktemp("deb")
    output_of("make", "-C", TOP, "deb", f"DEB={directory}")
    return directory


def test_source_and_binary_are_built(built: Path) -> None:
    assert sorted(path.suffix for path in built.iterdir()) == [".changes", ".deb", ".dsc", ".xz"]


def test_the_package_holds_program_manual_units_and_completion(built: Path) -> None:
    (package,) = built.glob("*.deb")
    paths = {line.split(maxsplit=5)[5] for line in output_of("dpkg-deb", "-c", package).splitlines()}
    for path in (
        "bin/zfs_replicate",
        "lib/python3/dist-packages/zfs_replicate/cli/main.py",
        "lib/systemd/system/zfs-replicate@.service",
        "lib/systemd/system/zfs-replicate@.timer",
        "share/man/man8/zfs_replicate.8.gz",
        "share/bash-completion/completions/zfs_replicate",
        "share/zsh/vendor-completions/_zfs_replicate",
        "share/zfs_replicate/zfs_replicate_gate",
        "share/doc/zfs-replicate/examples/zfs_replicate.toml",
    ):
        assert f"./usr/{path}" in paths
    assert not [path for path in paths if "test" in path or "__pycache__" in path]


def test_the_package_depends_on_what_debian_has(built: Path) -> None:
    (package,) = built.glob("*.deb")
    depends = output_of("dpkg-deb", "-f", package, "Depends")
    for name in ("python3-docopt", "python3-paramiko (>= 3.5)", "python3-prometheus-client", "python3-rich"):
        assert name in depends
