"""Define what an option is, and how the manual prints it. The options themselves are in options.py. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

_INDENT, _WIDTH = 30, 120
"""The columns where the text of an option begins and where its lines end."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option. `value`: the placeholder for its value in the manual, None for a flag; `text`: what it does.

    `field`: the request field that takes its value (empty: named like the option). `check`: converts the user's text to
    that value; `absent`: the value when the option is not given. `choices`: the only texts allowed.
    `is_for_jobs`: whether a job file may set it. `not_for`: the subcommands that refuse it.
    """

    short: str | None
    long: str
    value: str | None
    text: str
    field: str = ""
    check: Callable[[str], Any] | None = None
    default: str | None = None
    absent: object = None
    choices: tuple[str, ...] = ()
    is_value_optional: bool = False
    is_repeated: bool = False
    is_for_jobs: bool = True
    not_for: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Its name in a job file."""
        return self.long.removeprefix("--")

    @property
    def field_name(self) -> str:
        return self.field or self.key.replace("-", "_")

    @property
    def name(self) -> str:
        """Its name in messages: the form that most people type."""
        return self.short or self.long

    def manual_lines(self) -> Iterator[str]:
        """Yield the option's lines in the manual."""
        value = f" {self.value}" if self.value else ""
        long = f"{self.long}[={self.value}]" if self.is_value_optional else f"{self.long}{value}"
        head = f"  {self.short}{value}, {long}" if self.short else f"  {long}"
        text = f"{self.text} [default: {self.default}]" if self.default else self.text
        first, *rest = wrap(text, _WIDTH - _INDENT, break_on_hyphens=False)
        if len(head) > _INDENT - 2:
            yield head
            yield f"{'':{_INDENT}}{first}"
        else:
            yield f"{head:{_INDENT}}{first}"
        yield from (f"{'':{_INDENT}}{line}" for line in rest)


@dataclass(frozen=True, slots=True)
class Section:
    """A title and its options, in the manual's order."""

    title: str
    options: tuple[Option, ...]
