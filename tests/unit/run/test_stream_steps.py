"""Small increments share a command: which ones, and how many."""

from __future__ import annotations

from dataclasses import replace

from tests.support.fakes import FakeHost
from tests.support.notation import plan_of, target_tree, tree
from zfs_replicate.hosts.quoting import remote_command
from zfs_replicate.run.context import RunContext
from zfs_replicate.run.stream_steps import MAX_IN_BUNDLE, bundles
from zfs_replicate.run.transfer import TINY_BYTES, Pipe
from zfs_replicate.steps import Send
from zfs_replicate.zfs import commands, names

PLAIN = Pipe()


def small(jobs: int = 1, pipe: Pipe = PLAIN, is_bundling: bool = True) -> list[tuple[str, ...]]:
    """Return the groups that share a command, for one new dataset, two small increments and a large one."""
    source = tree("t", ":a!", "p:a! b", "q:a! b c", "large:a! b", "new:a")
    plan = plan_of(source, target_tree("o", ":a^", "p:a^", "q:a^", "large:a^"))
    datasets = [
        replace(
            dataset,
            steps=tuple(
                replace(step, byte_estimate=TINY_BYTES)
                if dataset.source == "t/large" and isinstance(step, Send)
                else step
                for step in dataset.steps
            ),
        )
        for dataset in plan.datasets
    ]
    host = FakeHost("nas1")
    run_context = RunContext(host, host, jobs, pipe, is_bundling=is_bundling)
    return [tuple(plan.source for plan in group) for group in bundles(datasets, run_context)]


def test_only_small_increments_share_a_command() -> None:
    assert small() == [("t/p", "t/q")]


def test_increments_are_not_bundled_if_that_would_not_help() -> None:
    assert small(2) == []
    assert small(pipe=Pipe(compressor="zstd")) == []
    assert small(pipe=Pipe(bytes_per_second=1000)) == []
    assert small(is_bundling=False) == []


def test_increments_below_a_copy_that_takes_a_place_wait_for_it() -> None:
    source = tree("t", ":a!", "p:encrypted a", "p/c:a! b", "p/d:a! b", "q:a! b", "r:a! b")
    plan = plan_of(source, target_tree("o", ":a^", "p:placeholder", "p/c:a^", "p/d:a^", "q:a^", "r:a^"))
    host = FakeHost("nas1")
    groups = bundles(plan.datasets, RunContext(host, host, 1, Pipe(), is_bundling=True))
    assert [dataset.source for group in groups for dataset in group] == ["t/q", "t/r"]


def test_bundles_are_equal_and_fit_into_a_command() -> None:
    children = [f"d{number:03}" for number in range(401)]
    plan = plan_of(
        tree("t", *[f"{name}:a! b" for name in children]), target_tree("o", *[f"{name}:a^" for name in children])
    )
    host = FakeHost("nas1")
    for jobs, expected in ((2, [150, 150, 101]), (4, [101, 101, 101, 98])):
        run_context = RunContext(host, host, jobs, Pipe(), is_bundling=True)
        groups = bundles(plan.datasets, run_context)
        assert [len(group) for group in groups] == expected
        assert [dataset.source for group in groups for dataset in group] == [f"t/{name}" for name in children]


def test_a_bundle_of_the_longest_names_fits_into_one_command() -> None:
    longest = f"{'d' * 100} {'d' * 60}@{'s' * (names.MAX_NAME_LENGTH - 162)}"
    send = ("zfs", "send", "-vP", "-L", "-w", "-c", "-I", longest, longest)
    text = remote_command(commands.bundle("0" * 32, [send] * MAX_IN_BUNDLE))
    assert len(longest) == names.MAX_NAME_LENGTH
    assert len(text) < commands.BATCH_BYTES
