"""A target is read with what only copies have: placeholders, saved states, origins, and what lies above it."""

from __future__ import annotations

import pytest

from tests.support.fakes import Answer, FakeHost
from tests.support.listing import TOKEN_TEXT, line, text
from zfs_replicate import errors
from zfs_replicate.model import Inventory
from zfs_replicate.run.inventory import read_target
from zfs_replicate.zfs import queries

ABSENT = Answer(status=1, stderr="cannot open 'tank/a': dataset does not exist\n")


def target_with(*lines: str, **answers: Answer) -> Inventory:
    more = {f"zfs {verb}": answer for verb, answer in answers.items()}
    return read_target(FakeHost("here", {"zfs list -Hp -r": Answer(text(*lines)), **more}), "off/a")


def test_a_target_is_read_with_its_placeholders() -> None:
    inventory = target_with(line("filesystem", "off/a"), line("filesystem", "off/a/b"), get=Answer(text("off/a")))
    assert [dataset.is_placeholder for dataset in inventory.datasets.values()] == [True, False]


def test_placeholders_are_weighed_once_all_is_on_disk() -> None:
    answers = {
        "zfs list -Hp -r": Answer(text(line("filesystem", "off/a"))),
        "zfs get": Answer(text("off/a")),
        "zfs list -Hp -o name,logicalreferenced,written off/a": Answer(text("off/a\t12800\t25088")),
    }
    host = FakeHost("here", answers)
    placeholder = read_target(host, "off/a").datasets["off/a"]
    assert (placeholder.logical_bytes, placeholder.written) == (12800, 25088)
    assert host.asked.index("zpool sync off") == host.asked.index(" ".join(queries.list_contents(["off/a"]))) - 1


def test_a_read_only_pool_needs_no_sync() -> None:
    refusal = Answer(status=1, stderr="sync 'off' failed: pool is read-only\n")
    answers = {"zfs list -Hp -r": Answer(text(line("filesystem", "off/a"))), "zfs get": Answer(text("off/a"))}
    inventory = read_target(FakeHost("here", {**answers, "zpool sync": refusal}), "off/a")
    assert inventory.datasets["off/a"].is_placeholder


def test_a_pool_that_cannot_be_synced_is_an_error() -> None:
    refusal = Answer(status=1, stderr="permission denied")
    answers = {"zfs list -Hp -r": Answer(text(line("filesystem", "off/a"))), "zfs get": Answer(text("off/a"))}
    with pytest.raises(errors.PermissionDenied):
        read_target(FakeHost("here", {**answers, "zpool sync": refusal}), "off/a")


def test_the_mark_is_read_of_datasets_with_snapshots_too() -> None:
    lines = (line("filesystem", "off/a"), line("snapshot", "off/a@x"), line("filesystem", "off/a/b"))
    host = FakeHost("here", {"zfs list -Hp -r": Answer(text(*lines)), "zfs get": Answer(text("off/a"))})
    datasets = read_target(host, "off/a").datasets.values()
    assert [dataset.is_placeholder for dataset in datasets] == [True, False]
    assert host.asked_for("zfs get") == [" ".join(queries.list_placeholders("off/a"))]
    assert host.asked_for("zpool sync") == []


def test_a_status_does_not_wait_for_the_pool_to_write() -> None:
    """A suspended pool would keep it waiting for ever."""
    answers = {"zfs list": Answer(text(line("filesystem", "off/a"))), "zfs get": Answer(text("off/a"))}
    contents = Answer(text("off/a\t12800\t25088"))
    above = Answer(text("off\toff"))
    answers |= {"zfs list -Hp -o name,logicalreferenced": contents, "zfs list -Hp -o name,encryption": above}
    host = FakeHost("here", answers)
    assert read_target(host, "off/a", is_exact=False).datasets["off/a"].logical_bytes == 12800
    assert host.asked_for("zpool") == []


def test_a_vanished_empty_dataset_is_not_a_placeholder() -> None:
    gone = Answer(status=1, stderr="cannot open 'off/a': dataset does not exist\n")
    assert not target_with(line("filesystem", "off/a"), get=gone).datasets["off/a"].is_placeholder


