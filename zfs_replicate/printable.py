"""Text that others had a hand in, made safe to print. Pure.

Names, hold tags and messages come from a host that may be hostile: what would move a terminal's cursor, forge a line of
a log or turn the reading order around is shown as an escape.
"""

from __future__ import annotations

import unicodedata

_HIDDEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
"""Unicode's categories of control and format characters, surrogates, what has no meaning, and separators of lines."""


def visible(text: str, keep: str = "") -> str:
    r"""Given a text, return it with each character that would not show as an escape, but those to keep.

    `a\x1b[2Jb` with a real escape character becomes `a\x1b[2Jb` in plain letters.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(each if each in keep else _shown(each) for each in text)


def _shown(character: str) -> str:
    if unicodedata.category(character) not in _HIDDEN:
        return character
    number = ord(character)
    if character in "\t\n\r":
        return {"\t": r"\t", "\n": r"\n", "\r": r"\r"}[character]
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}" if number < 65536 else f"\\U{number:08x}"
