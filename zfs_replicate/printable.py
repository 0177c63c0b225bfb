"""Make untrusted text safe to print. (text) → text with escapes. Pure.

Names, hold tags and messages may come from a hostile host. Characters that would move a terminal's cursor, forge a log
line or reverse the reading order are shown as escapes.
"""

from __future__ import annotations

import unicodedata

_HIDDEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
"""Unicode categories: control, format, surrogate, private use, unassigned, line and paragraph separators."""


def visible(text: str, keep: str = "") -> str:
    r"""Given a text, return it with invisible characters as escapes, except those in `keep`.

    An ESC character becomes the four characters `\x1b`.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(character if character in keep else _escaped(character) for character in text)


def _escaped(character: str) -> str:
    if unicodedata.category(character) not in _HIDDEN:
        return character
    number = ord(character)
    if character in "\t\n\r":
        return {"\t": r"\t", "\n": r"\n", "\r": r"\r"}[character]
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}" if number < 65536 else f"\\U{number:08x}"
