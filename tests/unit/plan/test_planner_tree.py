"""Whole trees: how names map, what is left out, what is created on the way, what is only on the target."""

from __future__ import annotations

import pytest

from tests.support.notation import SOURCE, TARGET, plan_of, target_tree, tree, tree_steps
from zfs_replicate.steps import CreateParent

FULL = "hold a; send a as new; verify a; hold-target a"
DONE = "nothing"


def test_names_map_by_their_path_below_the_roots() -> None:
    theirs = tree("tank/data", ":a", "vm:a", "vm/one:a")
    assert tree_steps(theirs, target_tree("off/deep/copy")) == {
        "off/deep/copy": FULL,
        "off/deep/copy/vm": FULL,
        "off/deep/copy/vm/one": FULL,
    }


def test_a_pool_is_a_root_like_any_other() -> None:
    assert tree_steps(tree("tank", ":a", "vm:a"), target_tree("off", ":a^")) == {"off": "hold a", "off/vm": FULL}


def test_a_target_maps_only_to_its_own_counterpart() -> None:
    """`tank/data2` begins like `tank/data`, but lies beside it."""
    theirs = tree("tank", "data:a!", "data2:a")
    ours = target_tree("off", ":placeholder", "data:a^")
    assert tree_steps(theirs, ours) == {"off/data": DONE, "off/data2": FULL}


def test_a_name_that_repeats_the_root_maps_once() -> None:
    theirs = tree("tank/a", ":a", "tank/a:a")
    assert list(tree_steps(theirs, target_tree("off"))) == ["off", "off/tank/a"]


def test_datasets_are_planned_each_for_itself() -> None:
    theirs = tree(SOURCE, ":a! b", "new:a", "done:a!", "bad:a")
    ours = target_tree(TARGET, ":a^", "done:a^", "bad:x")
    assert tree_steps(theirs, ours) == {
        TARGET: "hold b; send a..b; verify b; hold-target b; release-target a; release a",
        f"{TARGET}/new": FULL,
        f"{TARGET}/done": DONE,
        f"{TARGET}/bad": "conflict",
    }


def test_plans_come_parents_first() -> None:
    theirs = tree(SOURCE, ":a", "b:a", "b/c:a", "d:a")
    assert [each.target for each in plan_of(theirs, target_tree(TARGET)).datasets] == [
        TARGET,
        f"{TARGET}/b",
        f"{TARGET}/b/c",
        f"{TARGET}/d",
    ]


# --- placeholders ---


def test_a_parent_without_snapshots_becomes_a_placeholder() -> None:
    theirs = tree(SOURCE, ":empty", "vm:empty", "vm/one:a", "plain:empty")
    assert tree_steps(theirs, target_tree(TARGET)) == {
        TARGET: "create placeholder",
        f"{TARGET}/vm": "create placeholder",
        f"{TARGET}/vm/one": FULL,
        f"{TARGET}/plain": "nothing",
    }


def test_a_placeholder_whose_source_has_snapshots_now_is_filled() -> None:
    theirs = tree(SOURCE, ":a", "vm:a!")
    ours = target_tree(TARGET, ":placeholder", "vm:a^")
    assert tree_steps(theirs, ours) == {
        TARGET: "hold a; send a as new onto placeholder; clear placeholder; verify a; hold-target a",
        f"{TARGET}/vm": DONE,
    }


# --- excludes ---


@pytest.mark.parametrize(
    ("excludes", "left"),
    [
        ((), ["", "swap", "vm", "vm/one", "vm/one/tmp", "vm/two"]),
        (("swap",), ["", "vm", "vm/one", "vm/one/tmp", "vm/two"]),
        (("vm",), ["", "swap"]),
        (("vm/*",), ["", "swap", "vm"]),
        (("vm/*/tmp",), ["", "swap", "vm", "vm/one", "vm/two"]),
        (("*",), [""]),
        (("swap", "vm/t*"), ["", "vm", "vm/one", "vm/one/tmp"]),
        (("wap", "v"), ["", "swap", "vm", "vm/one", "vm/one/tmp", "vm/two"]),
    ],
)
def test_excludes_leave_out_datasets_with_all_below(excludes: tuple[str, ...], left: list[str]) -> None:
    theirs = tree(SOURCE, ":a", "swap:a", "vm:a", "vm/one:a", "vm/one/tmp:a", "vm/two:a")
    found = tree_steps(theirs, target_tree(TARGET), excludes)
    assert list(found) == [f"{TARGET}/{path}" if path else TARGET for path in left]


def test_an_excluded_child_needs_no_placeholder_above_it() -> None:
    theirs = tree(SOURCE, ":a", "vm:empty", "vm/one:a")
    assert tree_steps(theirs, target_tree(TARGET), ("vm/one",))[f"{TARGET}/vm"] == "nothing"


# --- orphans ---


def test_what_only_the_target_has_is_an_orphan_and_not_planned() -> None:
    theirs = tree(SOURCE, ":a!", "vm:a!")
    ours = target_tree(TARGET, ":a^", "vm:a^", "gone:a^", "gone/too:a^")
    made = plan_of(theirs, ours)
    assert made.orphans == (f"{TARGET}/gone", f"{TARGET}/gone/too")
    assert [each.target for each in made.datasets] == [TARGET, f"{TARGET}/vm"]


def test_an_excluded_dataset_is_no_orphan() -> None:
    made = plan_of(tree(SOURCE, ":a!", "vm:a!"), target_tree(TARGET, ":a^", "vm:a^"), excludes=("vm",))
    assert made.orphans == ()


# --- missing ancestors ---


def test_missing_ancestors_are_created_top_first() -> None:
    made = plan_of(tree(SOURCE, ":a"), target_tree("off/a/b/c", missing=("off/a", "off/a/b")))
    assert made.ancestors == (
        CreateParent("off/a", is_placeholder=False),
        CreateParent("off/a/b", is_placeholder=False),
    )


def test_missing_ancestors_are_created_for_a_placeholder_too() -> None:
    made = plan_of(tree(SOURCE, ":empty", "vm:a"), target_tree("off/a/b", missing=("off/a",)))
    assert made.ancestors == (CreateParent("off/a", is_placeholder=False),)


@pytest.mark.parametrize("lines", [(":empty",), (":empty", "vm:empty")])
def test_missing_ancestors_stay_missing_when_nothing_comes_below_them(lines: tuple[str, ...]) -> None:
    assert plan_of(tree(SOURCE, *lines), target_tree("off/a/b", missing=("off/a",))).ancestors == ()
