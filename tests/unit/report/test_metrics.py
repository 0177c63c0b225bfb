"""The metrics of good and bad runs, as prometheus-client's own parser reads them."""

from __future__ import annotations

import shutil
import subprocess
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.notation import NOW, planned
from tests.support.reported_runs import ENDED, carried_out, good_run, lost_run, plan, run
from zfs_replicate.errors import OutOfSpace
from zfs_replicate.plans import Plan
from zfs_replicate.report import metrics
from zfs_replicate.report.metrics import PreviousMetrics
from zfs_replicate.report.record import Run
from zfs_replicate.run.ledger import Ledger
from zfs_replicate.steps import Send

MIRROR = {"host": "nas1", "source": "tank/a", "target": "off/a", "tag": "offsite"}


class Read:
    """The samples of a metrics file by name, without our prefix. Every family must have a help text and a type."""

    def __init__(self, text: bytes) -> None:
        families = list(text_string_to_metric_families(text.decode()))
        assert len({family.name for family in families}) == len(families)
        for family in families:
            assert family.documentation
            assert family.type in ("gauge", "counter")
        self.samples = [sample for family in families for sample in family.samples]

    def value(self, name: str, **labels: str) -> Any:
        values = [
            sample.value
            for sample in self.samples
            if sample.name == f"zfs_replicate_{name}" and sample.labels == MIRROR | labels
        ]
        assert len(values) <= 1
        return values[0] if values else None


def after(run: Run, before: bytes = b"") -> tuple[Read, bytes]:
    """Given a run and the existing file, return the new file, parsed and as text."""
    text = metrics.render(run, PreviousMetrics.read(before.decode()))
    return Read(text), text


def test_the_metrics_of_a_good_run() -> None:
    read, _text = after(good_run())
    assert (read.value("last_run_success"), read.value("exit_code")) == (1, 0)
    assert (read.value("last_success_timestamp_seconds"), read.value("last_failure_timestamp_seconds")) == (ENDED, 0)
    assert (read.value("duration_seconds"), read.value("attempts")) == (90.5, 1)
    assert (read.value("received_bytes"), read.value("received_snapshots")) == (100, 1)
    assert (read.value("datasets", outcome="received"), read.value("datasets", outcome="failed")) == (1, 0)
    assert read.value("dataset_lag_seconds", dataset="off/a") == 0
    assert read.value("dataset_newest_snapshot_timestamp_seconds", dataset="off/a") == NOW
    assert read.value("runs_total", result="success") == 1


def test_every_series_has_the_labels_of_its_mirror() -> None:
    read, _text = after(good_run())
    assert all(sample.labels.items() >= MIRROR.items() for sample in read.samples)


def test_a_failed_run_keeps_the_last_success_and_the_datasets() -> None:
    _read, text = after(good_run())
    read, text = after(lost_run(), text)
    read, _text = after(lost_run(), text)
    assert (read.value("last_run_success"), read.value("exit_code")) == (0, 3)
    assert read.value("last_success_timestamp_seconds") == ENDED
    assert read.value("last_failure_timestamp_seconds") == ENDED
    assert (read.value("runs_total", result="success"), read.value("runs_total", result="failure")) == (1, 2)
    assert read.value("dataset_newest_snapshot_timestamp_seconds", dataset="off/a") == NOW
    assert (read.value("received_bytes"), read.value("datasets", outcome="received")) == (0, 0)


def test_a_success_keeps_the_last_failure() -> None:
    _read, text = after(lost_run())
    read, _text = after(good_run(), text)
    assert read.value("last_failure_timestamp_seconds") == ENDED
    assert read.value("last_run_success") == 1


def test_without_any_success_its_time_is_zero() -> None:
    read, _text = after(lost_run())
    assert read.value("last_success_timestamp_seconds") == 0


def test_a_failed_dataset_lags_and_its_holds_age() -> None:
    planned_tree = plan((":a!:3 b:1",), (":a^:3",))
    read, _text = after(run(planned_tree, carried_out(planned_tree, Send, OutOfSpace("full")), exit_status=1))
    assert read.value("dataset_lag_seconds", dataset="off/a") == 2 * 86400
    assert read.value("dataset_hold_age_seconds", dataset="off/a") == ENDED - (NOW - 3 * 86400)
    assert read.value("datasets", outcome="failed") == 1


def test_a_conflict_is_an_outcome_of_its_own() -> None:
    planned_tree = plan((":a!",), (":empty",))
    read, _text = after(run(planned_tree, Ledger(planned_tree).outcomes(), exit_status=1))
    assert read.value("datasets", outcome="conflict") == 1
    assert read.value("dataset_lag_seconds", dataset="off/a") is None


def test_expired_snapshots_are_counted() -> None:
    expiring = Plan(datasets=(planned("c!", "a:40 b:40 c^", keep_days=30),))
    ledger = Ledger(expiring)
    ledger.record_expired(expiring.datasets[0], ("a", "b"))
    read, _text = after(run(expiring, ledger.outcomes()))
    assert read.value("expired_snapshots") == 2


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool comes with Prometheus")
def test_promtool_has_no_complaints() -> None:
    _read, text = after(good_run())
    _read, text = after(lost_run(), text)
    done = subprocess.run(("promtool", "check", "metrics"), input=text, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_another_mirror_in_the_same_file_is_ignored() -> None:
    _read, text = after(good_run())
    read, _text = after(lost_run(), text.replace(b'host="nas1"', b'host="nas2"'))
    assert read.value("last_success_timestamp_seconds") == 0
    assert read.value("dataset_lag_seconds", dataset="off/a") is None


def test_every_metric_has_a_help_text() -> None:
    read, _text = after(good_run())
    names = {sample.name.removeprefix("zfs_replicate_").removesuffix("_total") for sample in read.samples}
    assert names == set(metrics.HELP)


@pytest.mark.parametrize("text", ["no metrics at all {", 'a{b="c} 1'])
def test_a_text_that_is_not_metrics_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a metrics file"):
        PreviousMetrics.read(text)
