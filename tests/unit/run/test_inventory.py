"""A host is read in few commands, and a failed command never counts as an empty answer."""

from __future__ import annotations

import pytest

from tests.support.fakes import Answer, FakeHost
from tests.support.listing import PROBE, line, text
from zfs_replicate import errors
from zfs_replicate.model import UNKNOWN_HOLD
from zfs_replicate.run.inventory import probe, read_guids, read_source, read_target
from zfs_replicate.zfs import parse_tree, queries
from zfs_replicate.zfs.parse import PROBE_GREETING

ABSENT = Answer(status=1, stderr="cannot open 'tank/a': dataset does not exist\n")


def many(count: int) -> Answer:
    """Return the listing of `count` datasets below tank/a, each with a held snapshot."""
    lines = [line("filesystem", "tank/a")]
    for number in range(count):
        lines += [
            line("filesystem", f"tank/a/{number}"),
            line("snapshot", f"tank/a/{number}@x", userrefs="1", guid=str(number + 1)),
        ]
    return Answer(text(*lines))


# --- probe ---


def probed(stdout: bytes, status: int = 0, stderr: str = "") -> FakeHost:
    return FakeHost("nas1", {"sh -c": Answer(stdout, status, stderr)})


def test_a_probe_may_contain_any_bytes() -> None:
    """A user property of the pool does."""
    host = probed(text(PROBE_GREETING, *PROBE) + b"org.example:x\tlatin \xe9\x0b\xe2\x80\xa8guid\t7\n")
    assert probe(host, "tank/a").pool_guid == 42


def test_a_probe_is_one_command() -> None:
    host = probed(text(PROBE_GREETING, *PROBE))
    capabilities = probe(host, "tank/a/b")
    assert (capabilities.pool_guid, capabilities.programs) == (42, frozenset({"zfs", "mbuffer"}))
    assert len(host.asked) == 1


@pytest.mark.parametrize(
    ("host", "error", "message"),
    [
        (probed(text("Welcome to nas1!", PROBE_GREETING, *PROBE)), errors.SourceUnusable, "'Welcome to nas1!'"),
        (probed(b"This account is not available.\n", 1), errors.SourceUnusable, "This account is not available."),
        (probed(b"", 127, "sh: not found"), errors.SourceUnusable, "sh: not found"),
        (probed(text(PROBE_GREETING)), errors.SourceUnusable, "no zfs command in PATH or the sbin directories"),
        (
            probed(text(PROBE_GREETING, "program\tzfs"), 1, "cannot open 'tank': no such pool\n"),
            errors.PoolMissing,
            "tank on nas1: cannot read the pool's properties",
        ),
        (probed(text(PROBE_GREETING, "program\tzfs", "nonsense")), errors.OutputError, "printed no guid of pool tank"),
    ],
)
def test_an_unusable_side_is_an_error_with_a_reason(host: FakeHost, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        probe(host, "tank/a")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "refused",
    [
        Answer(status=126, stderr="zfs_replicate_gate: refused: not a command of zfs_replicate"),
        Answer(status=2, stderr="bad property list: invalid property 'ivsetguid'"),
    ],
)
def test_a_tree_is_listed_without_keys_where_they_are_unknown(refused: Answer) -> None:
    older = " ".join(queries.list_tree("tank/a", has_keys=False))
    row = "\t".join(line("filesystem", "tank/a", encryption="aes-256-gcm").split("\t")[: len(parse_tree.LIST_COLUMNS)])
    host = FakeHost("nas1", {"zfs list": refused, older: Answer(text(row))})
    (dataset,) = read_source(host, "tank/a").datasets.values()
    assert (dataset.is_encrypted, dataset.encryption_root) == (True, None)


def test_an_older_gate_is_probed_without_the_clock() -> None:
    refused = Answer(status=126, stderr="zfs_replicate_gate: refused: not a command of zfs_replicate\n")
    older = " ".join(queries.probe("tank", has_clock=False))
    host = FakeHost("nas1", {"sh -c": refused, older: Answer(text(PROBE_GREETING, *PROBE))})
    assert probe(host, "tank/a").clock is None
    assert len(host.asked) == 2


# --- the source ---


def test_a_source_is_read_with_its_holds() -> None:
    answers = {
        "zfs list": Answer(text(line("filesystem", "tank/a"), line("snapshot", "tank/a@x", userrefs="2"))),
        "zfs holds": Answer(text("tank/a@x\toffsite\tTue", "tank/a@x\tother\tTue")),
    }
    inventory = read_source(FakeHost("nas1", answers), "tank/a")
    assert inventory.datasets["tank/a"].snapshots[0].holds == ("offsite", "other")


@pytest.mark.parametrize("count", [3, 100])
def test_the_number_of_commands_does_not_grow_with_the_datasets(count: int) -> None:
    holds = Answer(text(*(f"tank/a/{number}@x\toffsite\tx" for number in range(count))))
    host = FakeHost("nas1", {"zfs list": many(count), "zfs holds": holds})
    assert len(read_source(host, "tank/a").datasets) == count + 1
    assert len(host.asked) == 2


def test_without_holds_the_tags_are_not_read() -> None:
    host = FakeHost("nas1", {"zfs list": Answer(text(line("filesystem", "tank/a"), line("snapshot", "tank/a@x")))})
    read_source(host, "tank/a")
    assert len(host.asked) == 1


