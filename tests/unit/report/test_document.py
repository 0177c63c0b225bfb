"""The report describes each kind of run correctly, and matches its schema."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import jsonschema
import pytest

from tests.support import TOP
from tests.support.notation import SIGN, TAG, context, guid_of, plan_of, planned, target_tree, tree
from tests.support.reported_runs import BEGAN, carried_out, good_run, lost_run, plan, run
from zfs_replicate.errors import OutOfSpace, StreamBroken
from zfs_replicate.plans import Attempt, Plan
from zfs_replicate.report import document
from zfs_replicate.report.record import Run
from zfs_replicate.run.ledger import Ledger
from zfs_replicate.steps import Expire, ExpiringSnapshot, Send, Verify

SCHEMA = json.loads((TOP / "docs" / "report.schema.json").read_text())


def report_of(run: Run) -> Any:
    """Return the report as a reader gets it, after checking it against the schema."""
    data = json.loads(document.text(run))
    jsonschema.Draft202012Validator(SCHEMA).validate(data)
    return data


def dataset_of(run: Run) -> Any:
    (dataset,) = report_of(run)["datasets"]
    return dataset


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_schema_refuses_unknown_keys() -> None:
    data = report_of(good_run())
    data["datasets"][0]["steps"][0]["surprise"] = 1
    with pytest.raises(jsonschema.ValidationError, match="surprise"):
        jsonschema.Draft202012Validator(SCHEMA).validate(data)


def test_the_metrics_of_a_good_run() -> None:
    data = report_of(good_run())
    assert (data["run"]["result"], data["run"]["exit_status"], data["run"]["error"]) == ("success", 0, None)
    assert (data["run"]["began"], data["run"]["seconds"], data["run"]["attempts"]) == (BEGAN, 90.5, 1)
    assert (data["source"], data["target"]["dataset"]) == ({"host": "nas1", "dataset": "tank/a"}, "off/a")
    assert data["totals"]["outcomes"]["received"] == 1
    assert (data["totals"]["bytes"], data["totals"]["estimated_bytes"]) == (100, 1024)
    assert (data["totals"]["snapshots_planned"], data["totals"]["snapshots_received"]) == (1, 1)


def test_each_step_has_a_reason_and_a_state() -> None:
    steps = dataset_of(good_run())["steps"]
    assert [step["action"] for step in steps] == ["hold", "send", "verify", "hold", "release", "release"]
    assert {step["state"] for step in steps} == {"done"}
    assert steps[0]["snapshots"] == [{"name": "tank/a@b", "reason": "the next run continues from it"}]
    assert (steps[1]["base"], steps[1]["snapshot"], steps[1]["bytes"]) == ("tank/a@a", "tank/a@b", 100)
    assert (steps[3]["side"], steps[3]["tag"]) == ("target", f"{TAG}:target")


def test_after_a_good_run_only_the_tip_is_held() -> None:
    dataset = dataset_of(good_run())
    assert dataset["newest_common"]["name"] == dataset["newest_on_source"]["name"] == "b"
    assert dataset["newest_common"]["guid"] == str(guid_of("b"))
    assert dataset["lag_seconds"] == 0
    assert [held["snapshot"] for held in dataset["holds"]] == ["tank/a@b"]


def test_a_dry_run_is_reported_as_a_plan() -> None:
    data = report_of(run(plan((":a!:3 b:1",)), (), "-n"))
    (dataset,) = data["datasets"]
    assert (data["run"]["kind"], dataset["outcome"], dataset["bytes"]) == ("plan", "planned", 0)
    assert {step["state"] for step in dataset["steps"]} == {"planned"}
    assert (dataset["newest_common"]["name"], dataset["lag_seconds"]) == ("a", 2 * 86400)
    assert [held["snapshot"] for held in dataset["holds"]] == ["tank/a@a"]


def test_a_failed_dataset_marks_the_failed_step() -> None:
    planned_tree = plan()
    dataset = dataset_of(run(planned_tree, carried_out(planned_tree, Send, OutOfSpace("off/a: full")), exit_status=1))
    assert [step["state"] for step in dataset["steps"]] == ["done", "failed", *["not_done"] * 4]
    assert (dataset["outcome"], dataset["error"]) == ("failed", {"kind": "OutOfSpace", "message": "off/a: full"})
    assert dataset["newest_common"]["name"] == "a"
    assert [held["snapshot"] for held in dataset["holds"]] == ["tank/a@a", "tank/a@b"]


def test_a_conflict_has_evidence_and_what_a_rollback_loses() -> None:
    planned_tree = plan((":a!:2 b:1",), (":a^:2 x+20000",))
    dataset = dataset_of(run(planned_tree, Ledger(planned_tree).outcomes(), exit_status=1))
    assert (dataset["outcome"], dataset["error"]["kind"]) == ("conflict", "ConflictFound")
    assert "19.5 KiB were written" in dataset["conflict"]["what"]
    assert dataset["conflict"]["rollback"]["discarded_snapshots"] == ["off/a@x"]
    assert (dataset["newest_common"]["name"], dataset["lag_seconds"]) == ("a", 86400)


def test_a_state_that_was_not_read_is_a_failure_that_may_pass() -> None:
    planned_tree = plan((":a! b",), (":a^ resume(unread)",))
    (outcome,) = Ledger(planned_tree, "nas1").outcomes()
    assert str(outcome.error) == "off/a: zfs on off1 did not say; run again"
    assert getattr(outcome.error, "is_transient", None)
    dataset = dataset_of(run(planned_tree, (outcome,), exit_status=1))
    assert (dataset["outcome"], dataset["conflict"]["next_step"]) == ("failed", "run again")


def test_a_run_that_never_reached_its_source_has_an_error() -> None:
    data = report_of(lost_run())
    assert data["run"]["error"] == {"kind": "ConnectionFailed", "message": "nas1: no such host; check -h"}
    assert (data["run"]["result"], data["run"]["exit_status"], data["datasets"]) == ("failure", 3, [])


def test_a_run_that_gave_way_to_another_is_skipped() -> None:
    data = report_of(run(None, is_skipped=True, attempts=()))
    assert (data["run"]["result"], data["run"]["exit_status"], data["run"]["attempts"]) == ("skipped", 0, 0)


def test_steps_of_an_earlier_attempt_count() -> None:
    """The first attempt received @b but lost the connection before verifying; the second only moves the holds."""
    first, second = plan(), plan((f":a! {SIGN} b!",), (":a^ b",))
    lost = carried_out(first, Verify, StreamBroken("lost"))
    attempts = (Attempt(first, lost), Attempt(second, carried_out(second)))
    data = report_of(run(attempts=attempts))
    (dataset,) = data["datasets"]
    assert (data["run"]["attempts"], dataset["outcome"], dataset["bytes"]) == (2, "received", 100)
    assert [(step["attempt"], step["action"]) for step in dataset["steps"]] == [
        (1, "hold"),
        (1, "send"),
        (2, "hold"),
        (2, "release"),
        (2, "release"),
    ]


def test_an_attempt_without_a_plan_leaves_the_previous_plan() -> None:
    planned_tree = plan()
    attempts = (Attempt(planned_tree, carried_out(planned_tree, Send, StreamBroken("cut"))), Attempt())
    data = report_of(run(attempts=attempts, exit_status=3))
    assert data["datasets"][0]["outcome"] == "failed"


def test_expired_and_kept_snapshots_come_with_reasons() -> None:
    one_dataset = Plan(datasets=(planned("c!", "a%:40 b:40 c^", keep_days=30),))
    dataset = dataset_of(run(one_dataset, (), "-n"))
    assert dataset["steps"][-1]["snapshots"] == [{"name": "b", "reason": "older than 30 days"}]
    assert dataset["kept"] == [{"snapshot": "a", "reason": "held by other"}]


@pytest.mark.parametrize(
    ("source", "target", "action"),
    [
        ("a b", "a resume(damaged)", "abort_receive"),
        ("a b", "a resume(a..b)", "resume"),
        ("a", "placeholder", "clear_placeholder"),
        ("encrypted a", "absent", "send"),
        ("a=y b=x", "a=x", "rename"),
    ],
)
def test_every_kind_of_step_fits_the_schema(source: str, target: str, action: str) -> None:
    one_dataset = Plan(datasets=(planned(source, target),))
    assert action in [step["action"] for step in dataset_of(run(one_dataset, (), "-n"))["steps"]]


def test_bookmarks_rollbacks_and_placeholders_fit_the_schema() -> None:
    bookmarked = Plan(datasets=(planned("a! b", "a^", plan_context=context(has_bookmarks=True)),))
    assert "bookmark" in [step["action"] for step in dataset_of(run(bookmarked))["steps"]]
    discarding = Plan(datasets=(planned("a! b", "a^ changed", plan_context=context(may_roll_back=True)),))
    assert "rollback" in [step["action"] for step in dataset_of(run(discarding))["steps"]]
    created = report_of(run(plan((":empty", "b:a"), ()), (), "-n"))
    assert created["datasets"][0]["steps"][0]["action"] == "create"


def test_a_copy_that_takes_a_place_fits_the_schema() -> None:
    source = tree("tank/a", ":encrypted b", "c:encrypted a!", "q:encrypted empty", "q/d:encrypted a!")
    target = target_tree("off/a", ":placeholder", "c:encrypted a^", "q:placeholder", "q/d:encrypted a^")
    vault = dict.fromkeys(("off/a", "off/a/q"), "off")
    datasets = {name: replace(old, encryption_root=vault.get(name)) for name, old in target.datasets.items()}
    steps = report_of(run(plan_of(source, replace(target, datasets=datasets)), (), "-n"))["datasets"][0]["steps"]
    (step,) = (step for step in steps if step["action"] == "take_place")
    beside = "off/a.zfs_replicate"
    assert step["copy"] == beside
    assert [(moved["from"], moved["to"]) for moved in step["moved"]] == [
        ("off/a/c", f"{beside}/c"),
        ("off/a/q/d", f"{beside}/q/d"),
        (beside, "off/a"),
    ]
    assert (step["created"], step["destroyed"]) == ([f"{beside}/q"], ["off/a/q", "off/a"])


def test_the_resume_token_is_not_in_the_report() -> None:
    one_dataset = Plan(datasets=(planned("a b", "a resume(a..b)"),))
    assert "1-token" not in document.text(run(one_dataset))


def test_hostile_text_is_escaped() -> None:
    dataset = planned("c!", "a%:40 b:40 c^", keep_days=30)
    hostile = Expire("off/a", (ExpiringSnapshot("b", "\x1b[2J\u202e"),))
    text = document.text(run(Plan(datasets=(type(dataset)(dataset.source, dataset.target, (hostile,)),)), (), "-n"))
    assert text.isascii()
    assert "\x1b" not in text
