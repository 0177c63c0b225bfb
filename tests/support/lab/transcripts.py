"""Update docs/transcripts.md if the output has changed other than in figures: transcripts.py NEW PAGE."""

from __future__ import annotations

import re
import sys
from pathlib import Path

VARYING = r"[0-9]+(\.[0-9]+)?|\b[KMG]?i?B(/s)?\b|SHA256:\S+"


def lines(text: str) -> list[str]:
    """Return the lines without figures, sorted: datasets are received at the same time, so their order varies."""
    return sorted(re.sub(VARYING, "#", line) for line in text.splitlines())


def main(new: Path, page: Path) -> None:
    text = new.read_text()
    if not page.exists() or lines(page.read_text()) != lines(text):
        page.write_text(text)
        print(f"{page} was updated: check the changes, and commit it")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
