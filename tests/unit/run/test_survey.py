"""read_both raises the right error, and does not wait for a silent side after an error."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from tests.support.fakes import Answer, FakeHost
from tests.support.listing import side
from zfs_replicate import errors
from zfs_replicate.run.survey import Place, read_both


def test_both_sides_are_read_with_their_capabilities() -> None:
    survey = read_both(Place(side("nas1", "tank/a", 1), "tank/a"), Place(side("here", "off/a", 2), "off/a"))
    assert (survey.source_host, list(survey.source.datasets), list(survey.target.datasets)) == (
        "nas1",
        ["tank/a"],
        ["off/a"],
    )
    assert survey.source_capabilities.pool_guid == 1
    assert not isinstance(survey.target_capabilities, Exception)
    assert survey.target_capabilities.pool_guid == 2


@pytest.mark.parametrize(("version", "expected"), [("zfs-2.3.9-1", 512), ("zfs-2.4.4-1", 0)])
def test_an_older_zfs_counts_less_of_a_placeholder(version: str, expected: int) -> None:
    target = side("here", "off/a", 2)
    probe = target.answers["sh -c"]
    answers = {
        "sh -c": replace(probe, stdout=probe.stdout.replace(b"guid", f"zfs-version\t{version}\nguid".encode())),
        "zfs get": Answer(b"off/a\n"),
        "zpool sync": Answer(),
        "zfs list -Hp -o name,encryption": Answer(b"off\toff\n"),
        "zfs list -Hp -o name,logicalreferenced": Answer(b"off/a\t43008\t98304\n"),
    }
    target.answers = {**target.answers, **answers}
    survey = read_both(Place(side("nas1", "tank/a", 1), "tank/a"), Place(target, "off/a"))
    assert survey.target.datasets["off/a"].uncounted_bytes == expected


def denied(host: FakeHost, *beginnings: str) -> None:
    """Let the commands that begin with these fail. A probe has printed its greeting."""
    refused = {key: replace(host.answers[key], status=1, stderr="permission denied") for key in beginnings}
    host.answers = {**host.answers, **refused}


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize(
    ("at_source", "at_target", "first"),
    [
        (("sh -c", "zfs list"), ("sh -c", "zfs list"), "tank on nas1: cannot read the pool's properties"),
        (("zfs list",), ("sh -c", "zfs list"), "off on here: cannot read the pool's properties"),
        (("zfs list",), ("zfs list",), "tank/a on nas1: cannot list"),
        ((), ("zfs list",), "off/a on here: cannot list"),
    ],
)
def test_probes_fail_before_listings_and_source_before_target(
    at_once: bool, at_source: tuple[str, ...], at_target: tuple[str, ...], first: str
) -> None:
    source, target = side("nas1", "tank/a", 1), side("here", "off/a", 2)
    denied(source, *at_source)
    denied(target, *at_target)
    with pytest.raises(errors.PermissionDenied, match=f"^{first}"):
        read_both(Place(source, "tank/a"), Place(target, "off/a"), at_once)


def test_a_missing_target_pool_does_not_hide_a_listing_error() -> None:
    source, target = side("nas1", "tank/a", 1), side("here", "off/a", 2)
    target.answers = {**target.answers, "sh -c": replace(target.answers["sh -c"], status=1, stderr="no such pool")}
    denied(target, "zfs list")
    with pytest.raises(errors.PermissionDenied, match=r"^off/a on here"):
        read_both(Place(source, "tank/a"), Place(target, "off/a"))
    denied(source, "zfs list")
    with pytest.raises(errors.PermissionDenied, match=r"^tank/a on nas1"):
        read_both(Place(source, "tank/a"), Place(target, "off/a"))


def test_one_at_a_time_probes_before_it_lists() -> None:
    source, target = side("nas1", "tank/a", 1), side("here", "off/a", 2)
    read_both(Place(source, "tank/a"), Place(target, "off/a"), at_once=False)
    assert [command.split()[0] for command in source.asked] == ["sh", "zfs"]


def test_a_target_without_its_pool_is_read_as_absent() -> None:
    """The caller decides what that means: there is no plan, but there is a status."""
    target = side("here", "off/a", 2)
    absent = Answer(status=1, stderr="cannot open 'off/a': dataset does not exist\n")
    missing = Answer(status=1, stderr="cannot open 'off': dataset does not exist\n")
    greeting = target.answers["sh -c"].stdout.partition(b"guid")[0]
    target.answers = {
        "sh -c": Answer(greeting, 1, "cannot open 'off': no such pool\n"),
        "zfs list -Hp -r": absent,
        "zfs list -Hp -o": missing,
    }
    survey = read_both(Place(side("nas1", "tank/a", 1), "tank/a"), Place(target, "off/a"))
    assert isinstance(survey.target_capabilities, errors.PoolMissing)
    assert survey.target.datasets == {}


def test_an_error_does_not_wait_for_a_side_that_is_silent() -> None:
    """Nor does a signal: both are raised in the main thread while other threads read."""
    is_over = threading.Event()
    target = side("here", "off", 2)
    answers: list[bool] = []
    target.answers = {**target.answers, "zfs list": Answer(at_read=lambda: answers.append(is_over.wait(30)))}
    source = FakeHost("nas1", {"sh -c": Answer(b"Welcome!\n")})
    try:
        with pytest.raises(errors.SourceUnusable, match="Welcome!"):
            read_both(Place(source, "tank/a"), Place(target, "off"))
        assert answers == []
    finally:
        is_over.set()
