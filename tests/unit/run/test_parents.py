"""Parents that are only placeholders: how they are created, and how their mark is cleared."""

from __future__ import annotations

import pytest

from tests.support.executing import DENIED, run_plan
from tests.support.fakes import Answer, FakeHost
from tests.support.notation import target_tree, tree
from zfs_replicate.errors import CommandFailed, KeyUnavailable, PermissionDenied
from zfs_replicate.run.parents import create_parent
from zfs_replicate.steps import ClearPlaceholder, CreateParent

FILLED = (tree("t", ":a", "p:a! b"), target_tree("o", ":placeholder", "p:placeholder a^"))
ARRIVED = Answer(b"o@a\t7097\no/p@b\t7098\n")


def test_a_mark_is_cleared_from_what_is_a_copy() -> None:
    run = run_plan(*FILLED)
    assert run.errors() == {"o": None, "o/p": None}
    assert sorted(run.target.asked_for("zfs inherit")) == [
        "zfs inherit zfs_replicate:placeholder o",
        "zfs inherit zfs_replicate:placeholder o/p",
    ]


def test_a_mark_that_cannot_be_cleared_fails_nothing() -> None:
    denied = {"zfs inherit": Answer(status=1, stderr=DENIED), "zfs list": ARRIVED}
    run = run_plan(*FILLED, at_target=denied)
    assert run.errors() == {"o": None, "o/p": None}
    assert "zfs hold offsite:target o@a o/p@b" in run.target.asked
    assert not any(isinstance(done.step, ClearPlaceholder) for outcome in run.outcomes for done in outcome.done)


PARENT = CreateParent("o/my parent", is_placeholder=False)
MARKED = "zfs create -o canmount=off -o zfs_replicate:placeholder=on o/my parent"
UNMARKED = "zfs create -o canmount=off o/my parent"
LISTED = "zfs list -Hp -o name,encryption o/my parent"
EXISTS = Answer(status=1, stderr="cannot create 'o/my parent': dataset already exists\n")
REFUSED = Answer(status=1, stderr="cannot create 'o/my parent': permission denied\n")
ABSENT = Answer(status=1, stderr="cannot open 'o/my parent': dataset does not exist\n")


def commands_of(answers: dict[str, Answer]) -> list[str]:
    host = FakeHost("here", answers)
    create_parent(host, PARENT)
    return host.asked


def test_a_parent_is_marked() -> None:
    assert commands_of({}) == [MARKED]


def test_a_user_without_the_right_to_it_creates_no_mark() -> None:
    assert commands_of({MARKED: REFUSED}) == [MARKED, UNMARKED]


def test_a_parent_that_another_run_has_just_created_serves() -> None:
    assert commands_of({MARKED: EXISTS}) == [MARKED, LISTED]
    assert commands_of({MARKED: REFUSED, UNMARKED: EXISTS}) == [MARKED, UNMARKED, LISTED]


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ({"zfs create": REFUSED}, PermissionDenied),
        ({"zfs create": EXISTS, "zfs list": ABSENT}, CommandFailed),
        ({"zfs create": Answer(status=1, stderr="cannot create 'o/my parent': I/O error")}, CommandFailed),
        ({"zfs create": Answer(status=-9, stderr=EXISTS.stderr)}, CommandFailed),
    ],
)
def test_a_parent_that_is_missing_afterwards_is_an_error(answers: dict[str, Answer], error: type[Exception]) -> None:
    with pytest.raises(error, match="o/my parent on here: cannot create it"):
        commands_of(answers)


# --- below an encrypted dataset whose key is not loaded ---

KEY = "cannot create 'o/my parent': encryption root's key is not loaded or provided\n"
LOCKED = Answer(status=1, stderr=KEY)
IN_PLAIN = "zfs create -o canmount=off -o encryption=off -o zfs_replicate:placeholder=on o/my parent"


def test_a_parent_of_raw_copies_is_created_without_the_key() -> None:
    step = CreateParent("o/my parent", is_placeholder=True, may_be_plain=True)
    for answers, asked in (({}, [MARKED]), ({MARKED: LOCKED}, [MARKED, IN_PLAIN])):
        host = FakeHost("here", {"zfs get": Answer(b"o\n"), **answers})
        create_parent(host, step)
        assert host.asked_for("zfs create") == asked


@pytest.mark.parametrize(
    ("root", "message"),
    [("my vault", "zfs load-key 'my vault'"), ("-", "it lies in an encrypted dataset whose key is not loaded")],
)
def test_a_parent_of_plain_copies_needs_the_key_by_name(root: str, message: str) -> None:
    with pytest.raises(KeyUnavailable, match=message):
        commands_of({MARKED: LOCKED, "zfs get -Hp -o value encryptionroot o": Answer(f"{root}\n".encode())})
