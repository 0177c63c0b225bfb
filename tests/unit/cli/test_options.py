"""The manual's options as values: none is missed, and what is made from them knows them all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from docopt import docopt

from tests.support import TOP
from zfs_replicate.cli.manual import MANUAL
from zfs_replicate.cli.options import Option, Section, sections

GENERATE = TOP / "packaging" / "generate.py"
ALL = [option for section in sections() for option in section.options]


def generated(kind: str) -> str:
    done = subprocess.run([sys.executable, str(GENERATE), kind], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def test_the_parts_of_an_option() -> None:
    text = """Example:
  program -a

How:
  -j N, --jobs N         so many at the same
                         time [default: 2]
  --log[=ADDRESS]        to ADDRESS
  -n, --dry-run          change nothing
  -r DATASET, --remote DATASET
                         over there

Ending.
"""
    assert sections(text) == (
        Section(
            "How",
            (
                Option("-j", "--jobs", "N", "so many at the same time", "2"),
                Option(None, "--log", "ADDRESS", "to ADDRESS", is_value_optional=True),
                Option("-n", "--dry-run", None, "change nothing"),
                Option("-r", "--remote", "DATASET", "over there"),
            ),
        ),
    )


def test_every_option_of_the_command_line_is_known_with_its_default() -> None:
    readable = MANUAL.replace("--syslog[=ADDRESS]", "--syslog=ADDRESS  ")
    given = docopt(readable, ["check"], False)
    of_docopt = {name: value for name, value in given.items() if name.startswith("--")}
    assert {option.long for option in ALL} == set(of_docopt)
    for option in ALL:
        expected = [] if option.long == "--exclude" else False if option.value is None else option.default
        assert of_docopt[option.long] == expected
        assert option.text


@pytest.mark.parametrize("kind", ["man", "bash", "zsh"])
def test_what_is_generated_knows_every_option(kind: str) -> None:
    text = generated(kind)
    assert [option.long for option in ALL if option.long[1:] not in text] == []


# --- bash, as a user presses TAB ---


def completed(*words: str, path: Path | None = None) -> list[str]:
    """What bash offers for the last word."""
    quoted = " ".join(f"'{word}'" for word in ("zfs_replicate", *words))
    script = f"""{generated("bash")}
COMP_WORDS=({quoted}); COMP_CWORD={len(words)}; _zfs_replicate; printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    environment = {**os.environ, "PATH": f"{path}:{os.environ['PATH']}"} if path else None
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=environment, check=False)
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_completion_of_commands_options_and_choices() -> None:
    assert completed("") == ["run", "check", "status", "release"]
    assert completed("--ro") == ["--rollback"]
    assert completed("run", "--progress", "a") == ["auto", "always"]
    assert completed("--log-level", "") == ["debug", "info", "warning", "error"]
    assert completed("-t", "") == [""]


def test_completion_of_files_jobs_and_datasets(tmp_path: Path) -> None:
    for name, text in {"zfs": "off/a\\noff/my files\\n", "zfs_replicate": "web: a\\nmail: b\\n"}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\nprintf '{text}'\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "jobs.toml").touch()
    assert completed("run", "--config", f"{tmp_path}/job") == [f"{tmp_path}/jobs.toml"]
    assert completed("run", "", path=tmp_path) == ["web", "mail"]
    assert completed("-l", "off/", path=tmp_path) == ["off/a", r"off/my\ files"]
