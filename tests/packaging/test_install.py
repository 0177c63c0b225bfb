"""Test what is installed: the program, its man page, completion and systemd units."""

from __future__ import annotations

import os
import re
import shutil
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import TOP
from tests.support.installing import output_of, run
from zfs_replicate import __version__
from zfs_replicate.cli.options import SECTIONS


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The prefix of `make install`."""
    directory = tmp_path_factory.mktemp("prefix")
    output_of("make", "-C", TOP, "install", f"PREFIX={directory}", f"PYTHON={sys.executable}")
    yield directory
    output_of("make", "-C", TOP, "uninstall", f"PREFIX={directory}")
    assert [path for path in directory.rglob("*") if path.is_file()] == []


def test_the_installed_program_runs_without_the_checkout(prefix: Path) -> None:
    program = prefix / "bin" / "zfs_replicate"
    assert output_of(program, "--version") == f"zfs_replicate {__version__}\n"
    assert "nas1:tank/home → offsite/home" in output_of(
        program, "check", "--config", prefix / "share/doc/zfs_replicate/examples/zfs_replicate.toml"
    )
    # the packages for SSH are complete too: it gets as far as the network
    done = run(program, *["-h", "host.invalid", "-r", "tank/a", "-l", "off/a", "-t", "t", "--retries", "0"])
    assert (done.returncode, "host.invalid: " in done.stderr) == (3, True)


def test_the_man_page_has_no_lint_and_every_option(prefix: Path) -> None:
    page = prefix / "share/man/man8/zfs_replicate.8"
    lint = run("mandoc", "-T", "lint", page)
    # not the fault of the page: manuals that this machine lacks
    elsewhere = re.compile(r"referenced manual not found|mandoc\.db")
    assert [line for line in (lint.stdout + lint.stderr).splitlines() if not elsewhere.search(line)] == []
    text = re.sub(".\b", "", output_of("mandoc", "-T", "utf8", page))
    for section in SECTIONS:
        for option in section.options:
            assert option.long in text


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("zfs_replicate ", "check*release*run*status"),
        ("zfs_replicate --roll", "--rollback"),
        ("zfs_replicate run --progress ", "always*auto*never"),
    ],
)
def test_completion_of_zsh(prefix: Path, line: str, offered: str) -> None:
    """Press TAB in a zsh on a terminal, and wait for the words."""
    functions = prefix / "share/zsh/site-functions"
    script = f"""zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z "PROMPT=; fpath=({functions} \\$fpath); autoload -Uz compinit; compinit -u -D; LISTMAX=1000; print REA''DY"
zpty -r z out '*READY*'
zpty -w -n z '{line}'$'\\t'
zpty -r z out '*{offered}*'
zpty -d z"""
    output_of("timeout", "60", "zsh", "-f", "-c", script)


def test_systemd_units_are_good(prefix: Path) -> None:
    units = sorted((prefix / "lib/systemd/system").iterdir())
    assert [unit.name for unit in units] == ["zfs-replicate@.service", "zfs-replicate@.timer"]
    done = run("systemd-analyze", "verify", *units, MANPATH=str(prefix / "share/man"))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    assert f"ExecStart={prefix}/bin/zfs_replicate run %i" in units[0].read_text()


def test_destdir_goes_before_all_paths(tmp_path: Path) -> None:
    output_of(TOP / "packaging/install-files", tmp_path, "/usr", sys.executable)
    assert (tmp_path / "usr/share/man/man8/zfs_replicate.8").exists()
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or str(tmp_path) not in path.read_text()
    assert (
        "ExecStart=/usr/bin/zfs_replicate" in (tmp_path / "usr/lib/systemd/system/zfs-replicate@.service").read_text()
    )


def test_the_wheel_installs_the_command(tmp_path: Path) -> None:
    """Install a wheel into a new environment, like pipx. Its dependencies come from this one."""
    source = tmp_path / "source"
    shutil.copytree(TOP / "zfs_replicate", source / "zfs_replicate", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(TOP / name, source)
    output_of(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", tmp_path, source)
    (wheel,) = tmp_path.glob("*.whl")
    venv.create(tmp_path / "venv", with_pip=False, system_site_packages=False)
    python = tmp_path / "venv" / "bin" / "python"
    output_of(sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-index", wheel)
    here = os.pathsep.join(path for path in sys.path if path.endswith("site-packages"))
    command = tmp_path / "venv" / "bin" / "zfs_replicate"
    assert output_of(command, "--version", PYTHONPATH=here) == f"zfs_replicate {__version__}\n"
