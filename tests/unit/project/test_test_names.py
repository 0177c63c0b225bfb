"""Names of tests: each can be read alone, in a report, without the file around it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.support import TOP

MAX_LENGTH = 60
PRONOUNS = ("it", "its", "they", "them", "their", "this", "that", "these", "those")
UNCLEAR = ("told", "tell", "tells", "mended", "mends", "made_of", "ours", "lets_go", "keep_us")
"""Words that need their context; write who reports, recovers or owns what."""


def names() -> Iterator[str]:
    for path in sorted((TOP / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield node.name


def test_no_test_name_is_too_long() -> None:
    assert [name for name in names() if len(name) > MAX_LENGTH] == []


def test_no_test_name_begins_with_a_pronoun() -> None:
    assert [name for name in names() if name.split("_")[1] in PRONOUNS] == []


def test_no_test_name_has_unclear_words() -> None:
    assert [name for name in names() if name.startswith("test_what_")] == []
    assert [name for name in names() if any(f"_{words}_" in f"{name}_" for words in UNCLEAR)] == []
