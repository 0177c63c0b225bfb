"""Test the table of options: docopt, the requests and all generated files know every option."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest
from docopt import docopt

from tests.support import TOP
from zfs_replicate.cli.manual import MANUAL
from zfs_replicate.cli.option import Option
from zfs_replicate.cli.options import OPTIONS
from zfs_replicate.config import Connection, MirrorRequest, ReleaseRequest, Reporting, StatusOptions, StatusRequest
from zfs_replicate.model import Policy

GENERATE = TOP / "packaging" / "generate.py"


def generated(kind: str) -> str:
    process = subprocess.run([sys.executable, str(GENERATE), kind], capture_output=True, check=False)
    assert process.returncode == 0, process.stderr.decode()
    return process.stdout.decode()


@pytest.mark.parametrize(
    ("option", "lines"),
    [
        (
            Option("-j", "--jobs", "N", "receive N datasets at a time", default="2"),
            ["  -j N, --jobs N              receive N datasets at a time [default: 2]"],
        ),
        (
            Option(None, "--log", "ADDRESS", "to ADDRESS", is_value_optional=True),
            ["  --log[=ADDRESS]             to ADDRESS"],
        ),
        (Option("-n", "--dry-run", None, "change nothing"), ["  -n, --dry-run               change nothing"]),
        (
            Option("-r", "--remote", "DATASET", "over there " * 10),
            [
                "  -r DATASET, --remote DATASET",
                f"{'':30}{'over there ' * 8}".rstrip(),
                f"{'':30}over there over there",
            ],
        ),
    ],
)
def test_lines_of_an_option_in_the_manual(option: Option, lines: list[str]) -> None:
    assert list(option.manual_lines()) == lines


def test_docopt_reads_every_option_with_its_default() -> None:
    readable = MANUAL.replace("--syslog[=ADDRESS]", "--syslog=ADDRESS  ")
    given = docopt(readable, ["check"], False)
    docopt_values = {name: value for name, value in given.items() if name.startswith("--")}
    assert {option.long for option in OPTIONS} == set(docopt_values)
    for option in OPTIONS:
        absent: object = [] if option.is_repeated else False if option.value is None else option.default
        assert docopt_values[option.long] == absent
        assert option.text


def test_every_option_fills_a_field_of_a_request() -> None:
    """The checked value of an option goes into a request, and nowhere else."""
    kinds = (MirrorRequest, ReleaseRequest, StatusRequest, Connection, Reporting, StatusOptions, Policy)
    fields = {field.name for kind in kinds for field in dataclasses.fields(kind)}
    answered_by_arguments = {"config", "version", "help"}
    assert {option.field_name for option in OPTIONS} - fields == answered_by_arguments


@pytest.mark.parametrize("option", [option for option in OPTIONS if option.choices], ids=lambda option: option.long)
def test_the_text_of_an_option_names_its_choices(option: Option) -> None:
    text = f"{option.text} {option.default}"
    assert [choice for choice in option.choices if choice not in text] == []


@pytest.mark.parametrize("kind", ["man", "bash", "zsh"])
def test_every_generated_file_has_every_option(kind: str) -> None:
    text = generated(kind)
    assert [option.long for option in OPTIONS if option.long[1:] not in text] == []


# --- bash, as a user presses TAB ---


def completed(*words: str, path: Path | None = None) -> list[str]:
    """Return what bash offers for the last word."""
    quoted = " ".join(f"'{word}'" for word in ("zfs_replicate", *words))
    script = f"""{generated("bash")}
COMP_WORDS=({quoted}); COMP_CWORD={len(words)}; _zfs_replicate; printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    environment = {**os.environ, "PATH": f"{path}:{os.environ['PATH']}"} if path else None
    process = subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=environment, check=False)
    assert process.stderr == ""
    return process.stdout.splitlines()


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
