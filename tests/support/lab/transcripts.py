"""Renew docs/transcripts.md where the program now says something else: transcripts.py NEW PAGE. Not for figures."""

from __future__ import annotations

import re
import sys
from pathlib import Path

VARYING = r"[0-9]+(\.[0-9]+)?|\b[KMG]?i?B(/s)?\b|SHA256:\S+"


def lines(text: str) -> list[str]:
    """What must be the same: the lines without figures, in any order within a run, since datasets travel at a time."""
    return sorted(re.sub(VARYING, "#", line) for line in text.splitlines())


def main(new: Path, page: Path) -> None:
    text = new.read_text()
    if not page.exists() or lines(page.read_text()) != lines(text):
        page.write_text(text)
        print(f"{page} is renewed: see what has changed, and commit it")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
