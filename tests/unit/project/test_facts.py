"""Citations such as "facts 3": each names a section of docs/zfs-facts.md, and each section is cited."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tests.support import TOP

CITATION = re.compile(r"\bfacts\s+(\d+(?:(?:,\s*|\s+and\s+)\d+)*)")
HEADING = re.compile(r"^## (\d+)\. ", re.MULTILINE)


def sections() -> list[int]:
    return [int(number) for number in HEADING.findall((TOP / "docs" / "zfs-facts.md").read_text())]


def sources() -> Iterator[Path]:
    """What may cite: tests and program; not this file, which speaks of citations."""
    for room in ("tests", "zfs_replicate"):
        yield from (path for path in sorted((TOP / room).rglob("*.py")) if path != Path(__file__))
    yield from (path for path in sorted((TOP / "bin").iterdir()) if path.is_file())


def cited(text: str) -> list[int]:
    """The sections that a text cites: `(facts 3, 8 and 10)` gives 3, 8, 10."""
    return [int(number) for citation in CITATION.findall(text) for number in re.findall(r"\d+", citation)]


def test_citations_are_found_across_lines_and_in_lists() -> None:
    assert cited("So (facts 3, 8 and 10), and then (facts\n    2). Artefacts 9, facts of 4.") == [3, 8, 10, 2]


def test_every_cited_section_exists() -> None:
    known = sections()
    unknown = [
        f"{path.relative_to(TOP)}: facts {number}"
        for path in sources()
        for number in cited(path.read_text())
        if number not in known
    ]
    assert unknown == []


def test_every_section_is_cited() -> None:
    cited_sections = {number for path in sources() for number in cited(path.read_text())}
    assert [number for number in sections() if number not in cited_sections] == []


def test_sections_are_numbered_in_order() -> None:
    assert sections() == list(range(1, len(sections()) + 1))
