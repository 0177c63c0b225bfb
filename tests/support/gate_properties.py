"""Properties for any text that reaches the gate: hypothesis checks them, `make fuzz` for longer."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from tests.support import gate
from zfs_replicate.hosts.quoting import remote_command
from zfs_replicate.zfs import commands

HOLD = remote_command(("zfs", "hold", "offsite", "tank/data@x"))


NASTY = (
    *"\0\n\r\t\x1b;&|<>$`\\\"'#~*?[]{}()!%^@/:=,.- ",
    *("$(id)", "`id`", "''", "'\"'\"'", "../", "/..", "tank/secret@x", "tank/data2@x", "tank", "--", "-R", "-r"),
    *("; id", "\nid", " sh -c id", "zfs destroy ", "-o", "é", "\ud800", "other", "zfs", "sudo -n ", "#", "@"),
)


@given(gate.source_commands, st.lists(st.tuples(st.integers(0), st.integers(0, 9), st.sampled_from(NASTY))))
def a_command_of_ours_that_was_tampered_with(command: commands.Command, edits: list[tuple[int, int, str]]) -> None:
    text = remote_command(command)
    for place, removed, added in edits:
        at = place % (len(text) + 1)
        text = text[:at] + added + text[at + removed :]
    gate.count(text)


@given(gate.source_commands, st.lists(st.tuples(st.integers(0), st.sampled_from("=+-"), st.sampled_from(NASTY))))
def words_that_were_tampered_with(command: commands.Command, edits: list[tuple[int, str, str]]) -> None:
    words = list(command)
    for place, how, word in edits:
        at = place % len(words)
        words[at : at + (how == "=")] = [words[at] + word] if how == "+" else [word]
    gate.count(remote_command(words))


@given(st.text() | st.builds(lambda rest: HOLD + rest, st.text()) | st.builds("sh -c {}".format, st.text()))
def any_text(text: str) -> None:
    gate.count(text)


PROPERTIES: tuple[Callable[[], None], ...] = (
    a_command_of_ours_that_was_tampered_with,
    words_that_were_tampered_with,
    any_text,
)
