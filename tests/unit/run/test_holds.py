"""Holds and bookmarks of many snapshots: batches, and which names a failure concerns."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.fakes import Answer, FakeHost
from zfs_replicate import errors
from zfs_replicate.run import holds
from zfs_replicate.run.holds import destroy_bookmarks, renew_bookmarks, tag_snapshots
from zfs_replicate.steps import BookmarkSource, Hold, Release, Side
from zfs_replicate.zfs import commands

NAMES = ("t/a@1", "t/a@2", "t/b@1", "t/b@2")
BOOKMARKS = ("t/a#1", "t/a#2", "t/b#1", "t/b#2")
HOLD = Hold(Side.SOURCE, "offsite", NAMES)
RELEASE = Release(Side.SOURCE, "offsite", NAMES)
LOST = Answer(error=errors.ConnectionFailed("lost"))

Types = dict[str, type[errors.ReplicateError]]


def refusing(*lines: str, status: int = 1) -> Answer:
    return Answer(status=status, stderr="".join(f"{line}\n" for line in lines))


def killed(*lines: str) -> Answer:
    return refusing(*lines, status=-9)


def tagged(step: Hold | Release, answers: dict[str, Answer], width: int = 1) -> Types:
    """Return the types of the errors, by snapshot."""
    return types(tag_snapshots(FakeHost("nas1", answers), step, width))


def destroyed(answer: Answer) -> Types:
    """Return the types of the errors, by bookmark."""
    return types(destroy_bookmarks(FakeHost("nas1", {"sh -c": answer}), BOOKMARKS))


def types(failures: holds.Failures) -> Types:
    return {name: type(error) for name, error in failures.items()}


def after_script(command: str) -> str:
    """Return the words after the script of `sh -c`."""
    return command.rpartition(" sh ")[2]


@pytest.fixture
def batches_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two names fill a command, and are enough for one."""
    two_names = 2 * (len(NAMES[0]) + 3)
    monkeypatch.setattr(commands.batches, "__defaults__", (two_names,))
    monkeypatch.setattr(holds, "BOOKMARK_BATCH_BYTES", two_names)
    monkeypatch.setattr(commands, "MIN_SHARE", 2)


# --- hold and release ---


@pytest.mark.parametrize(("step", "verb"), [(HOLD, "hold"), (RELEASE, "release")])
def test_snapshots_share_one_command_if_they_fit(step: Hold | Release, verb: str) -> None:
    host = FakeHost("nas1")
    assert tag_snapshots(host, step, 4) == {}
    assert host.asked == [f"zfs {verb} offsite t/a@1 t/a@2 t/b@1 t/b@2"]


REFUSED = Answer(status=1, stderr="zfs_replicate_gate: refused: a tag other than offsite\n")


def test_a_tag_that_an_older_gate_refuses_is_the_plain_one(caplog: pytest.LogCaptureFixture) -> None:
    own = replace(HOLD, tag="offsite.0000000b-0000", instead="offsite")
    host = FakeHost("nas1", {"zfs hold offsite.": REFUSED})
    assert tag_snapshots(host, own, 1) == {}
    assert host.asked_for("zfs hold") == [f"zfs hold {tag} {' '.join(NAMES)}" for tag in (own.tag, "offsite")]
    assert "an older zfs_replicate_gate or sudo rule refuses the tag of this mirror" in caplog.text


def test_a_tag_without_another_stays_refused() -> None:
    assert tagged(HOLD, {"zfs hold": REFUSED}) == dict.fromkeys(NAMES, errors.PermissionDenied)
    assert tagged(replace(HOLD, instead="plain"), {"zfs hold": REFUSED}) == dict.fromkeys(
        NAMES, errors.PermissionDenied
    )


@pytest.mark.usefixtures("batches_of_two")
@pytest.mark.parametrize("width", [1, 2])
def test_snapshots_that_do_not_fit_are_several_commands(width: int) -> None:
    host = FakeHost("nas1")
    assert tag_snapshots(host, HOLD, width) == {}
    assert sorted(host.asked) == ["zfs hold offsite t/a@1 t/a@2", "zfs hold offsite t/b@1 t/b@2"]


@pytest.mark.usefixtures("batches_of_two")
@pytest.mark.parametrize("width", [1, 2])
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (LOST, errors.ConnectionFailed),
        (refusing("cannot hold: permission denied"), errors.PermissionDenied),
        (refusing(), errors.CommandFailed),
        (killed(), errors.StreamBroken),
    ],
)
def test_a_failed_batch_of_holds_leaves_the_others(
    width: int, answer: Answer, error: type[errors.ReplicateError]
) -> None:
    assert tagged(HOLD, {"zfs hold offsite t/a@1": answer}, width) == {"t/a@1": error, "t/a@2": error}


