"""make_plan chooses how streams are written, and refuses what cannot be planned."""

from __future__ import annotations

import pytest

from tests.support.command_lines import parsed
from tests.support.notation import target_tree, tree
from zfs_replicate import errors
from zfs_replicate.model import Capabilities, Inventory, StreamOptions, Survey
from zfs_replicate.plan.planner import make_plan, stream_options
from zfs_replicate.plans import Plan

FEATURES = {"large_blocks": "active", "lz4_compress": "active", "zstd_compress": "enabled"}


def capabilities(pool_guid: int = 1, **features: str) -> Capabilities:
    return Capabilities("zfs-2.3.9-1", frozenset({"zfs"}), pool_guid, FEATURES | features)


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        (capabilities(), capabilities(), StreamOptions(large_blocks=True, compressed=True)),
        (capabilities(large_blocks="disabled"), capabilities(), StreamOptions(large_blocks=False, compressed=True)),
        (capabilities(), capabilities(large_blocks="disabled"), StreamOptions(large_blocks=False, compressed=True)),
        (capabilities(), capabilities(lz4_compress="disabled"), StreamOptions(large_blocks=True, compressed=False)),
        # zstd matters only where the source uses it
        (capabilities(), capabilities(zstd_compress="disabled"), StreamOptions(large_blocks=True, compressed=True)),
        (
            capabilities(zstd_compress="active"),
            capabilities(zstd_compress="disabled"),
            StreamOptions(large_blocks=True, compressed=False),
        ),
    ],
)
def test_streams_are_written_as_the_target_takes_them(
    source: Capabilities, target: Capabilities, expected: StreamOptions
) -> None:
    assert stream_options(source, target) == expected


def plan_between(source: Inventory, target: Inventory, *more: str, pool_guids: tuple[int, int] = (1, 2)) -> Plan:
    survey = Survey("nas1", source, target, capabilities(pool_guids[0]), capabilities(pool_guids[1]))
    return make_plan(survey, parsed(*more), 0)


def test_a_source_without_snapshots_is_an_error_with_a_remedy() -> None:
    with pytest.raises(errors.ReplicateError, match=r"tank/a on nas1: .* zfs snapshot -r tank/a@NAME"):
        plan_between(tree("tank/a", ":empty"), target_tree("off"))


def test_a_source_with_excluded_snapshots_only_is_an_error() -> None:
    source = tree("tank/a", ":empty", "tmp:x")
    with pytest.raises(errors.ReplicateError, match=r"tank/a on nas1: only datasets that -x excludes have snapshots"):
        plan_between(source, target_tree("off"), "-x", "tmp")
    assert len(plan_between(source, target_tree("off"), "-x", "other").datasets) == 2


@pytest.mark.parametrize(("remote", "local"), [("tank/a", "tank/a"), ("tank/a", "tank/a/b"), ("tank/a/b", "tank/a")])
def test_a_mirror_within_itself_is_refused_even_over_ssh(remote: str, local: str) -> None:
    """The guid of the pool shows that both hosts are the same machine."""
    with pytest.raises(errors.UsageError, match="choose a target outside the source"):
        plan_between(tree(remote, ":x"), target_tree(local), pool_guids=(1, 1))


def test_equal_names_in_two_pools_do_not_overlap() -> None:
    assert len(plan_between(tree("tank/a", ":x"), target_tree("tank/a")).datasets) == 1


def test_a_limit_needs_mbuffer() -> None:
    with pytest.raises(errors.ReplicateError, match="--bwlimit needs mbuffer"):
        plan_between(tree("tank/a", ":x"), target_tree("off"), "--bwlimit", "1M")


def test_a_target_without_its_pool_cannot_be_planned() -> None:
    missing = errors.PoolMissing("off on localhost: there is no such pool")
    survey = Survey("nas1", tree("tank/a", ":x"), target_tree("off"), capabilities(), missing)
    with pytest.raises(errors.PoolMissing, match="there is no such pool"):
        make_plan(survey, parsed(), 0)


def test_a_copy_that_is_on_its_way_on_the_source_is_named() -> None:
    source = tree("tank/a", ":a", "p.zfs_replicate:a", "p.zfs_replicate/c:a")
    warning = plan_between(source, target_tree("off")).warnings[-1]
    assert warning.startswith("tank/a/p.zfs_replicate on nas1: left out with all below")
    excluding = plan_between(source, target_tree("off"), "-x", "p.zfs_replicate")
    assert warning not in excluding.warnings