def test_a_target_is_read_with_its_tokens_decoded() -> None:
    inventory = target_with(
        line("filesystem", "off/a", receive_resume_token="1-ab"), send=Answer(TOKEN_TEXT.encode(), status=255)
    )
    token = inventory.datasets["off/a"].resume_token
    assert token is not None
    assert token.text == "1-ab"
    assert token.contents is not None
    assert token.contents.to_name == "tank/my files@d"


CORRUPT = "cannot resume send: resume token is corrupt (incorrect checksum)\n"


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=255, stderr=CORRUPT),
        Answer(TOKEN_TEXT.encode().replace(b"my files", b"my \xff files")),
        Answer(b"resume token contents:\n\ttoguid = 0x1\n\ttoname = \n", status=255, stderr="no longer exists"),
    ],
)
def test_a_token_that_zfs_calls_corrupt_or_garbles_is_damaged(answer: Answer) -> None:
    inventory = target_with(line("filesystem", "off/a", receive_resume_token="1-ab"), send=answer)
    token = inventory.datasets["off/a"].resume_token
    assert token is not None
    assert (token.contents, token.unread) == (None, "")


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=-9),
        Answer(status=137),
        Answer(TOKEN_TEXT.encode(), status=-9),  # rawok may be missing
        Answer(status=137, stderr=CORRUPT),
        Answer(status=1, stderr="internal error: out of memory\n"),
        Answer(b"resume token contents:\nnvlist version: 0\n", status=1),
        Answer(),
    ],
)
def test_a_token_without_an_answer_is_not_damaged(answer: Answer) -> None:
    inventory = target_with(line("filesystem", "off/a", receive_resume_token="1-ab"), send=answer)
    token = inventory.datasets["off/a"].resume_token
    assert token is not None
    assert token.unread.startswith("zfs on here did not say what the saved state of an interrupted receive contains (")


def test_placeholders_that_cannot_be_read_are_an_error() -> None:
    with pytest.raises(errors.PermissionDenied):
        target_with(line("filesystem", "off/a"), get=Answer(status=1, stderr="permission denied"))


def test_an_absent_target_lists_its_missing_ancestors() -> None:
    answers = {
        "zfs list -Hp -r": Answer(status=1, stderr="cannot open 'off/a/b/c': dataset does not exist\n"),
        "zfs list -Hp -o name": Answer(
            text("off\toff"),
            status=1,
            stderr="cannot open 'off/a': dataset does not exist\ncannot open 'off/a/b': dataset does not exist\n",
        ),
    }
    host = FakeHost("here", answers)
    assert read_target(host, "off/a/b/c") == Inventory("off/a/b/c", {}, ("off/a", "off/a/b"))
    assert len(host.asked) == 2


def test_an_absent_target_below_its_parent_misses_nothing() -> None:
    answers = {"zfs list -Hp -r": Answer(status=1, stderr="cannot open 'off/a': dataset does not exist\n")}
    assert read_target(FakeHost("here", answers), "off/a").missing_ancestors == ()


@pytest.mark.parametrize(("above", "is_in_encrypted"), [("aes-256-gcm", True), ("off", False)])
def test_a_target_lies_in_what_the_dataset_above_it_is(above: str, is_in_encrypted: bool) -> None:
    missing = Answer(status=1, stderr="cannot open 'off/v/a': dataset does not exist\n")
    ancestors = Answer(text("off\toff", f"off/v\t{above}"))
    for tree in (missing, Answer(text(line("filesystem", "off/v/a", encryption="aes-256-gcm")))):
        host = FakeHost("here", {"zfs list -Hp -r": tree, "zfs list -Hp -o name,encryption": ancestors})
        assert read_target(host, "off/v/a").is_in_encrypted is is_in_encrypted


