"""The manual's text in, its options as values out: for job files, the man page and completion. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from zfs_replicate.cli.manual import MANUAL

_SECTION = re.compile(r"^(?P<title>[A-Z][^\n]*):\n(?P<body>(?:  .*\n)+)", re.MULTILINE)
_OPTION = re.compile(
    r"^  (?:(?P<short>-\w)(?: [A-Z]+)?, )?(?P<long>--[\w-]+)(?P<optional>\[=)?(?:[ =]?(?P<value>[A-Z]+)\]?)?"
    r"(?:  +(?P<text>\S.*)|)$"
)
_DEFAULT = re.compile(r"\s*\[default: (?P<default>[^\]]+)\]")


@dataclass(frozen=True, slots=True)
class Option:
    """One option. `value` is what stands for its value, None for a flag; `text` tells what it does, on one line."""

    short: str | None
    long: str
    value: str | None
    text: str
    default: str | None = None
    is_value_optional: bool = False

    @property
    def key(self) -> str:
        """What it is called in a job file."""
        return self.long.removeprefix("--")


@dataclass(frozen=True, slots=True)
class Section:
    """Options under their title, in the manual's order."""

    title: str
    options: tuple[Option, ...]


def sections(text: str = MANUAL) -> tuple[Section, ...]:
    """Given the manual, return its sections of options, in its order."""
    found = ((match["title"], tuple(_options(match["body"]))) for match in _SECTION.finditer(text))
    return tuple(Section(title, options) for title, options in found if options)


def _options(body: str) -> Iterator[Option]:
    """An option begins with two spaces and a dash; its text goes on in lines that are indented further."""
    started: re.Match[str] | None = None
    words: list[str] = []
    for line in body.splitlines():
        match = _OPTION.match(line)
        if match is not None:
            if started is not None:
                yield _option(started, words)
            started, words = match, [match["text"] or ""]
        elif started is not None:
            words.append(line.strip())
    if started is not None:
        yield _option(started, words)


def _option(match: re.Match[str], words: list[str]) -> Option:
    text = " ".join(filter(None, words))
    default = _DEFAULT.search(text)
    return Option(
        short=match["short"],
        long=match["long"],
        value=match["value"],
        text=_DEFAULT.sub("", text),
        default=default["default"] if default else None,
        is_value_optional=match["optional"] is not None,
    )
