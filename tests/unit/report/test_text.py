"""Plans and outcomes become the right lines of text."""

from __future__ import annotations

import pytest

from tests.support.notation import SIGN, plan_of, planned, target_tree, tree
from zfs_replicate.errors import OutOfSpace
from zfs_replicate.model import Inventory, Kind
from zfs_replicate.plans import Attempt, DatasetPlan, Outcome, Plan
from zfs_replicate.report import text
from zfs_replicate.steps import Receiving, Resume

RECEIVING = Receiving("off/a", Kind.FILESYSTEM)
MOVED = DatasetPlan("tank/a", "off/a", (Resume("tank/a@b", "1-ab", RECEIVING, 3),))


def plan_text(source_text: str, target_text: str) -> list[str]:
    """Return the lines of a plan for one dataset, without the first, which names the dataset."""
    plan = plan_of(tree("tank/a", f":{source_text}"), target_tree("off/a", f":{target_text}"))
    first, *rest = text.plan_lines(plan)
    assert first.startswith("tank/a → off/a")
    assert all(line.startswith("    ") for line in rest)
    return [line.strip() for line in rest]


def test_steps_are_listed_in_the_order_in_which_they_run() -> None:
    assert plan_text("a! b+1024 c+4096", "a^") == [
        "place the hold offsite on tank/a@c: the next run continues from it",
        "send tank/a@c from tank/a@a (2 snapshots, about 5.0 KiB): newer than the newest common snapshot @a",
        "verify that off/a@c has arrived: no hold moves until it is there",
        "place the hold offsite:target on off/a@c: it is the newest common snapshot",
        "release the hold offsite on tank/a@a: older than the newest common snapshot @c",
        "release the hold offsite:target on off/a@a: older than the newest common snapshot @c",
    ]


@pytest.mark.parametrize(
    ("source", "target", "line"),
    [
        ("a+512", "absent", "send tank/a@a in full (1 snapshot, about 512 B): there is no copy yet"),
        ("encrypted a", "absent", "send tank/a@a in full, raw (1 snapshot, about 0 B): there is no copy yet"),
        (
            "#a b c",
            "a",
            "send tank/a@b from tank/a#a (1 snapshot, about 0 B): newer than the newest common snapshot, of which the"
            " source has only the bookmark #a",
        ),
        (
            "#a b c",
            "a",
            "send tank/a@c from tank/a@b (1 snapshot, about 0 B): newer than @b, which arrives just before",
        ),
        ("#a b c", "a", "place the hold offsite on tank/a@b: a stream of this run ends at it"),
        ("a b", "a", "place the hold offsite on tank/a@a: this run starts from it"),
        ("a", "a^", "place the hold offsite on tank/a@a: the hold on the newest common snapshot is gone"),
        ("a #b", "a b", "place the hold offsite on tank/a@a: the newest common snapshot that can be held"),
        ("a", "placeholder", "clear the placeholder mark: it is a real copy now, no longer a placeholder"),
        ("a b", "a resume(damaged)", "clear the saved state of an interrupted receive: the saved state is damaged"),
        ("x! a!", "a^", "note: the hold offsite on tank/a@x stays: the target does not have that snapshot"),
    ],
)
def test_each_kind_of_step_has_its_words(source: str, target: str, line: str) -> None:
    assert line in plan_text(source, target)


def test_a_resume_names_its_snapshot() -> None:
    line = "    resume tank/a@b (of about 0 B): its stream was interrupted, and what had arrived was saved"
    assert line in list(text.plan_lines(Plan(datasets=(MOVED,))))


def test_a_conflict_is_listed_with_its_next_step() -> None:
    (line,) = plan_text("a", "empty")
    assert line.startswith("conflict: it exists but has no snapshots")
    assert "zfs rename" in line


def test_the_holds_of_a_conflict_are_listed_below_it() -> None:
    conflict, *holds = plan_text("a b", "a changed")
    assert conflict.startswith("conflict: it has changed")
    assert holds == [
        "place the hold offsite on tank/a@a: the newest common snapshot, kept until the conflict is resolved",
        "place the hold offsite:target on off/a@a: it is the newest common snapshot",
    ]


def test_a_placeholder_has_a_reason() -> None:
    plan = plan_of(tree("tank/a", ":empty", "b:a"), target_tree("off/a"))
    assert "    create as a placeholder, unmounted: it has no snapshots, but datasets below it do" in list(
        text.plan_lines(plan)
    )


