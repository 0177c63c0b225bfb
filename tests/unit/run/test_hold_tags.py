"""The tags of many snapshots are read in few commands, and an odd tag leaves only its own snapshot in doubt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from tests.support.fakes import Answer, FakeHost, FakeProcess
from zfs_replicate.errors import OutputError
from zfs_replicate.run.hold_tags import MAX_COMMANDS, UNREADABLE, read_tags

SINCE = b"Tue Nov 14 22:13 2023"
ABSENT = "cannot open '{}': dataset does not exist\n"
NONE_LEFT = "no datasets available\n"


@dataclass
class HoldingHost(FakeHost):
    """Prints the holds of the snapshots that it is asked for, as zfs does."""

    tags: dict[str, list[bytes]] = field(default_factory=dict)

    def start(self, command: Sequence[str]) -> FakeProcess:
        asked = command[3:]
        self.asked.append(" ".join(command))
        rows = [b"\t".join((name.encode(), tag, SINCE)) for name in asked for tag in self.tags.get(name, [])]
        absent = [ABSENT.format(name) for name in asked if name not in self.tags]
        stderr = "".join(absent) + (NONE_LEFT if len(absent) == len(asked) else "")
        answer = Answer(b"".join(row + b"\n" for row in rows), 1 if absent else 0, stderr)
        return FakeProcess(tuple(command), answer)


def holding(**tags: list[bytes]) -> HoldingHost:
    return HoldingHost("nas1", tags={f"tank@{name}": values for name, values in tags.items()})


def read(host: HoldingHost) -> dict[str, tuple[str, ...]]:
    return read_tags(host, {name: len(values) for name, values in host.tags.items()})


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        (b"a b", "a b"),
        (b"tab\tin it", "tab\tin it"),
        (b"line\nbreaks\n", "line\nbreaks\n"),
        (b"\n", "\n"),
        (b"\t", "\t"),
        (b"latin \xe9", "latin \\xe9"),
        (b"\xe2\x80\xa8\x0b\x1c\r", "\u2028\x0b\x1c\r"),
        (b"\x1b[2J", "\x1b[2J"),
        (b"tank@elsewhere\tmirror\t" + SINCE, "tank@elsewhere\tmirror\tTue Nov 14 22:13 2023"),
    ],
)
def test_any_tag_is_read_in_the_one_command(tag: bytes, text: str) -> None:
    host = holding(a=[b"mirror", tag], b=[b"mirror"])
    assert read(host) == {"tank@a": ("mirror", text), "tank@b": ("mirror",)}
    assert len(host.asked) == 1


@pytest.mark.parametrize(
    "forged",
    [
        b"x\t" + SINCE + b"\ntank@b\tmirror",
        b"mirror\t" + SINCE + b"\ntank@b\tother",
        b"x\ntank@b\tmirror",
    ],
)
def test_a_tag_that_forges_a_line_of_another_snapshot(forged: bytes) -> None:
    """Neither the other snapshot nor its own counts as held by us."""
    tags = read(holding(a=[forged], b=[b"other"], c=[b"mirror"]))
    assert tags["tank@b"] == ("other",)
    assert tags["tank@c"] == ("mirror",)
    assert "mirror" not in tags["tank@a"]


def test_a_tag_that_forges_a_line_of_its_own_snapshot() -> None:
    host = holding(a=[b"mirror\t" + SINCE + b"\ntank@a\tx"], b=[b"mirror"])
    assert read(host) == {"tank@a": UNREADABLE, "tank@b": ("mirror",)}


def test_a_forged_line_in_place_of_a_vanished_snapshot() -> None:
    host = holding(a=[b"mirror\t" + SINCE + b"\ntank@gone\tx"])
    tags = read_tags(host, {"tank@a": 1, "tank@gone": 1})
    assert tags.keys() == {"tank@a"}
    assert "mirror" not in tags["tank@a"]


def test_holds_that_changed_since_the_listing() -> None:
    """One more is in doubt; none at all is not."""
    host = holding(a=[b"mirror", b"new"], b=[], c=[b"mirror"])
    assert read_tags(host, {"tank@a": 1, "tank@b": 1, "tank@c": 1}) == {"tank@a": UNREADABLE, "tank@c": ("mirror",)}


def test_vanished_snapshots_have_no_tags() -> None:
    assert read_tags(holding(), {"tank@a": 1, "tank@b": 1}) == {}


def test_one_odd_tag_among_thousands_costs_few_commands() -> None:
    names = [f"tank@{number}" for number in range(3000)]
    host = HoldingHost("nas1", tags={name: [b"mirror"] for name in names})
    host.tags["tank@1234"] = [b"x\ntank@1234\tmirror"]
    tags = read(host)
    assert tags.pop("tank@1234") == UNREADABLE
    assert set(tags.values()) == {("mirror",)}
    assert len(tags) == 2999
    assert len(host.asked) <= 25


def test_many_odd_tags_end_in_doubt_not_in_endless_commands() -> None:
    names = [f"tank@{number}" for number in range(1000)]
    host = HoldingHost("nas1", tags={name: [b"x\t" + SINCE + b"\n" + name.encode() + b"\ty"] for name in names})
    tags = read(host)
    assert tags.keys() == host.tags.keys()
    assert tags["tank@0"] == UNREADABLE
    assert len(host.asked) == 1 + MAX_COMMANDS


def test_output_that_is_no_hold_at_all_is_an_error() -> None:
    host = FakeHost("nas1", {"zfs holds": Answer(b"NAME TAG TIMESTAMP\n")})
    with pytest.raises(
        OutputError, match=r"tank@a on nas1: cannot read what zfs holds printed: .*'NAME TAG TIMESTAMP'"
    ):
        read_tags(host, {"tank@a": 1})
