"""Plans of whole trees: mapped names, excluded datasets, placeholders, ancestors and orphans."""

from __future__ import annotations

import pytest

from tests.support.notation import SOURCE, TARGET, plan_of, target_tree, tree, tree_steps
from zfs_replicate.steps import CreateParent

FULL = "hold a; send a as new; verify a; hold-target a"
DONE = "nothing"


def test_names_map_by_their_path_below_the_roots() -> None:
    source = tree("tank/data", ":a", "vm:a", "vm/one:a")
    assert tree_steps(source, target_tree("off/deep/copy")) == {
        "off/deep/copy": FULL,
        "off/deep/copy/vm": FULL,
        "off/deep/copy/vm/one": FULL,
    }


def test_a_pool_is_a_root_like_any_other() -> None:
    assert tree_steps(tree("tank", ":a", "vm:a"), target_tree("off", ":a^")) == {"off": "hold a", "off/vm": FULL}


def test_a_target_maps_only_to_its_own_counterpart() -> None:
    """`tank/data2` has `tank/data` as a prefix, but is its sibling."""
    source = tree("tank", "data:a!", "data2:a")
    target = target_tree("off", ":placeholder", "data:a^")
    assert tree_steps(source, target) == {"off/data": DONE, "off/data2": FULL}


def test_a_name_that_repeats_the_root_maps_once() -> None:
    source = tree("tank/a", ":a", "tank/a:a")
    assert list(tree_steps(source, target_tree("off"))) == ["off", "off/tank/a"]


def test_datasets_are_planned_each_for_itself() -> None:
    source = tree(SOURCE, ":a! b", "new:a", "done:a!", "bad:a")
    target = target_tree(TARGET, ":a^", "done:a^", "bad:x")
    assert tree_steps(source, target) == {
        TARGET: "hold b; send a..b; verify b; hold-target b; release a; release-target a",
        f"{TARGET}/new": FULL,
        f"{TARGET}/done": DONE,
        f"{TARGET}/bad": "conflict",
    }


def test_plans_come_parents_first() -> None:
    source = tree(SOURCE, ":a", "b:a", "b/c:a", "d:a")
    assert [plan.target for plan in plan_of(source, target_tree(TARGET)).datasets] == [
        TARGET,
        f"{TARGET}/b",
        f"{TARGET}/b/c",
        f"{TARGET}/d",
    ]


# --- below a conflict ---

HOLD_BASE = "hold b; send a..b; verify b; hold-target b"


@pytest.mark.parametrize(
    ("source", "target"),
    [
        # somebody's live dataset, say after a typing error in -l
        ("a", "empty changed"),
        ("a", "x"),
        # a volume became a tree, and the reverse
        ("a", "volume a"),
        ("volume a", "a"),
        ("a", "placeholder used"),
        ("a b", "a changed"),
    ],
)
@pytest.mark.parametrize("child", ["absent", "empty", "placeholder", "x", "volume x", "resume(a)"])
def test_nothing_is_begun_below_a_conflict(source: str, target: str, child: str) -> None:
    tree_steps_below = tree_steps(
        tree(SOURCE, f":{source}", "c:a", "c/d:a", "e:empty", "e/f:a"), target_tree(TARGET, f":{target}", f"c:{child}")
    )
    assert tree_steps_below.pop(TARGET).startswith("conflict")
    assert set(tree_steps_below.values()) == {"conflict"}


def test_only_the_topmost_conflict_gives_advice() -> None:
    source = tree(SOURCE, ":a", "b:a", "b/c:a", "d:a")
    plans = plan_of(source, target_tree(TARGET, ":empty", "b:x")).datasets
    conflicts = [plan.conflict for plan in plans if plan.conflict is not None]
    assert len(conflicts) == 4
    assert "zfs rename" in conflicts[0].next_step
    assert {(conflict.what, conflict.next_step) for conflict in conflicts[1:]} == {
        (f"it is not begun, because {TARGET} above it is in conflict", "resolve that one first, then run again")
    }


