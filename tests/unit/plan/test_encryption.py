"""Encrypted and plain datasets in one tree: what is kept plain, and what a person must decide."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.notation import (
    NOW,
    SOURCE,
    TARGET,
    context,
    plan_of,
    planned,
    source,
    steps,
    target,
    target_tree,
    tree,
    tree_steps,
)
from tests.support.rendering import rendered
from zfs_replicate.config import StatusOptions
from zfs_replicate.model import Dataset, Inventory
from zfs_replicate.plan.pair import Pair
from zfs_replicate.plan.planner import plan_dataset, plan_trees
from zfs_replicate.plan.status import Level, evaluate
from zfs_replicate.plans import DatasetPlan
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
        pair = Pair.of(source("a!* b!"), TARGET, target(target_text))
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


# --- keys ---

OTHER_SIDE = 100
"""What the ivset_guid differs by where a snapshot was encrypted with another key."""


def keyed(dataset: Dataset | None, root: str, difference: int = 0, *, is_loaded: bool = True) -> Dataset:
    """Return the dataset as encrypted below `root`, each snapshot with an ivset_guid that follows from its guid."""
    assert dataset is not None
    snapshots = tuple(replace(entry, ivset_guid=entry.guid + difference) for entry in dataset.snapshots)
    return replace(dataset, is_encrypted=True, snapshots=snapshots, encryption_root=root, is_key_loaded=is_loaded)


def tree_of(*datasets: Dataset) -> Inventory:
    return Inventory(datasets[0].name, {dataset.name: dataset for dataset in datasets})


def keyed_plan(
    datasets: tuple[Dataset, ...], copies: tuple[Dataset, ...], *, is_decrypting: bool = False
) -> DatasetPlan:
    """Given trees, return the plan of the last dataset of the source."""
    return plan_trees(tree_of(*datasets), tree_of(*copies), context(is_decrypting=is_decrypting)).datasets[-1]


def test_copy_of_another_key_is_a_conflict() -> None:
    datasets = (keyed(source("a! b"), SOURCE),)
    conflict = keyed_plan(datasets, (keyed(target("a^"), TARGET, OTHER_SIDE),)).conflict
    assert conflict is not None
    assert conflict.what.startswith("its newest common snapshot @a is encrypted with another key")
    assert f"zfs rename {TARGET} {TARGET}.old-20231114-2213" in conflict.next_step
    assert "--decrypt" not in conflict.next_step
    assert keyed_plan(datasets, (keyed(target("a^"), TARGET),)).conflict is None


def test_copy_that_the_target_encrypts_goes_on_when_asked() -> None:
    trees = (keyed(source("a! b"), SOURCE),), (keyed(target("a^"), "off", OTHER_SIDE),)
    conflict = keyed_plan(*trees).conflict
    assert conflict is not None
    assert "--decrypt" in conflict.next_step
    assert rendered(keyed_plan(*trees, is_decrypting=True)).startswith("hold b; send a..b; verify b")


def test_raw_copy_that_inherits_a_foreign_key_is_a_conflict() -> None:
    datasets = (keyed(source("a! b"), "tank"),)
    conflict = keyed_plan(datasets, (keyed(target("a^"), "off"),)).conflict
    assert conflict is not None
    assert conflict.what.startswith("it inherits its key from off, which has another one")
    command = f"zfs load-key off; in any case: zfs change-key -o keyformat=passphrase -o keylocation=prompt {TARGET}"
    assert command in conflict.next_step


@pytest.mark.parametrize(
    ("parent_root", "child_root", "is_conflict"),
    [("tank", "tank", False), (SOURCE, SOURCE, False), (SOURCE, f"{SOURCE}/c", True)],
)
def test_raw_copy_may_inherit_the_key_that_its_source_inherits(
    parent_root: str, child_root: str, is_conflict: bool
) -> None:
    datasets = (keyed(source("a!"), parent_root), keyed(source("a! b", f"{SOURCE}/c"), child_root))
    copies = (keyed(target("a^"), TARGET), keyed(target("a^", f"{TARGET}/c"), TARGET))
    assert (keyed_plan(datasets, copies).conflict is not None) is is_conflict


def test_locked_copy_of_plain_data_names_the_key() -> None:
    datasets = (source("a!"), source("a! b", f"{SOURCE}/c"))
    parent = keyed(target("a^"), "off/my vault", is_loaded=False)
    for copies in ((parent,), (parent, keyed(target("a^", f"{TARGET}/c"), "off/my vault", is_loaded=False))):
        conflict = keyed_plan(datasets, copies).conflict
        assert conflict is not None
        assert conflict.what == "what arrives for it is encrypted here, and the key of off/my vault is not loaded"
        assert "zfs load-key 'off/my vault'; then run again" in conflict.next_step


def test_status_shows_copies_whose_keys_do_not_fit() -> None:
    for copy, problem in (
        (keyed(target("a^"), TARGET, OTHER_SIDE), "another key than on tank/data"),
        (keyed(target("a^"), "off"), "it inherits its key from off"),
    ):
        (status,) = evaluate(tree_of(copy), tree_of(keyed(source("a!"), SOURCE)), StatusOptions(), NOW).datasets
        assert status.level is Level.WARNING
        assert problem in "".join(status.problems)


@pytest.mark.parametrize("copy", [target("a^"), keyed(target("a^"), "off", OTHER_SIDE)])
def test_status_takes_a_copy_that_arrived_in_plain_for_meant_so(copy: Dataset) -> None:
    (status,) = evaluate(tree_of(copy), tree_of(keyed(source("a!"), SOURCE)), StatusOptions(), NOW).datasets
    assert (status.level, len(status.notes)) == (Level.OK, 1)


# --- placeholders ---


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
