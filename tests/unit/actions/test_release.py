"""Test release: what is listed and removed, what has vanished meanwhile, and what cannot be removed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

from tests.support.fakes import Answer, FakeHost
from tests.support.listing import line, text
from zfs_replicate.actions import release
from zfs_replicate.cli import main

Capture = pytest.CaptureFixture[str]
Source = Callable[..., FakeHost]

LISTING = text(
    line("filesystem", "tank/a"),
    line("snapshot", "tank/a@x", userrefs="1"),
    line("bookmark", "tank/a#zfs_replicate_offsite_x"),
    line("filesystem", "tank/a/b"),
    line("snapshot", "tank/a/b@y", userrefs="2"),
    line("bookmark", "tank/a/b#zfs_replicate_offsite_y"),
    line("bookmark", "tank/a/b#of_somebody_else"),
)
HOLDS = text("tank/a@x\toffsite\tTue", "tank/a/b@y\toffsite\tTue", "tank/a/b@y\tother\tTue")
RELEASE = "zfs release offsite tank/a@x tank/a/b@y"
VANISHED = "cannot release hold from snapshot 'tank/a@x': dataset does not exist\n"


@pytest.fixture
def nas1(monkeypatch: pytest.MonkeyPatch) -> Source:
    """A source with two snapshots held with the tag, and two bookmarks of it."""

    def set_up(**answers: Answer) -> FakeHost:
        listing = {"zfs list": Answer(LISTING), "zfs holds": Answer(HOLDS)}
        by_command = {"release": "zfs release", "bookmarks": "sh -c n=0"}
        host = FakeHost("nas1", listing | {by_command[name]: answer for name, answer in answers.items()})

        @contextlib.contextmanager
        def connected(_connection: object) -> Iterator[FakeHost]:
            yield host

        monkeypatch.setattr(release, "connected", connected)
        return host

    return set_up


def run(*more: str) -> int:
    return main.main(["release", "-h", "nas1", "-r", "tank/a", "-t", "offsite", *more])


def destroyed(host: FakeHost) -> list[str]:
    """Return the bookmarks in the one command that destroys them."""
    (command,) = host.asked_for("sh -c n=0")
    return command.partition(" sh -- ")[2].split()


def test_release_drops_holds_and_bookmarks_of_the_tag(nas1: Source, capsys: Capture) -> None:
    host = nas1()
    assert run("--yes") == 0
    assert host.asked_for("zfs release") == [RELEASE]
    assert destroyed(host) == ["tank/a#zfs_replicate_offsite_x", "tank/a/b#zfs_replicate_offsite_y"]
    assert [text.partition(":")[0] for text in capsys.readouterr().out.splitlines()] == [
        "tank/a@x",
        "tank/a/b@y",
        "tank/a#zfs_replicate_offsite_x",
        "tank/a/b#zfs_replicate_offsite_y",
    ]


OWN, OTHER = "0000000b-0000", "0000000c-0000"
SHARED = text(
    line("filesystem", "tank/a"),
    line("snapshot", "tank/a@x", userrefs="2"),
    line("snapshot", "tank/a@y", userrefs="1"),
    line("bookmark", f"tank/a#zfs_replicate_offsite_{OWN}_x"),
    line("bookmark", f"tank/a#zfs_replicate_offsite_{OTHER}_y"),
    line("bookmark", "tank/a#zfs_replicate_offsite_x"),
)


@pytest.mark.parametrize(
    ("tag", "releases", "bookmarks"),
    [
        ("offsite", [], ["zfs_replicate_offsite_x"]),
        (
            f"offsite.{OWN}",
            ["zfs release offsite tank/a@x", f"zfs release offsite.{OWN}.new tank/a@x"],
            [f"zfs_replicate_offsite_{OWN}_x"],
        ),
        (f"offsite.{OTHER}", [f"zfs release offsite.{OTHER} tank/a@y"], [f"zfs_replicate_offsite_{OTHER}_y"]),
    ],
)
def test_release_lets_one_mirror_go(nas1: Source, tag: str, releases: list[str], bookmarks: list[str]) -> None:
    """Of two with one tag: the one with the plain tag, with its claim, or the one beside it; or what an older version
    left."""
    host = nas1()
    holds = [f"tank/a@x\t{held}\tTue" for held in ("offsite", f"offsite.{OWN}.new")]
    host.answers = {
        "zfs list": Answer(SHARED),
        "zfs holds": Answer(text(*holds, f"tank/a@y\toffsite.{OTHER}\tTue")),
    }
    assert main.main(["release", "-h", "nas1", "-r", "tank/a", "-t", tag, "--yes"]) == 0
    assert host.asked_for("zfs release") == releases
    assert destroyed(host) == [f"tank/a#{bookmark}" for bookmark in bookmarks]


def test_a_dry_run_of_release_only_lists(nas1: Source, capsys: Capture) -> None:
    host = nas1()
    assert run("-n") == 0
    assert len(capsys.readouterr().out.splitlines()) == 4
    assert host.asked_for("zfs release") + host.asked_for("sh -c n=0") == []


def test_release_does_not_ask_without_a_terminal(nas1: Source, capsys: Capture) -> None:
    host = nas1()
    assert run() == 2
    assert "release: no terminal to ask on; use --yes" in capsys.readouterr().err
    assert host.asked_for("zfs release") == []


@pytest.mark.parametrize(("answer", "is_released"), [("y", True), ("Y", True), ("n", False), ("", False)])
def test_the_question_names_what_goes(
    nas1: Source, monkeypatch: pytest.MonkeyPatch, answer: str, is_released: bool
) -> None:
    host, questions = nas1(), []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)

    def ask(question: str) -> str:
        questions.append(question)
        return answer

    monkeypatch.setattr("builtins.input", ask)
    assert run() == 0
    assert questions == ["Release 2 holds and 2 bookmarks of offsite on nas1? [y/N] "]
    assert bool(host.asked_for("zfs release")) is is_released


def test_a_vanished_snapshot_needs_no_release(nas1: Source) -> None:
    host = nas1(release=Answer(status=1, stderr=VANISHED))
    assert run("--yes") == 0
    assert len(destroyed(host)) == 2


def test_a_bookmark_that_vanishes_meanwhile_needs_no_destruction(nas1: Source) -> None:
    nas1(bookmarks=Answer(stderr="bookmark 'tank/a#zfs_replicate_offsite_x' does not exist.\n"))
    assert run("--yes") == 0


def test_a_hold_that_stays_does_not_keep_the_bookmarks(nas1: Source, capsys: Capture) -> None:
    host = nas1(release=Answer(status=1, stderr="cannot release hold from snapshot 'tank/a@x': permission denied\n"))
    assert run("--yes") == 1
    assert len(destroyed(host)) == 2
    stderr = capsys.readouterr().err
    assert "tank/a@x on nas1: cannot release the hold offsite" in stderr
    assert "1 of 2 holds remain on the source" in stderr


def test_a_bookmark_that_stays_is_reported(nas1: Source, capsys: Capture) -> None:
    nas1(bookmarks=Answer(stderr="cannot destroy 'tank/a/b#zfs_replicate_offsite_y': permission denied\n"))
    assert run("--yes") == 1
    stderr = capsys.readouterr().err
    assert "tank/a/b#zfs_replicate_offsite_y on nas1: cannot destroy the bookmark" in stderr
    assert "1 of 2 bookmarks remain on the source" in stderr


def test_nothing_to_release_asks_nothing(nas1: Source, capsys: Capture) -> None:
    host = nas1()
    host.answers = {"zfs list": Answer(text(line("filesystem", "tank/a")))}
    assert run() == 0
    assert capsys.readouterr().out == ""


def test_the_end_of_input_at_the_question_is_a_no(nas1: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    host = nas1()
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)

    def ask(_question: str) -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", ask)
    assert run() == 0
    assert host.asked_for("zfs release") == []
