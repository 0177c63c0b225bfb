"""Quoting for the remote shell: the program gets exactly the given words, whatever they are."""

from __future__ import annotations

import os
import shlex
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.shells import SHELLS
from zfs_replicate.hosts.base import SBIN_PATH
from zfs_replicate.hosts.quoting import remote_command

PLAIN = {"PATH": os.defpath, "HOME": "/"}


def in_shell(shell: str, text: str) -> str:
    """Run a text as sshd does, by the user's shell with -c; return its stdout."""
    words = [shell, "sh", "-c", text] if shell == "busybox" else [shell, "-c", text]
    return subprocess.run(words, env=PLAIN, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    "word",
    [
        "tank/my files@before lunch",
        "",
        " ",
        "it's",
        '"quoted"',
        "$HOME",
        "$(echo pwned)",
        "`echo pwned`",
        "a;echo pwned",
        "a|b&c<d>e",
        "a\\b\\",
        "*",
        "~",
        "#comment",
        "!history",
        "-n",
        "--",
        "a=b",
        "{a,b}",
        "[ab]?",
        "two\nlines",
        "tab\there",
        "ünïcödé",
    ],
)
def test_hostile_words_arrive_unchanged(shell: str, word: str) -> None:
    assert in_shell(shell, remote_command(("printf", "<%s>", word, "end"))) == f"<{word}><end>"


@given(words=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20), max_size=5))
@settings(deadline=None, max_examples=60)
def test_any_words_arrive_unchanged(words: list[str]) -> None:
    text = remote_command(("printf", "<%s>", *words))
    done = subprocess.run(["sh", "-c", text], env=PLAIN, capture_output=True, check=True)
    assert done.stdout.decode() == "".join(f"<{word}>" for word in words or [""])


def test_messages_are_in_english_and_sbin_is_in_path() -> None:
    text = remote_command(("sh", "-c", 'echo "$LC_ALL $PATH"'))
    assert in_shell("sh", text) == f"C {os.defpath}:{SBIN_PATH}\n"


def test_the_exit_status_is_that_of_the_command() -> None:
    done = subprocess.run(["sh", "-c", remote_command(("sh", "-c", "exit 42"))], env=PLAIN, check=False)
    assert done.returncode == 42


def test_the_text_is_one_line_of_words_for_any_shell() -> None:
    """csh accepts no line end within quotes, and no backslash to escape it."""
    text = remote_command(("zfs", "list", "tank/my files"))
    assert "\n" not in text
    assert shlex.split(text)[-3:] == ["zfs", "list", "tank/my files"]
