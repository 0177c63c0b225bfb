"""Encrypted and plain datasets in one tree: what is kept plain, and what a person must decide."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.notation import (
    SOURCE,
    TARGET,
    context,
    plan_of,
    planned,
    rendered,
    source,
    steps,
    target,
    target_tree,
    tree,
    tree_steps,
)
from zfs_replicate.plan.pair import Pair
from zfs_replicate.plan.planner import plan_dataset
from zfs_replicate.steps import CreateParent

RAW = "hold a; send a raw as new; verify a; hold-target a"
PLAIN = "hold a; send a as new; verify a; hold-target a"
KEPT_PLAIN = "hold a; send a as new kept plain; verify a; hold-target a"


def test_plain_dataset_below_a_raw_one_is_kept_plain() -> None:
    datasets = tree(SOURCE, ":encrypted a", "plain:a", "plain/below:a", "volume:volume a", "secret:encrypted a")
    assert tree_steps(datasets, target_tree(TARGET)) == {
        TARGET: RAW,
        f"{TARGET}/plain": KEPT_PLAIN,
        f"{TARGET}/plain/below": PLAIN,
        f"{TARGET}/volume": KEPT_PLAIN,
        f"{TARGET}/secret": RAW,
    }


def test_plain_dataset_below_an_existing_raw_copy_is_kept_plain() -> None:
    datasets = tree(SOURCE, ":encrypted empty", "plain:a")
    assert tree_steps(datasets, target_tree(TARGET, ":encrypted x"))[f"{TARGET}/plain"] == KEPT_PLAIN


def test_increments_and_resumed_streams_are_not_kept_plain() -> None:
    parent = Pair.of(source("encrypted a!"), TARGET, target("encrypted a^"))
    for target_text, streams in (("a^", "send a..b"), ("resume(a)", "resume a as new; send a..b")):
        pair = Pair.of(source("a! b!"), TARGET, target(target_text))
        plan = plan_dataset(replace(pair, parent=parent), is_parent=False, context=context())
        assert rendered(plan).startswith(f"{streams}; verify b")


def test_plain_dataset_in_an_encrypted_vault_is_encrypted_by_it() -> None:
    datasets = tree(SOURCE, ":a!", "plain:a")
    for copies in (target_tree(TARGET, is_in_encrypted=True), target_tree(TARGET, ":encrypted a^")):
        assert tree_steps(datasets, copies)[f"{TARGET}/plain"] == PLAIN


def test_plain_dataset_is_never_stored_in_plain_in_a_vault() -> None:
    datasets = tree(SOURCE, ":encrypted a!", "plain:a", "empty:empty", "empty/plain:a", "old:a")
    copies = target_tree(TARGET, ":encrypted a^", "old:a^", is_in_encrypted=True)
    texts = tree_steps(datasets, copies)
    assert texts[f"{TARGET}/plain"] == texts[f"{TARGET}/empty/plain"] == "conflict"
    assert texts[f"{TARGET}/old"] == "hold a"
    (conflict,) = {plan.conflict for plan in plan_of(datasets, copies).datasets if plan.target == f"{TARGET}/plain"}
    assert conflict is not None
    assert f"{SOURCE}/plain is not encrypted" in conflict.what


def test_encrypted_source_never_leaves_in_plain_unasked() -> None:
    assert steps("encrypted a! b", "a^") == "conflict"
    assert steps("encrypted volume a! b", "volume a^") == "conflict"
    assert steps("encrypted a! b", "a^ resume(a..b)") == "conflict"
    assert steps("encrypted a!", "a^") == "nothing"


def test_conflict_of_a_plain_copy_names_the_ways_out() -> None:
    conflict = planned("encrypted a! b", "a^").conflict
    assert conflict is not None
    assert conflict.what.startswith(f"{SOURCE} is encrypted, but this copy of it is not")
    assert f"zfs rename {TARGET} {TARGET}.old-20231114-2213" in conflict.next_step
    assert "--decrypt" in conflict.next_step


@pytest.mark.parametrize(
    ("copy", "expected"),
    [
        ("absent", "send a as new; send a..b"),
        ("a", "send a..b"),
        ("encrypted a", "send a..b raw"),
        ("resume(a)", "resume a as new; send a..b"),
        ("encrypted resume(a,raw)", "abort; send a as new; send a..b"),
    ],
)
def test_decrypting_sends_in_plain_but_keeps_raw_copies_raw(copy: str, expected: str) -> None:
    text = steps("encrypted a b", copy, plan_context=context(is_decrypting=True))
    assert "; ".join(part for part in text.split("; ") if part.startswith(("send", "resume", "abort"))) == expected


def test_placeholder_below_a_raw_copy_is_created_plain() -> None:
    datasets = tree(SOURCE, ":encrypted a", "empty:encrypted empty", "empty/secret:encrypted a")
    plans = {plan.target: plan for plan in plan_of(datasets, target_tree(TARGET)).datasets}
    assert plans[f"{TARGET}/empty"].steps == (CreateParent(f"{TARGET}/empty", True, is_kept_plain=True),)


def test_placeholder_elsewhere_is_created_as_its_parent_is() -> None:
    datasets = tree(SOURCE, ":encrypted empty", "secret:encrypted a")
    plans = {plan.target: plan for plan in plan_of(datasets, target_tree(TARGET)).datasets}
    assert plans[TARGET].steps == (CreateParent(TARGET, True),)


# --- parents in an encrypted vault whose key may not be loaded ---


@pytest.mark.parametrize(
    ("lines", "may_be_plain"),
    [
        ((":encrypted empty", "secret:encrypted a"), True),
        ((":empty", "secret:encrypted a", "bare:empty"), True),
        ((":encrypted empty", "secret:encrypted a", "plain:a"), False),
    ],
)
def test_parents_may_be_plain_where_only_raw_copies_follow(lines: tuple[str, ...], may_be_plain: bool) -> None:
    plan = plan_of(tree(SOURCE, *lines), target_tree("off/v/copy", missing=("off/v",), is_in_encrypted=True))
    assert plan.ancestors == (CreateParent("off/v", False, may_be_plain=may_be_plain),)
    assert plan.datasets[0].steps == (CreateParent("off/v/copy", True, may_be_plain=may_be_plain),)


def test_parents_outside_of_a_vault_are_created_as_usual() -> None:
    plan = plan_of(tree(SOURCE, ":encrypted a"), target_tree("off/v/copy", missing=("off/v",)))
    assert plan.ancestors == (CreateParent("off/v", False),)


def test_only_what_is_below_counts_for_a_parent() -> None:
    datasets = tree(SOURCE, ":empty", "p:empty", "p/secret:encrypted a", "plain:a")
    plans = {plan.target: plan for plan in plan_of(datasets, target_tree(TARGET, is_in_encrypted=True)).datasets}
    assert plans[TARGET].steps == (CreateParent(TARGET, True),)
    assert plans[f"{TARGET}/p"].steps == (CreateParent(f"{TARGET}/p", True, may_be_plain=True),)


@pytest.mark.parametrize(
    ("copies", "is_parent_plain"),
    [((":placeholder",), False), ((":placeholder", "plain:placeholder"), False), ((), True)],
)
def test_a_plain_parent_in_a_vault_takes_no_plain_data(copies: tuple[str, ...], is_parent_plain: bool) -> None:
    datasets = tree(SOURCE, ":empty", "plain:a", "secret:encrypted a")
    target = target_tree(TARGET, *copies, is_in_encrypted=True, is_parent_plain=is_parent_plain)
    plans = {plan.target: plan for plan in plan_of(datasets, target).datasets}
    conflict = plans[f"{TARGET}/plain"].conflict
    assert conflict is not None
    assert "the parent of its copy was created in plain" in conflict.what
    assert rendered(plans[f"{TARGET}/secret"]) == RAW


def test_an_encrypted_parent_in_a_vault_takes_plain_data() -> None:
    datasets = tree(SOURCE, ":empty", "plain:a")
    target = target_tree(TARGET, ":encrypted placeholder", is_in_encrypted=True)
    assert tree_steps(datasets, target)[f"{TARGET}/plain"] == PLAIN