@pytest.mark.parametrize(("step", "verb"), [(HOLD, "hold"), (RELEASE, "release")])
def test_a_lost_connection_fails_a_whole_batch(step: Hold | Release, verb: str) -> None:
    assert tagged(step, {f"zfs {verb}": LOST}) == dict.fromkeys(NAMES, errors.ConnectionFailed)


def test_a_killed_hold_fails_all_that_it_does_not_name() -> None:
    answer = killed(
        "cannot hold snapshot 't/a@1': tag already exists on this dataset",
        "cannot hold snapshot 't/a@2': dataset is busy",
    )
    assert tagged(HOLD, {"zfs hold": answer}) == {
        "t/a@2": errors.DatasetBusy,
        "t/b@1": errors.StreamBroken,
        "t/b@2": errors.StreamBroken,
    }


def test_a_killed_release_fails_all_that_it_does_not_name() -> None:
    answer = killed(
        "cannot release hold from snapshot 't/a@1': no such tag on this dataset",
        "cannot release hold from snapshot 't/a@2': dataset does not exist",
    )
    assert tagged(RELEASE, {"zfs release": answer}) == dict.fromkeys(NAMES[2:], errors.StreamBroken)


@pytest.mark.parametrize(
    ("line", "vanished"),
    [
        ("cannot hold snapshot 't/a@2': dataset does not exist", NAMES[1:2]),
        ("cannot open 't/a': dataset does not exist", NAMES[:2]),
    ],
)
def test_a_vanished_snapshot_is_a_failure_of_a_hold(line: str, vanished: tuple[str, ...]) -> None:
    assert tagged(HOLD, {"zfs hold": refusing(line)}) == dict.fromkeys(vanished, errors.SnapshotVanished)


@pytest.mark.parametrize(
    "line",
    [
        "cannot release hold from snapshot 't/a@2': dataset does not exist",
        "cannot open 't/a': dataset does not exist",
    ],
)
def test_a_vanished_snapshot_is_no_failure_of_a_release(line: str) -> None:
    assert tagged(RELEASE, {"zfs release": refusing(line)}) == {}


@pytest.mark.parametrize(
    ("step", "verb", "action"),
    [(HOLD, "hold", "place the hold offsite"), (RELEASE, "release", "release the hold offsite")],
)
def test_the_error_names_snapshot_host_and_action(step: Hold | Release, verb: str, action: str) -> None:
    failures = tag_snapshots(FakeHost("nas1", {f"zfs {verb}": refusing("permission denied")}), step, 1)
    assert str(failures["t/b@1"]).startswith(f"t/b@1 on nas1: cannot {action}")


# --- renewing bookmarks ---


STEPS = [
    BookmarkSource("t/a@2", "t/a#2", ("t/a#1",)),
    BookmarkSource("t/b@2", None, ("t/b#0", "t/b#1")),
    BookmarkSource("t/c@2", "t/c#2"),
]


CREATES_A = " ".join(commands.bookmark([("t/a@2", "t/a#2")], ())[:-1])
CREATES_C = " ".join(commands.bookmark([("t/c@2", "t/c#2")], ())[:-1])
DESTROYS_A = " ".join(commands.bookmark((), ["t/a#1"]))


def scripts(host: FakeHost) -> list[str]:
    return [after_script(command) for command in host.asked]


def test_bookmarks_are_created_before_old_ones_are_destroyed() -> None:
    host = FakeHost("nas1")
    assert renew_bookmarks(host, STEPS) == STEPS
    assert scripts(host) == ["t/a@2 t/a#2 t/c@2 t/c#2 --", "-- t/a#1 t/b#0 t/b#1"]


def test_without_old_bookmarks_there_is_one_command() -> None:
    host = FakeHost("nas1")
    assert renew_bookmarks(host, STEPS[2:]) == STEPS[2:]
    assert scripts(host) == ["t/c@2 t/c#2 --"]


@pytest.mark.parametrize(
    "line",
    [
        "cannot create bookmark 't/a#2': out of space",
        "cannot create bookmark 't/a#2': permission denied",
        "cannot create bookmark 't/a#2': bookmark exists",  # possibly that of another snapshot
    ],
)
def test_the_old_bookmark_stays_if_the_new_one_cannot_be_made(line: str) -> None:
    host = FakeHost("nas1", {CREATES_A: refusing(line, status=0)})
    assert renew_bookmarks(host, STEPS) == STEPS[1:]
    assert scripts(host)[1:] == ["-- t/b#0 t/b#1"]


