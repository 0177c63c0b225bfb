"""Test docs/transcripts.md: play each main situation, and check that it ends as expected."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tests.support import TOP
from tests.support.lab.world import destroy_pools, run

EXPECTED = {
    "The first run": ("offsite/web: 2 snapshots", "2 datasets, 0 received"),
    "A new snapshot": ("expired @monday, @tuesday",),
    "How old are the copies?": ("ZFS_REPLICATE OK - ", "ZFS_REPLICATE WARNING - 2 of 2", "behind=1;;;0", "status 1]"),
    "The source cannot destroy what the next run needs": ("$ zfs destroy", "status 1]", "@wednesday  offsite"),
    "Somebody wrote to the copy": (
        "conflict with tank/web on nas1: it has changed",
        "status 1]",
        "roll back to",
        "1 received",
    ),
    "No space left, and the stream that was cut": ("the quota of offsite/web is", "status 1]", "@friday → offsite/web"),
    "No common snapshot is left": ("no common snapshot is left", "status 1]", "2 datasets, 2 received"),
    "The source cannot be reached, or cannot be trusted": (
        "cannot connect (Connection refused)",
        "unknown host key",
        "accepts none of our keys",
        "status 3]",
    ),
    "Several jobs in one file": ("did you mean keep-days?", "status 2]", "job mail: tank/mail on nas1", "status 1]"),
    "A mistake on the command line": ("is the name of a snapshot or bookmark", "status 2]"),
    "Retiring a mirror": ("held by offsite;", "bookmark"),
}
"""The texts that each chapter must contain, in this order."""


def test_the_transcripts_show_what_happens() -> None:
    destroy_pools()
    command = ("unshare", "--mount", "--propagation", "private", str(TOP / "demo" / "transcripts"))
    page = run(*command, env={"ZFS_REPLICATE_LAB": "1"}).stdout
    chapters = dict(chapter.split("\n", 1) for chapter in re.split(r"^## ", page, flags=re.MULTILINE)[1:])
    assert [*chapters] == [*EXPECTED]
    for title, marks in EXPECTED.items():
        text, place = chapters[title], 0
        for mark in marks:
            assert mark in text[place:], f"{title}: no {mark!r} in:\n{text[place:]}"
            place = text.index(mark, place) + len(mark)
    assert "Traceback" not in page
    assert "/zfs_replicate-demo." not in page
    assert run("zpool", "list", "-H").stdout == ""
    results = os.environ.get("ZFS_REPLICATE_RESULTS")
    if results:
        Path(results, "transcripts.md").write_text(page)