@pytest.mark.parametrize(
    ("above", "marked", "is_in_encrypted", "is_parent_plain"),
    [
        (("off\toff", "off/v\ton", "off/v/p\toff", "off/v/p/q\toff"), "off/v/p off/v/p/q", True, True),
        (("off\toff", "off/v\ton", "off/v/p\toff"), "off/v/p", True, True),
        (("off\toff", "off/v\ton", "off/v/p\ton"), "off/v/p", True, False),
        # somebody else made it plain
        (("off\toff", "off/v\ton", "off/v/p\toff"), "", False, False),
        (("off\ton", "off/v\toff", "off/v/p\toff"), "off/v/p", False, False),
    ],
)
def test_a_plain_parent_with_our_mark_lies_in_encryption(
    above: tuple[str, ...], marked: str, is_in_encrypted: bool, is_parent_plain: bool
) -> None:
    answers = {
        "zfs list -Hp -r": Answer(status=1, stderr="cannot open 'off/v/p/q/a': dataset does not exist\n"),
        "zfs list -Hp -o name,encryption": Answer(text(*above)),
        "zfs get": Answer(text(*marked.split())),
    }
    inventory = read_target(FakeHost("here", answers), "off/v/p/q/a")
    assert (inventory.is_in_encrypted, inventory.is_parent_plain) == (is_in_encrypted, is_parent_plain)


def test_a_copy_beside_the_root_is_read_too() -> None:
    """Where the root is absent, or a placeholder, perhaps one of which somebody took a snapshot."""
    absent = Answer(status=1, stderr="cannot open 'off/a': dataset does not exist\n")
    beside = (line("filesystem", "off/a.zfs_replicate"), line("snapshot", "off/a.zfs_replicate@x", userrefs="1"))
    above = Answer(text("off\toff", "off/a.zfs_replicate\toff"))
    placeholder = line("filesystem", "off/a")
    snapshotted = text(placeholder, line("snapshot", "off/a@mine"))
    for tree in (absent, Answer(text(placeholder)), Answer(snapshotted)):
        answers = {
            "zfs list -Hp -r": tree,
            " ".join(queries.list_copies("off/a.zfs_replicate")): Answer(text(*beside)),
            "zfs list -Hp -o name,encryption off off/a.zfs_replicate": above,
            " ".join(queries.list_placeholders("off/a")): Answer(text("off/a")),
            "zfs holds": Answer(text("off/a.zfs_replicate@x\toffsite:target\tTue")),
        }
        inventory = read_target(FakeHost("here", answers), "off/a")
        assert list(inventory.datasets) == (["off/a"] if tree is not absent else [])
        assert list(inventory.beside) == ["off/a.zfs_replicate"]
        assert inventory.beside["off/a.zfs_replicate"].snapshots[0].holds == ("offsite:target",)


def test_a_root_that_was_moved_with_a_parent_is_not_absent() -> None:
    answers = {
        "zfs list -Hp -r": Answer(status=1, stderr="cannot open 'off/p/a/b': dataset does not exist\n"),
        "zfs list -Hp -o name,encryption": Answer(text("off\toff", "off/p.zfs_replicate/a/b\toff")),
    }
    with pytest.raises(errors.ReplicateError, match=r"it is off/p\.zfs_replicate/a/b now, .* run that mirror first"):
        read_target(FakeHost("here", answers), "off/p/a/b")


def test_a_plain_target_is_asked_no_more() -> None:
    host = FakeHost("here", {"zfs list -Hp -r": Answer(text(line("filesystem", "off/a")))})
    read_target(host, "off/a")
    assert host.asked_for("zfs list -Hp -o name,encryption") == []


def test_origins_are_asked_for_where_no_mirror_holds_a_snapshot() -> None:
    answers = {
        "zfs list -Hp -r": Answer(
            text(
                line("filesystem", "off/a"),
                line("snapshot", "off/a@x", userrefs="1"),
                line("filesystem", "off/a/b"),
                line("filesystem", "off/a/c"),
            )
        ),
        "zfs holds": Answer(text("off/a@x\toffsite:target\tTue")),
        "zfs list -Hp -o name,origin": Answer(text("off/a/b\toff/trial@x", "off/a/c\t-")),
    }
    host = FakeHost("here", answers)
    origins = [dataset.origin for dataset in read_target(host, "off/a").datasets.values()]
    assert origins == [None, "off/trial@x", None]
    assert host.asked_for("zfs list -Hp -o") == ["zfs list -Hp -o name,origin off/a/b off/a/c"]
