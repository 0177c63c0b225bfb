"""Expiry destroys what it can, names what stays and why, and needs few commands for that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from tests.support.fakes import Answer, FakeHost, FakeProcess
from zfs_replicate import errors
from zfs_replicate.run.expiry import MAX_COMMANDS, MAX_LISTED, expire
from zfs_replicate.steps import Expire, ExpiringSnapshot
from zfs_replicate.zfs import commands

BUSY = "cannot destroy snapshot off/copy@{}: dataset is busy"
HELD = "cannot destroy snapshot off/copy@{0}: it's being held. Run 'zfs holds -r off/copy@{0}' to see holders."
CLONED = (
    "cannot destroy 'off/copy@{0}': snapshot has dependent clones\n"
    "use '-R' to destroy the following datasets:\noff/{0}-clone"
)
UNNAMED = "cannot destroy snapshots: dataset is busy"
LONG = tuple(f"{number:04}".rjust(200, "s") for number in range(1200))
"""Names for three batches."""


@dataclass
class Copy(FakeHost):
    """Destroys all or none. `refusals`: the message by name; a cloned one is found before any other."""

    refusals: dict[str, str] = field(default_factory=dict)
    snapshots: set[str] = field(default_factory=set)

    def start(self, command: Sequence[str]) -> FakeProcess:
        self.asked.append(" ".join(command))
        return FakeProcess(tuple(command), self._destroy(command[2].partition("@")[2].split(",")))

    def _destroy(self, names: list[str]) -> Answer:
        there = [name for name in names if name in self.snapshots]
        if not there:
            return Answer(status=1, stderr="could not find any snapshots to destroy; check snapshot names.\n")
        refused = [self.refusals[name].format(name) for name in there if name in self.refusals]
        lines = [line for line in refused if "clones" in line] or refused
        if lines:
            return Answer(status=1, stderr="\n".join(dict.fromkeys(lines)) + "\n")
        self.snapshots.difference_update(there)
        return Answer()


@dataclass(frozen=True)
class Expired:
    """What has gone, in order, and the error for what stays."""

    gone: tuple[str, ...]
    error: errors.ReplicateError | None


def expiring(*names: str) -> Expire:
    return Expire("off/copy", tuple(ExpiringSnapshot(name, "older than 30 days") for name in names))


def expired(*names: str, gone: Sequence[str] = (), **refusals: str) -> tuple[Copy, Expired]:
    """Let these names expire on a copy that has them all except those that are gone."""
    copy = Copy("here", refusals=refusals, snapshots=set(names) - set(gone))
    return copy, expire_on(copy, *names)


def expire_on(host: FakeHost, *names: str) -> Expired:
    """Let these names expire."""
    gone: list[str] = []
    error = expire(host, expiring(*names), gone.extend)
    return Expired(tuple(gone), error)


def test_all_go_with_one_command() -> None:
    copy, result = expired("a", "b", "c")
    assert copy.asked == ["zfs destroy off/copy@a,b,c"]
    assert result == Expired(("a", "b", "c"), None)


def test_the_others_go_if_one_is_busy() -> None:
    copy, result = expired("a", "b", "c", b=BUSY)
    assert copy.asked == ["zfs destroy off/copy@a,b,c", "zfs destroy off/copy@a,c"]
    assert result.gone == ("a", "c")
    assert isinstance(result.error, errors.DatasetBusy)
    assert "off/copy@b on here: cannot expire @b: a mount or a hold keeps it" in str(result.error)
    assert "(zfs: cannot destroy snapshot off/copy@b: dataset is busy)" in str(result.error)


def test_each_reason_that_keeps_a_snapshot_is_named() -> None:
    copy, result = expired("a", "b", "c", "d", "e", b=BUSY, c=HELD, d=CLONED)
    assert len(copy.asked) == 3
    assert result.gone == ("a", "e")
    assert isinstance(result.error, errors.DatasetBusy)
    for words in ("cannot expire @b: a mount", "cannot expire @c: it is held", "cannot expire @d: a clone", "d-clone"):
        assert words in str(result.error)


def test_snapshots_that_stay_for_one_reason_are_one_sentence() -> None:
    names = [f"s{number}" for number in range(60)]
    copy, result = expired("a", *names, **dict.fromkeys(names, HELD))
    assert result.gone == ("a",)
    assert len(copy.asked) == 2
    assert f"@s{MAX_LISTED - 1} and 10 more: it is held" in str(result.error)
    assert str(result.error).count("cannot expire") == 1


def test_with_all_busy_nothing_more_is_asked() -> None:
    copy, result = expired("a", "b", a=BUSY, b=BUSY)
    assert (len(copy.asked), result.gone) == (1, ())
    assert "cannot expire @a, @b" in str(result.error)


def test_snapshots_that_another_has_destroyed_are_done() -> None:
    assert expired("a", "b", gone=("a", "b"))[1] == Expired(("a", "b"), None)
    assert expired("a", "b", gone=("a",))[1] == Expired(("a", "b"), None)


def test_a_snapshot_that_vanishes_beside_a_busy_one_is_done() -> None:
    _copy, result = expired("a", "b", gone=("a",), b=BUSY)
    assert result.gone == ("a",)
    assert "cannot expire @b" in str(result.error)


def test_a_copy_that_is_gone_is_an_error() -> None:
    missing = Answer(status=1, stderr="cannot open 'off/copy': dataset does not exist\n")
    result = expire_on(FakeHost("here", {"zfs destroy": missing}), "a", "b")
    assert result.gone == ()
    assert isinstance(result.error, errors.DatasetMissing)


@pytest.mark.parametrize("name", ["a b", "a: b", "a: dataset is busy"])
def test_odd_names_are_found_in_the_message(name: str) -> None:
    copy, result = expired("a", name, "c", **{name: BUSY})
    assert copy.asked[1:] == ["zfs destroy off/copy@a,c"]
    assert result.gone == ("a", "c")


def test_every_batch_expires() -> None:
    assert len(list(commands.batches(LONG))) == 3
    copy, result = expired(*LONG)
    assert result == Expired(LONG, None)
    assert len(copy.asked) == 3


def test_a_busy_snapshot_in_each_batch_keeps_no_other() -> None:
    busy = (LONG[0], LONG[600], LONG[-1])
    copy, result = expired(*LONG, **dict.fromkeys(busy, BUSY))
    assert copy.snapshots == set(busy)
    assert set(result.gone) == set(LONG) - set(busy)
    assert all(f"@{name}" in str(result.error) for name in busy)


def test_a_refusal_of_all_needs_one_command_for_each_batch() -> None:
    host = FakeHost("here", {"zfs destroy": Answer(status=1, stderr="cannot destroy snapshots: permission denied\n")})
    result = expire_on(host, *LONG)
    assert (len(host.asked), result.gone) == (3, ())
    assert isinstance(result.error, errors.PermissionDenied)
    assert f"off/copy on here: cannot expire @{LONG[0]}" in str(result.error)


def test_a_busy_snapshot_that_zfs_does_not_name_is_searched() -> None:
    names = [f"s{number}" for number in range(64)]
    copy, result = expired(*names, s40=UNNAMED)
    assert copy.snapshots == {"s40"}
    assert len(copy.asked) == 13
    assert "off/copy@s40 on here: cannot expire @s40: " in str(result.error)


def test_a_search_ends_and_leaves_no_snapshot_unmentioned() -> None:
    names = [f"s{number}" for number in range(1, 50)]
    copy, result = expired(*names, **dict.fromkeys(names, UNNAMED))
    assert len(copy.asked) == MAX_COMMANDS
    assert result.gone == ()
    mentioned = {word.strip("@,:") for word in str(result.error).split() if word.startswith("@")}
    assert mentioned == set(names)


def test_a_killed_destroy_is_an_error() -> None:
    result = expire_on(FakeHost("here", {"zfs destroy": Answer(status=-9)}), "a", "b")
    assert result.gone == ()
    assert isinstance(result.error, errors.StreamBroken)


def test_a_host_that_is_lost_keeps_what_went_before() -> None:
    first, second, third = commands.batches(LONG)
    host = FakeHost("here", {f"zfs destroy off/copy@{second[0]}": Answer(error=errors.ConnectionFailed("lost"))})
    result = expire_on(host, *LONG)
    assert result.gone == (*first, *third)
    assert isinstance(result.error, errors.ConnectionFailed)
