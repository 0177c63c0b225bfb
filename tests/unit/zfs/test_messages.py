"""stderr of zfs → the narrowest error; and which snapshots of a batch have failed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.exits import failed, killed
from zfs_replicate import errors
from zfs_replicate.model import Exit
from zfs_replicate.zfs import messages


@pytest.mark.parametrize(
    ("stderr", "error"),
    [
        # sending
        ("cannot resume send: 'tank/a@b' used in the initial send no longer exists\n", errors.StaleToken),
        ("cannot resume send: 'tank/a@b' is no longer the same snapshot used in the initial send", errors.StaleToken),
        ("cannot resume send: incremental source 0x1f no longer exists", errors.StaleToken),
        ("cannot resume send: resume token is corrupt", errors.StaleToken),
        ("cannot send 'tank/a': permission denied", errors.PermissionDenied),
        ("cannot open 'tank/a@b': dataset does not exist", errors.DatasetMissing),
        ("warning: cannot send 'tank/a@b': No such process", errors.DatasetMissing),
        ("cannot receive incremental stream: destination 'off/a' does not exist", errors.DatasetMissing),
        ("cannot receive resume stream: destination 'off/a' does not exist", errors.DatasetMissing),
        ("warning: cannot send 'tank/a@b': incremental source (tank/a#x) does not exist", errors.DatasetMissing),
        ("warning: cannot send 'tank/a@b': dataset key must be loaded", errors.KeyUnavailable),
        ("zfs_replicate_gate: refused: outside of tank/data\n", errors.PermissionDenied),
        # receiving
        (
            "cannot receive incremental stream: most recent snapshot of off/a does not\nmatch incremental source\n",
            errors.TargetDiverged,
        ),
        (
            "cannot receive incremental stream: destination off/a has been modified\nsince most recent snapshot\n",
            errors.TargetChanged,
        ),
        (
            "cannot receive new filesystem stream: destination 'off/a' exists\nmust specify -F to overwrite it",
            errors.TargetDiverged,
        ),
        (
            "cannot receive new filesystem stream: destination has snapshots (eg. off/a@x)\nmust destroy them",
            errors.TargetDiverged,
        ),
        ("cannot restore to off/a@b: destination already exists", errors.TargetDiverged),
        (
            "cannot destroy 'off/a': filesystem has children\nuse '-r' to destroy the following datasets:\noff/a@mine",
            errors.TargetDiverged,
        ),
        (
            "cannot receive incremental stream: destination off/a contains partially-complete state from"
            ' "zfs receive -s".',
            errors.PartialState,
        ),
        (
            "cannot receive resume stream: checksum mismatch or incomplete stream.\n"
            "Partially received snapshot is saved.\nA resuming stream can be generated on the sending system by"
            " running:\n    zfs send -t 1-ab-cd\n",
            errors.StreamBroken,
        ),
        ("cannot receive: failed to read from stream", errors.StreamBroken),
        ("cannot receive: invalid stream (bad magic number)", errors.StreamBroken),
        ("cannot receive incremental stream: invalid backup stream", errors.StreamBroken),
        ("cannot receive new filesystem stream: out of space", errors.OutOfSpace),
        ("cannot receive new filesystem stream: destination off/a space quota exceeded.", errors.OutOfSpace),
        ("cannot receive incremental stream: dataset is busy", errors.DatasetBusy),
        ("cannot receive: stream has unsupported feature, feature flags = 24", errors.FeatureMissing),
        ("cannot receive new filesystem stream: pool must be upgraded to receive this stream.", errors.FeatureMissing),
        ("cannot receive new filesystem stream: inherited key must be loaded", errors.KeyUnavailable),
        ("cannot receive incremental stream: encryption key does not match existing key", errors.KeyUnavailable),
        (
            "cannot receive incremental stream: IV set guid mismatch. See the 'zfs receive' man page",
            errors.KeyUnavailable,
        ),
        ("cannot receive new filesystem stream: permission denied", errors.PermissionDenied),
        (
            "cannot receive new filesystem stream: 'recordsize' must be power of 2 from 512B to 16M\n"
            "cannot receive new filesystem stream: invalid property value\n",
            errors.CommandFailed,
        ),
        ("cannot receive new filesystem stream: bad numeric value 'abc'", errors.CommandFailed),
        (
            "cannot receive incremental stream: incremental send stream requires -L (--large-block), to match previous"
            " receive.",
            errors.TargetDiverged,
        ),
        # the rest
        ("cannot hold: pool is read-only", errors.CommandFailed),
        ("cannot hold: pool must be upgraded", errors.FeatureMissing),
        ("cannot open 'nopool/a': no such pool", errors.PoolMissing),
        ("cannot create 'off/a': no such pool 'off'", errors.PoolMissing),
        ("cannot destroy snapshot off/a@b: dataset is busy", errors.DatasetBusy),
        (
            "cannot destroy snapshot off/a@b: it's being held. Run 'zfs holds -r off/a@b' to see holders.",
            errors.DatasetBusy,
        ),
        ("cannot destroy 'off/a@b': snapshot has dependent clones\nuse '-R' to destroy", errors.DatasetBusy),
        ("could not find any snapshots to destroy; check snapshot names.", errors.DatasetMissing),
        ("/dev/zfs: Permission denied\nThe ZFS utilities must be run as root.", errors.PermissionDenied),
        # unknown messages
        ("internal error: Invalid argument", errors.CommandFailed),
        ("", errors.CommandFailed),
    ],
)
def test_known_messages_become_the_narrowest_error(stderr: str, error: type[errors.CommandFailed]) -> None:
    assert type(messages.explain("nas1", "off/a", failed(stderr), "receive")) is error


def test_an_explanation_has_host_subject_action_and_stderr() -> None:
    text = str(messages.explain("nas1", "off/a", failed("cannot receive: out of\n  space\n"), "receive"))
    assert text.startswith("off/a on nas1: cannot receive: there is no space left")
    assert text.endswith("(zfs: cannot receive: out of space)")


def test_the_next_step_names_the_dataset() -> None:
    text = str(messages.explain("nas1", "off/a", failed("contains partially-complete state"), "receive"))
    assert "clear its state: zfs receive -A off/a (zfs: " in text


def test_an_unknown_message_is_quoted_in_one_line() -> None:
    text = str(messages.explain("nas1", "off/a", failed("some\nnew  thing\n"), "list the datasets"))
    assert text.startswith(
        "off/a on nas1: cannot list the datasets: zfs failed for a reason that this program does not"
    )
    assert text.endswith("look at the kernel log there, and at the pool: zpool status off (zfs: some new thing)")


def test_a_refusal_names_the_needed_permissions() -> None:
    refused = replace(failed("cannot hold: permission denied"), command=("zfs", "hold", "offsite", "tank/a@x"))
    text = str(messages.explain("nas1", "tank/a@x", refused, "hold"))
    assert "be root there, or let root grant it: zfs allow USER send,hold,release tank/a (zfs:" in text


def test_a_limit_takes_the_place_of_the_general_words() -> None:
    stderr = "cannot receive incremental stream: destination off/a space quota exceeded."
    error = messages.explain("here", "off/a", failed(stderr), "receive")
    better = messages.reworded(error, "raise it", "the quota is 1 MiB")
    assert type(better) is errors.OutOfSpace
    assert str(better) == f"off/a on here: cannot receive: the quota is 1 MiB; raise it (zfs: {stderr})"


def test_empty_stderr_is_reported_as_no_message() -> None:
    assert "(zfs: no message)" in str(messages.explain("nas1", "off/a", failed(""), "send"))


def test_braces_in_a_message_are_harmless() -> None:
    assert "{0}" in str(messages.explain("nas1", "off/a", failed("dataset is busy {0}"), "send"))


def test_a_next_step_can_be_pasted_with_a_space_in_the_name() -> None:
    error = messages.explain("nas1", "off/my files@a b", failed("it's being held"), "expire @a b")
    assert "who holds it: zfs list -Ht snapshot -o name -r 'off/my files@a b' | xargs -rd '\\n' zfs holds;" in str(
        error
    )


def test_a_stream_refused_without_a_reason_may_be_retried() -> None:
    stderr = "cannot receive incremental stream: kernel modules must be upgraded to receive this stream."
    assert messages.explain("nas1", "off/a", failed(stderr), "receive").is_transient


# --- killed ---


def test_a_killed_command_is_a_broken_stream() -> None:
    error = messages.explain("nas1", "tank/a@x", killed(), "send")
    assert type(error) is errors.StreamBroken
    assert str(error) == (
        "tank/a@x on nas1: cannot send: the command was killed; run again: it resumes from what has arrived"
    )


def test_a_known_message_wins_over_a_signal() -> None:
    assert type(messages.explain("nas1", "off/a", killed("out of space"), "receive")) is errors.OutOfSpace


def test_a_killed_listing_does_not_prove_a_dataset_missing() -> None:
    ended = killed("cannot open 'off/a': dataset does not exist")
    assert type(messages.explain("nas1", "off/a", ended, "list")) is errors.StreamBroken


@pytest.mark.parametrize(
    ("ended", "is_corrupt"),
    [
        (failed("cannot resume send: resume token is corrupt (invalid format)\n", 255), True),
        (failed("cannot resume send: 'a@b' used in the initial send no longer exists\n", 255), False),
        (killed("cannot resume send: resume token is corrupt\n"), False),
        (failed("internal error: out of memory\n"), False),
    ],
)
def test_only_zfs_itself_calls_a_token_corrupt(ended: Exit, is_corrupt: bool) -> None:
    assert messages.is_corrupt_token(ended) == is_corrupt