def test_a_copy_goes_on_below_a_conflict() -> None:
    """It is the copy of its source, by guid; stopping all of a mirror because its root was touched would be worse."""
    source = tree(SOURCE, ":a b", "p:a! b", "p/new:a", "q:a b", "r:a! #b c")
    target = target_tree(TARGET, ":a changed", "p:a^", "q:a changed", "r:a^ b^")
    conflict = "conflict; hold a; hold-target a"
    assert tree_steps(source, target) == {
        TARGET: conflict,
        f"{TARGET}/p": "hold b; send a..b; verify b; hold-target b; release a; release-target a",
        f"{TARGET}/p/new": "conflict",
        f"{TARGET}/q": conflict,
        f"{TARGET}/r": "hold c; send #b..c; verify c; hold-target c; release a; release-target a b",
    }


def test_a_sibling_of_a_conflict_is_begun() -> None:
    source = tree(SOURCE, ":a!", "data:a", "data2:a")
    assert tree_steps(source, target_tree(TARGET, ":a^", "data:x"))[f"{TARGET}/data2"] == FULL


def test_a_dataset_with_nothing_to_do_is_no_conflict_below_one() -> None:
    source = tree(SOURCE, ":a", "c:empty")
    assert tree_steps(source, target_tree(TARGET, ":empty"))[f"{TARGET}/c"] == "nothing"


# --- placeholders ---


def test_a_parent_without_snapshots_becomes_a_placeholder() -> None:
    source = tree(SOURCE, ":empty", "vm:empty", "vm/one:a", "plain:empty")
    assert tree_steps(source, target_tree(TARGET)) == {
        TARGET: "create placeholder",
        f"{TARGET}/vm": "create placeholder",
        f"{TARGET}/vm/one": FULL,
        f"{TARGET}/plain": "nothing",
    }


def test_a_placeholder_whose_source_has_snapshots_now_is_filled() -> None:
    source = tree(SOURCE, ":a", "vm:a!")
    target = target_tree(TARGET, ":placeholder", "vm:a^")
    assert tree_steps(source, target) == {
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
    source = tree(SOURCE, ":a", "swap:a", "vm:a", "vm/one:a", "vm/one/tmp:a", "vm/two:a")
    planned = tree_steps(source, target_tree(TARGET), excludes)
    assert list(planned) == [f"{TARGET}/{path}" if path else TARGET for path in left]


def test_an_excluded_child_needs_no_placeholder_as_its_parent() -> None:
    source = tree(SOURCE, ":a", "vm:empty", "vm/one:a")
    assert tree_steps(source, target_tree(TARGET), ("vm/one",))[f"{TARGET}/vm"] == "nothing"


# --- orphans ---


def test_a_dataset_only_on_the_target_is_an_unplanned_orphan() -> None:
    source = tree(SOURCE, ":a!", "vm:a!")
    target = target_tree(TARGET, ":a^", "vm:a^", "gone:a^", "gone/too:a^")
    plan = plan_of(source, target)
    assert plan.orphans == (f"{TARGET}/gone", f"{TARGET}/gone/too")
    assert [dataset.target for dataset in plan.datasets] == [TARGET, f"{TARGET}/vm"]


def test_an_excluded_dataset_is_not_an_orphan() -> None:
    plan = plan_of(tree(SOURCE, ":a!", "vm:a!"), target_tree(TARGET, ":a^", "vm:a^"), excludes=("vm",))
    assert plan.orphans == ()


# --- missing ancestors ---


def test_missing_ancestors_are_created_top_first() -> None:
    plan = plan_of(tree(SOURCE, ":a"), target_tree("off/a/b/c", missing=("off/a", "off/a/b")))
    assert plan.ancestors == (
        CreateParent("off/a", is_placeholder=False),
        CreateParent("off/a/b", is_placeholder=False),
    )


def test_missing_ancestors_are_created_for_a_placeholder_too() -> None:
    plan = plan_of(tree(SOURCE, ":empty", "vm:a"), target_tree("off/a/b", missing=("off/a",)))
    assert plan.ancestors == (CreateParent("off/a", is_placeholder=False),)


@pytest.mark.parametrize("lines", [(":empty",), (":empty", "vm:empty")])
def test_missing_ancestors_are_not_created_for_nothing(lines: tuple[str, ...]) -> None:
    assert plan_of(tree(SOURCE, *lines), target_tree("off/a/b", missing=("off/a",))).ancestors == ()