def test_datasets_come_parents_first_and_siblings_by_component() -> None:
    names = ["tank/a", "tank/a b", "tank/a-b", "tank/a/c", "tank"]
    host = FakeHost("nas1", {"zfs list": Answer(text(*(line("filesystem", name) for name in names)))})
    assert list(read_source(host, "tank").datasets) == ["tank", "tank/a", "tank/a/c", "tank/a b", "tank/a-b"]


def test_a_missing_source_is_an_error_that_names_the_option() -> None:
    with pytest.raises(errors.DatasetMissing, match="tank/a on nas1: there is no such dataset; check -r"):
        read_source(FakeHost("nas1", {"zfs list": ABSENT}), "tank/a")


def test_a_held_snapshot_that_has_vanished_has_an_unknown_hold() -> None:
    answers = {
        "zfs list": Answer(text(line("filesystem", "tank/a"), line("snapshot", "tank/a@x", userrefs="1"))),
        "zfs holds": Answer(status=1, stderr="cannot open 'tank/a@x': dataset does not exist\n"),
    }
    host = FakeHost("nas1", answers)
    assert read_source(host, "tank/a").datasets["tank/a"].snapshots[0].holds == (UNKNOWN_HOLD,)
    assert len(host.asked) == 4  # it was looked for once more


@pytest.mark.parametrize("stderr", ["cannot open 'tank/a@x': permission denied\n", ""])
def test_holds_that_cannot_be_read_are_an_error(stderr: str) -> None:
    answers = {
        "zfs list": Answer(text(line("filesystem", "tank/a"), line("snapshot", "tank/a@x", userrefs="1"))),
        "zfs holds": Answer(status=1, stderr=stderr),
    }
    with pytest.raises(errors.CommandFailed):
        read_source(FakeHost("nas1", answers), "tank/a")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(status=1, stderr="cannot open 'tank/a': permission denied\n"), errors.PermissionDenied),
        (Answer(status=1, stderr="cannot open 'tank/other': dataset does not exist\n"), errors.DatasetMissing),
        (Answer(status=1), errors.CommandFailed),
        (Answer(b"nonsense\n"), errors.OutputError),
        (Answer(b"\xff\xfe\n"), errors.OutputError),
        (Answer(b""), errors.ReplicateError),
        (Answer(error=errors.ConnectionFailed("lost")), errors.ConnectionFailed),
    ],
)
def test_a_tree_that_cannot_be_read_is_an_error_on_either_side(answer: Answer, error: type[Exception]) -> None:
    for read in (read_source, read_target):
        with pytest.raises(error):
            read(FakeHost("nas1", {"zfs list": answer}), "tank/a")


def test_a_listing_that_ends_badly_is_not_believed() -> None:
    half = Answer(text(line("filesystem", "tank/a")), status=1, stderr="cannot iterate: I/O error\n")
    with pytest.raises(errors.CommandFailed):
        read_source(FakeHost("nas1", {"zfs list": half}), "tank/a")


def test_lines_may_be_cut_anywhere_between_reads() -> None:
    host = FakeHost("nas1", {"zfs list": many(20)}, chunk_bytes=7)
    assert len(read_source(host, "tank/a").datasets) == 21


# --- guids ---


def test_guids_of_what_exists() -> None:
    partly = Answer(text("off/a@x\t7"), status=1, stderr="cannot open 'off/a@y': dataset does not exist\n")
    assert read_guids(FakeHost("here", {"zfs list": partly}), ["off/a@x", "off/a@y"]) == {"off/a@x": 7}


def test_guids_of_no_snapshots_need_no_command() -> None:
    host = FakeHost("here")
    assert read_guids(host, []) == {}
    assert host.asked == []


# --- output that cannot be parsed ---


@pytest.mark.parametrize(
    ("beginning", "host"),
    [
        ("sh -c", probed(text(PROBE_GREETING, "program\tzfs", "nonsense"))),
        ("zfs list", FakeHost("nas1", {"zfs list": Answer(b"nonsense\n")})),
        ("zfs list", FakeHost("nas1", {"zfs list": Answer(b"\xff\n")})),
        ("zfs holds", FakeHost("nas1", {"zfs list": many(1), "zfs holds": Answer(b"nonsense\n")})),
        ("zfs get", FakeHost("nas1", {"zfs list": many(0), "zfs get": Answer(b"non\tsense\n")})),
    ],
)
def test_unreadable_output_names_host_command_and_next_step(beginning: str, host: FakeHost) -> None:
    with pytest.raises(errors.OutputError) as caught:
        _ask = probe(host, "tank/a") if beginning == "sh -c" else read_target(host, "tank/a")
    message = str(caught.value)
    assert message.startswith("tank")
    assert " on nas1: cannot read what " in message
    assert f"{'zpool get' if beginning == 'sh -c' else beginning} printed: " in message
    assert "run that command there; if OpenZFS printed this, report it" in message


def test_an_empty_listing_is_an_error_that_names_the_host() -> None:
    with pytest.raises(errors.ReplicateError, match="tank/a on nas1: zfs list printed nothing"):
        read_source(FakeHost("nas1", {"zfs list": Answer(b"")}), "tank/a")
