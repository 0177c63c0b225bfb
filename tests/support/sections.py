"""Renew one section of a document that several programs write. (path, name, text) → the file, with that section new."""

from __future__ import annotations

from pathlib import Path


def renew_section(document: Path, name: str, text: str) -> None:
    """Replace what is between `<!-- name: begin -->` and `<!-- name: end -->`; a missing section comes to the end."""
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->\n"
    before, mark, rest = document.read_text().partition(begin)
    if mark:
        _old, _end, after = rest.partition(end)
    else:
        before, after = f"{before.rstrip()}\n\n", ""
    document.write_text(f"{before}{begin}\n{text.strip()}\n\n{end}{after}")
