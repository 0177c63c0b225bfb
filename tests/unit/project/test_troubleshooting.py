"""Test that docs/troubleshooting.md has every message of the program with a remedy, and no others."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support import TOP
from tests.support.catalog import heading, templates

PAGE = (TOP / "docs" / "troubleshooting.md").read_text()
ENTRIES = re.findall(r"^- (`.*`)\n((?:  .*\n)+)", PAGE, re.MULTILINE)
DOCUMENTED = [message for messages, _text in ENTRIES for message in re.findall(r"`([^`]+)`", messages)]


def test_no_message_is_missing() -> None:
    missing = {heading(text): module for text, module in templates().items()}
    for message in DOCUMENTED:
        missing.pop(message, None)
    lines = "\n".join(f"- `{message}`   ({module}.py)" for message, module in missing.items())
    assert not missing, f"add these to docs/troubleshooting.md, with their meaning and remedy:\n{lines}"


def test_no_message_is_documented_that_the_program_does_not_have() -> None:
    assert set(DOCUMENTED) - {heading(text) for text in templates()} == set()


def test_each_message_is_documented_once_with_what_to_do() -> None:
    assert len(DOCUMENTED) == len(set(DOCUMENTED))
    assert [messages for messages, text in ENTRIES if "**Do:**" not in text] == []


def test_the_catalog_finds_all_kinds_of_messages() -> None:
    """Look for one message of each kind, so that no kind is missed."""
    headings = {heading(text) for text in templates()}
    for known in (
        "… on …: there is no such dataset",  # an error
        "a clone depends on it",  # a known message of zfs
        "no common snapshot is left: the newest on the target is …, the newest on the source is …",  # a conflict
        "is not PROPERTY=VALUE",  # a bad value
        "does not belong here",  # a job file
        "the hold … on the source is missing",  # a problem in the status
        "…: clearing the saved state of an interrupted receive: …",  # a warning in the log
        "the saved state is damaged",  # the reason in another message
        "the target has … of its own since @…",  # a note
        "check: takes only --config",  # a bad line
    ):
        assert known in headings


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("… on …: gone; run again", "… on …: gone"),
        ("…: said …. Compare it with …", "…: said …"),
        ("is 3 (of …); then", "is 3"),
        ("……: two", "…: two"),
        ("…; … holds stay", "… holds stay"),
    ],
)
def test_a_heading_is_what_comes_before_the_remedy(template: str, expected: str) -> None:
    assert heading(template) == expected


PAGES = sorted([*TOP.glob("*.md"), *TOP.glob("docs/*.md"), *TOP.glob("lab/*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text()
    links = re.findall(r"\]\((?!https?://|#)([^)#\s]+)", text)
    mentioned = re.findall(r"(?<![\w/.-])(docs/[\w.-]+\.(?:md|json))", text)
    lost = [link for link in links if not (page.parent / link).exists()]
    lost += [path for path in mentioned if not (TOP / path).exists()]
    # long runs in the lab write these: the fault matrix, the bench
    assert [path for path in lost if not path.endswith(("reliability.md", "benchmarks.md"))] == []
