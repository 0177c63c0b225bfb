"""Placeholders that zfs cannot fill: the copy is received beside them, and takes their place."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.beside import BESIDE, COPIES, SOURCE, conflict_text, keyed, of_source, planned
from tests.support.notation import NOW, context, plan_of, target_tree, tree, tree_steps
from tests.support.rendering import rendered
from zfs_replicate.config import StatusOptions
from zfs_replicate.model import Kind
from zfs_replicate.plan.planner import plan_trees
from zfs_replicate.plan.status import evaluate
from zfs_replicate.zfs import names

STEPS = f"hold b; send b raw as new at {BESIDE}; take place c v -.; verify b; hold-target b"


def test_a_raw_copy_is_received_beside_a_placeholder() -> None:
    assert tree_steps(SOURCE, target_tree("o", *COPIES, "p:placeholder")) == {
        "o": "nothing",
        "o/p": STEPS,
        "o/p/c": "nothing",
        "o/p/v": "nothing",
    }


@pytest.mark.parametrize(
    ("beside", "place", "expected"),
    [
        ("resume(b,raw)", "placeholder", STEPS.replace("send b raw", "resume b")),
        ("resume(x,raw)", "placeholder", STEPS.replace("send", f"abort at {BESIDE}; send")),
        ("encrypted b", "placeholder", "hold b; take place c v -.; hold-target b"),
        ("encrypted b^", "absent", "hold b; take place"),
        ("resume(b,raw)", "absent", STEPS.replace("send b raw", "resume b").replace(" c v -.", "")),
    ],
)
def test_a_run_goes_on_from_each_state_of_another(beside: str, place: str, expected: str) -> None:
    lines = COPIES if place != "absent" else COPIES[:1]
    copies = target_tree("o", *lines, f"p:{place}", f"p.zfs_replicate:{beside}")
    assert rendered(planned(SOURCE, of_source(copies))) == expected


def test_a_copy_that_has_moved_is_known_by_its_later_name() -> None:
    moved = ("p.zfs_replicate:encrypted b", "p.zfs_replicate/c:encrypted a^", "p/v:encrypted volume a^")
    plan = plan_of(SOURCE, target_tree("o", ":a^", "p:placeholder", *moved))
    assert {dataset.target: rendered(dataset) for dataset in plan.datasets} == {
        "o": "nothing",
        "o/p": "hold b; take place v -.; hold-target b",
        "o/p/c": "nothing",
        "o/p/v": "nothing",
    }
    assert plan.orphans == ()


def test_the_copy_of_the_root_is_beside_it() -> None:
    source = tree("t", ":encrypted b", "c:encrypted a!")
    beside = target_tree("o/p.zfs_replicate", ":encrypted b", "c:encrypted a^").datasets
    for target, acts in ((target_tree("o/p", ":placeholder"), " -."), (target_tree("o/p"), "")):
        texts = tree_steps(source, replace(target, beside=beside))
        assert texts == {"o/p": f"hold b; take place{acts}; hold-target b", "o/p/c": "nothing"}


def test_nothing_but_a_placeholder_is_replaced() -> None:
    copies = target_tree("o", *COPIES, "p:encrypted b^", "p.zfs_replicate:encrypted b")
    plan = plan_of(SOURCE, copies)
    assert plan.orphans == (BESIDE,)
    assert rendered(planned(SOURCE, copies)) == "hold b"


@pytest.mark.parametrize("beside", ["x", "empty", "changed a~", "resume(x,raw)"])
def test_something_else_beside_a_placeholder_is_a_conflict(beside: str) -> None:
    copies = target_tree("o", *COPIES, "p:placeholder", f"p.zfs_replicate:{beside}")
    plan = planned(SOURCE, copies)
    assert rendered(plan) == "conflict"
    assert f"zfs rename {BESIDE} {BESIDE}.old-20231114-2213; then run again" in conflict_text(plan)
    assert rendered(planned(SOURCE, copies, "o/p/c")) == "nothing"


def test_a_copy_on_its_way_on_the_source_is_left_out() -> None:
    """In a chain: by the name of now, it would be sent in full, and be in the way later."""
    source = tree("t", ":a!", "p:empty", "p.zfs_replicate:b!", "p.zfs_replicate/c:a! b")
    plan = plan_of(source, target_tree("o", ":a^", "p:placeholder", "p/c:a^"))
    assert [dataset.source for dataset in plan.datasets] == ["t", "t/p"]
    assert plan.orphans == ()


def test_status_shows_a_copy_that_waits_for_its_source() -> None:
    source = tree("t", ":a!", "p:empty", "p.zfs_replicate:b!", "p.zfs_replicate/c:a! b")
    target = target_tree("o", ":a^", "p:placeholder", "p/c:a^")
    (status,) = (one for one in evaluate(target, source, StatusOptions(), NOW).datasets if one.name == "o/p/c")
    assert (status.newest, status.is_orphan) == ("a", False)
    assert status.notes[0].startswith("on the source, a copy of it is on its way to its place")


def test_a_used_placeholder_is_a_conflict() -> None:
    for beside in ((), ("p.zfs_replicate:encrypted b",)):
        plan = planned(SOURCE, target_tree("o", *COPIES, "p:placeholder used", *beside))
        assert "data has been written to it since" in conflict_text(plan)


def test_nothing_goes_on_below_a_copy_half_in_its_place() -> None:
    source = tree("t", ":a!", "p:encrypted b", "p/c:encrypted a! b")
    moved = ("p.zfs_replicate:encrypted b", "p.zfs_replicate/c:encrypted a^")
    plans = tree_steps(source, target_tree("o", ":a^", "p:placeholder used", *moved))
    assert plans["o/p/c"] == "conflict"


def test_a_copy_gets_to_its_place_in_spite_of_a_conflict() -> None:
    source = tree("t", ":a!", "p:encrypted b! c", "p/c:encrypted a!")
    copies = target_tree("o", ":a^", "p:placeholder", "p.zfs_replicate:encrypted b changed", "p/c:encrypted a^")
    assert rendered(planned(source, copies)) == "conflict; hold-own b; take place c -.; hold-target b"


def test_a_volume_in_place_of_a_placeholder_stays_a_conflict() -> None:
    source = tree("t", ":a!", "p:encrypted volume b")
    assert "it is a filesystem, but t/p is a volume" in conflict_text(
        planned(source, target_tree("o", ":a^", "p:placeholder"))
    )


def test_the_root_of_a_pool_cannot_be_replaced() -> None:
    plan = planned(tree("t", ":encrypted b", "c:a!"), target_tree("o", ":placeholder", "c:a^"), "o")
    assert "it is the root of a pool" in conflict_text(plan)
    assert "-l o/t" in conflict_text(plan)


def test_names_that_would_be_too_long_meanwhile_are_a_conflict() -> None:
    deep = "x" * (names.MAX_NAME_LENGTH - len("o/p/") - len("@a"))
    source = tree("t", ":a!", "p:encrypted b", f"p/{deep}:encrypted a!")
    plan = planned(source, target_tree("o", ":a^", "p:placeholder", f"p/{deep}:encrypted a^"))
    assert f"{BESIDE}/{deep}@a would be 269 bytes long" in conflict_text(plan)


def test_room_is_made_once_the_copy_is_in_its_place() -> None:
    source = tree("t", ":a!", "p:encrypted a!:40 b! c+80", "p/c:encrypted a!")
    lines = ("p:placeholder room(40)", "p.zfs_replicate:encrypted a:40+80 b^", "p/c:encrypted a^")
    plan = plan_trees(source, target_tree("o", ":a^", *lines), context(keep_days=30)).datasets[1]
    assert rendered(plan).startswith("hold c; take place c -.; make room a; send b..c raw")


# --- keys ---


def test_an_encrypted_placeholder_is_not_filled_in_plain() -> None:
    source = tree("t", ":a!", "p:b", "p/c:a!")
    copies = keyed(target_tree("o", ":a^", "p:placeholder", "p/c:a^"), dict.fromkeys(("o", "o/p", "o/p/c"), "o"))
    expected = f"hold b; send b as new at {BESIDE}; take place c -.; verify b; hold-target b"
    assert rendered(planned(source, copies)) == expected


def test_a_plain_placeholder_is_filled_as_ever() -> None:
    source = tree("t", ":a!", "p:b", "p/c:a!")
    text = rendered(planned(source, target_tree("o", ":a^", "p:placeholder", "p/c:a^")))
    assert "send b as new onto placeholder; clear placeholder" in text


def test_a_plain_copy_below_a_raw_one_is_received_beside() -> None:
    source = tree("t", ":encrypted a!", "p:b", "p/c:a!")
    copies = keyed(target_tree("o", ":a^", "p:placeholder", "p/c:a^"), {"o": "o"})
    expected = f"hold b; send b as new kept plain at {BESIDE}; take place c -.; verify b; hold-target b"
    assert rendered(planned(source, copies)) == expected


def test_a_placeholder_that_needs_a_key_is_made_anew() -> None:
    source = tree("t", ":a!", "p:encrypted b", "p/q:encrypted b", "p/q/c:encrypted a!")
    copies = target_tree("o", ":a^", "p:placeholder", "p/q:placeholder", "p/q/c:a^")
    vault = keyed(copies, {"o": "o", "o/p": "o", "o/p/q": "o", "o/p/q/c": "o/p/q/c"})
    texts = tree_steps(source, vault)
    assert "take place +q q/c -q -.; verify b" in texts["o/p"]
    assert texts["o/p/q"].startswith("hold b; send b raw as new at o/p/q.zfs_replicate; take place c -.; verify b")


def test_a_placeholder_that_was_made_anew_already_is_filled() -> None:
    source = tree("t", ":a!", "p:encrypted b", "p/q:encrypted empty", "p/q/c:encrypted a!")
    half = ("p.zfs_replicate:b", "p.zfs_replicate/q:placeholder", "p/q:placeholder", "p/q/c:a^")
    roots = {"o": "o", "o/p": "o", "o/p/q": "o", "o/p/q/c": "o/p/q/c", BESIDE: BESIDE}
    texts = tree_steps(source, keyed(target_tree("o", ":a^", "p:placeholder", *half), roots))
    assert texts["o/p"] == "hold b; take place q/c -q -.; hold-target b"
    assert (texts["o/p/q"], texts["o/p/q/c"]) == ("nothing", "nothing")


def test_a_copy_with_the_key_of_the_vault_is_a_conflict() -> None:
    source = tree("t", ":a!", "p:encrypted b", "p/c:a!")
    copies = target_tree("o", ":a^", "p:placeholder", "p/c:a^")
    plan = planned(source, keyed(copies, dict.fromkeys(("o", "o/p", "o/p/c"), "o")))
    assert "nor move o/p/c below a copy in its place, because that inherits its key from o" in conflict_text(plan)
    assert "zfs change-key -o keyformat=passphrase -o keylocation=prompt o/p/c" in conflict_text(plan)
    own = keyed(copies, {"o": "o", "o/p": "o", "o/p/c": "o/p/c"})
    assert "take place c -." in rendered(planned(source, own))


def test_a_placeholder_with_its_own_key_takes_no_plain_data() -> None:
    source = tree("t", ":a!", "p:b", "p/c:a!")
    copies = target_tree("o", ":a^", "p:placeholder", "p/c:a^")
    plan = planned(source, keyed(copies, {"o/p": "o/p", "o/p/c": "o/p"}))
    assert "it has a key of its own" in conflict_text(plan)
    assert "-l o/p/p" in conflict_text(plan)


def test_a_child_that_is_there_twice_is_a_conflict() -> None:
    twice = ("p.zfs_replicate:encrypted b", "p.zfs_replicate/c:encrypted a^")
    plan = planned(SOURCE, target_tree("o", *COPIES, "p:placeholder", *twice))
    assert "o/p/c cannot be moved below the copy, which has a dataset of that name" in conflict_text(plan)


# --- beside the plan ---


def test_status_knows_placeholder_and_copy_by_one_name() -> None:
    for copies, is_unfinished in (((), False), (("p.zfs_replicate:resume(b,raw)",), True)):
        target = target_tree("o", *COPIES, "p:placeholder", *copies)
        report = evaluate(target, SOURCE, StatusOptions(), NOW)
        (status,) = (dataset for dataset in report.datasets if dataset.name == "o/p")
        assert status.is_unfinished is is_unfinished
        assert [dataset.name for dataset in report.datasets] == ["o", "o/p", "o/p/c", "o/p/v"]


def test_status_says_where_a_copy_is_before_it_is_in_its_place() -> None:
    target = target_tree("o", *COPIES, "p:placeholder", "p.zfs_replicate:encrypted b^")
    (status,) = (entry for entry in evaluate(target, SOURCE, StatusOptions(), NOW).datasets if entry.name == "o/p")
    assert status.newest == "b"
    (note,) = status.notes
    assert note.startswith(f"its copy is {BESIDE} until the next run")


def test_a_source_without_snapshots_leaves_the_copy_beside() -> None:
    source = tree("t", ":a!", "p:encrypted empty", "p/c:encrypted a!")
    copies = target_tree("o", ":a^", "p:placeholder", "p/c:encrypted a^", "p.zfs_replicate:resume(b,raw)")
    plan = plan_trees(source, copies, context())
    assert [rendered(dataset) for dataset in plan.datasets] == ["nothing"] * 3
    assert plan.orphans == (BESIDE,)


def test_a_bookmark_is_enough_to_know_a_copy_beside() -> None:
    source = tree("t", ":a!", "p:encrypted #b", "p/c:encrypted a!")
    copies = target_tree("o", ":a^", "p:placeholder", "p/c:encrypted a^", "p.zfs_replicate:encrypted b^")
    plans = tree_steps(source, copies)
    assert plans["o/p"] == "take place c -."


def test_moved_volumes_are_known_as_such() -> None:
    plan = planned(SOURCE, target_tree("o", *COPIES, "p:placeholder"))
    (step,) = (step for step in plan.steps if type(step).__name__ == "TakePlace")
    assert [act.kind for act in step.acts[:2]] == [Kind.FILESYSTEM, Kind.VOLUME]  # type: ignore[union-attr]