def test_each_command_that_lets_a_copy_take_a_place_is_listed() -> None:
    source = tree("tank/a", ":encrypted b", "c:encrypted a")
    plan = plan_of(source, target_tree("off/a", ":placeholder", "c:encrypted a"))
    lines = [line.strip() for line in text.plan_lines(plan)]
    beside, why = "off/a.zfs_replicate", "its copy takes the place of the placeholder off/a, which zfs cannot fill"
    assert f"send tank/a@b in full, raw, into {beside} (1 snapshot, about 0 B): there is no copy yet" in lines
    begin = lines.index(f"rename off/a/c to {beside}/c: {why}")
    assert lines[begin + 1 : begin + 3] == [
        f"destroy the empty placeholder off/a: {why}",
        f"rename {beside} to off/a: {why}",
    ]


def test_expiry_and_what_is_kept_come_with_reasons() -> None:
    plan = planned("c!", "a%:40 b:40 c^", keep_days=30)
    lines = list(text.plan_lines(Plan(datasets=(plan,))))
    assert "    expire @b: older than 30 days" in lines
    assert "    keep @a: held by other" in lines


def test_a_dataset_with_nothing_to_do_is_up_to_date() -> None:
    plan = plan_of(tree("tank/a", f":a! {SIGN}"), target_tree("off/a", ":a^"))
    assert list(text.plan_lines(plan)) == ["tank/a → off/a: up to date"]


@pytest.mark.parametrize(("source", "target"), [("a", "a^"), ("a", "empty"), ("x! a!", "a^")])
def test_a_dataset_with_steps_conflict_or_note_is_not_up_to_date(source: str, target: str) -> None:
    plan = plan_of(tree("tank/a", f":{source}"), target_tree("off/a", f":{target}"))
    assert "up to date" not in next(iter(text.plan_lines(plan)))


def test_missing_ancestors_come_first_and_orphans_last() -> None:
    target = Inventory("off/x/a", target_tree("off/x/a", "gone:a").datasets, ("off/x",))
    first, *_, last = text.plan_lines(plan_of(tree("tank/a", ":a"), target))
    assert first == "off/x: create as a parent, unmounted: the copy lies below it"
    assert last == "off/x/a/gone: not on the source; kept"


def test_details_list_notes_and_orphans() -> None:
    plan = plan_of(tree("tank/a", ":x! a!"), target_tree("off/a", ":a^", "gone:a^"))
    assert list(text.detail_lines(plan)) == [
        "off/a: the hold offsite on tank/a@x stays: the target does not have that snapshot",
        "off/a/gone: not on the source; kept",
    ]


def test_details_are_empty_when_all_is_as_it_should_be() -> None:
    assert list(text.detail_lines(plan_of(tree("tank/a", ":a!"), target_tree("off/a", ":a^")))) == []


def test_the_totals_of_a_plan() -> None:
    source = tree("tank/a", ":a! b+1024", "new:a+2048 b", "same:a!", "bad:a")
    target = target_tree("off/a", ":a^", "same:a^", "bad:empty")
    assert text.totals_line(plan_of(source, target)) == (
        "4 datasets, 2 to receive 3 snapshots (about 3.0 KiB); 5 holds to place, 3 to release; 0 snapshots to expire,"
        " 0 kept past their time; 1 CONFLICT"
    )


def test_the_totals_count_expiring_and_kept_snapshots() -> None:
    plan = planned("c!", "a%:40 b:40 c^", keep_days=30)
    assert text.totals_line(Plan(datasets=(plan,))).endswith("1 snapshot to expire, 1 kept past their time")


# --- outcomes ---


def test_an_arrival_shows_bytes_time_and_what_was_resumed() -> None:
    assert text.arrival_line(Outcome(MOVED, byte_count=3 << 20, seconds=1.5)) == (
        "off/a: 3 snapshots, 3.0 MiB in 1.5 s (2.0 MiB/s), resumed: tank/a@b"
    )


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ((), "0 datasets, 0 received: 0 B in 2.0 s (0 B/s)"),
        ((Outcome(MOVED),), "1 dataset, 0 received: 0 B in 2.0 s (0 B/s)"),
        ((Outcome(MOVED, byte_count=2048), Outcome(MOVED)), "2 datasets, 1 received: 2.0 KiB in 2.0 s (1.0 KiB/s)"),
        (
            (Outcome(MOVED, expired=("a",)), Outcome(MOVED, error=OutOfSpace("full"))),
            "2 datasets, 0 received, 1 snapshot expired, 1 FAILED: 0 B in 2.0 s (0 B/s)",
        ),
        ((Outcome(MOVED, expired=("a", "b")),), "1 dataset, 0 received, 2 snapshots expired: 0 B in 2.0 s (0 B/s)"),
    ],
)
def test_the_last_line_sums_up(outcomes: tuple[Outcome, ...], expected: str) -> None:
    assert text.summary_line(Attempt(Plan(), outcomes, 2.0)) == expected


def test_a_run_without_duration_has_a_rate() -> None:
    assert text.summary_line(Attempt(Plan(), (), 0.0)).endswith("(0 B/s)")