@pytest.mark.parametrize(
    "answer", [refusing("out of space", status=0), killed(), refusing(status=1)], ids=["all", "killed", "silent"]
)
def test_old_bookmarks_stay_if_no_new_one_is_certain(answer: Answer) -> None:
    host = FakeHost("nas1", {CREATES_A: answer})
    assert renew_bookmarks(host, STEPS) == STEPS[1:2]
    assert scripts(host)[1:] == ["-- t/b#0 t/b#1"]


def test_an_old_bookmark_that_cannot_be_destroyed_is_not_done() -> None:
    host = FakeHost("nas1", {DESTROYS_A: refusing("cannot destroy 't/a#1': permission denied", status=0)})
    assert renew_bookmarks(host, STEPS) == STEPS[1:]


@pytest.mark.usefixtures("batches_of_two")
def test_a_failed_batch_of_new_bookmarks_leaves_the_others() -> None:
    host = FakeHost("nas1", {CREATES_A: refusing("cannot create bookmark 't/a#2': permission denied", status=0)})
    assert renew_bookmarks(host, STEPS) == STEPS[1:]
    assert scripts(host) == ["t/a@2 t/a#2 --", "-- t/b#0 t/b#1", "t/c@2 t/c#2 --"]


@pytest.mark.usefixtures("batches_of_two")
def test_a_lost_connection_ends_the_renewal_of_bookmarks() -> None:
    assert renew_bookmarks(FakeHost("nas1", {CREATES_C: LOST}), STEPS) == STEPS[:2]
    for answers, asked in (({"sh -c": LOST}, 1), ({DESTROYS_A: LOST}, 3)):
        host = FakeHost("nas1", answers)
        assert renew_bookmarks(host, STEPS) == []
        assert len(host.asked) == asked


# --- destroying bookmarks ---


@pytest.mark.usefixtures("batches_of_two")
def test_bookmarks_are_destroyed_in_batches() -> None:
    host = FakeHost("nas1")
    assert destroy_bookmarks(host, BOOKMARKS) == {}
    assert [after_script(command) for command in host.asked] == ["-- t/a#1 t/a#2", "-- t/b#1 t/b#2"]


@pytest.mark.usefixtures("batches_of_two")
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (LOST, errors.ConnectionFailed),
        (refusing("permission denied", status=0), errors.PermissionDenied),
        (refusing(), errors.CommandFailed),
        (killed(), errors.StreamBroken),
    ],
)
def test_a_failed_batch_of_bookmarks_leaves_the_others(answer: Answer, error: type[errors.ReplicateError]) -> None:
    first = " ".join(commands.bookmark((), BOOKMARKS[:2]))
    host = FakeHost("nas1", {first: answer})
    assert types(destroy_bookmarks(host, BOOKMARKS)) == dict.fromkeys(BOOKMARKS[:2], error)
    assert len(host.asked) == 2


def test_a_lost_connection_fails_a_batch_of_bookmarks() -> None:
    assert destroyed(LOST) == dict.fromkeys(BOOKMARKS, errors.ConnectionFailed)


def test_a_bookmark_that_is_gone_already_is_no_failure() -> None:
    assert destroyed(refusing("bookmark 't/a#1' does not exist.", status=0)) == {}


def test_only_the_named_bookmark_has_failed() -> None:
    answer = refusing("bookmark 't/a#1' does not exist.", "cannot destroy 't/b#1': permission denied", status=0)
    assert destroyed(answer) == {"t/b#1": errors.PermissionDenied}


def test_a_killed_destroy_fails_all_that_it_does_not_name() -> None:
    assert destroyed(killed("bookmark 't/a#1' does not exist.")) == dict.fromkeys(BOOKMARKS[1:], errors.StreamBroken)


GONE = "cannot open 't/a': dataset does not exist"


def test_bookmarks_of_a_dataset_that_is_gone_are_no_failures() -> None:
    assert destroyed(refusing(GONE, status=0)) == {}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refusing(GONE, "permission denied", status=0), errors.PermissionDenied),
        (killed(GONE), errors.StreamBroken),
    ],
)
def test_a_dataset_that_is_gone_concerns_only_its_bookmarks(answer: Answer, error: type[errors.ReplicateError]) -> None:
    assert destroyed(answer) == dict.fromkeys(BOOKMARKS[2:], error)
