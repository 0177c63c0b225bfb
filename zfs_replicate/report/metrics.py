"""Metrics: a Run and the metrics of the run before in, the text that node_exporter's textfile collector reads out.

Gauges about a run are of the newest one; a run that could not ask leaves what was last known about each dataset, and
the last success stays until there is another one. prometheus-client is imported only where metrics are wanted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from zfs_replicate.report.document import OUTCOMES
from zfs_replicate.report.record import DatasetRun, Run

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

PREFIX = "zfs_replicate_"

LABELS = ("host", "source", "target", "tag")
"""They tell one mirror from another, since all files of a machine are read together."""

LAST_SUCCESS = "last_success_timestamp_seconds"
LAST_FAILURE = "last_failure_timestamp_seconds"
RUNS = "runs"
NEWEST, LAG, HOLD_AGE = "dataset_newest_snapshot_timestamp_seconds", "dataset_lag_seconds", "dataset_hold_age_seconds"

HELP = {
    "last_run_timestamp_seconds": "When the last run ended.",
    LAST_SUCCESS: "When the last successful run ended; 0: never yet.",
    LAST_FAILURE: "When the last failed run ended; 0: never yet.",
    RUNS: "Runs since this file was made, by result.",
    "last_run_success": "Whether the last run succeeded.",
    "exit_code": "Exit status of the last run.",
    "attempts": "Attempts that the last run made.",
    "duration_seconds": "How long the last run took.",
    "received_bytes": "Bytes that the last run received.",
    "received_snapshots": "Snapshots that the last run received.",
    "expired_snapshots": "Snapshots that the last run destroyed on the target, being past their time.",
    "datasets": "Datasets by how the last run ended for them.",
    NEWEST: "When the newest snapshot that the copy shares with its source was taken: its age is that of the copy.",
    LAG: "From the newest common snapshot to the newest of the source, as last seen; 0: up to date.",
    HOLD_AGE: "Age of the oldest snapshot on the source that the tag holds, at the last run that could ask.",
}

Key = tuple[tuple[str, str], ...]
"""The labels of a sample, sorted."""


@dataclass(frozen=True, slots=True)
class PreviousMetrics:
    """The samples of a file: value by name and labels. Empty where there is no file yet."""

    samples: Mapping[tuple[str, Key], float] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str) -> PreviousMetrics:
        """Given the text of an earlier file, return what it says. Raises: ValueError where it is none of ours."""
        from prometheus_client.parser import text_string_to_metric_families

        try:
            families = list(text_string_to_metric_families(text))
        except (ValueError, LookupError) as error:
            raise ValueError(f"no metrics: {error}") from error
        return cls(
            {
                (sample.name, tuple(sorted(sample.labels.items()))): sample.value
                for family in families
                for sample in family.samples
            }
        )

    def value(self, name: str, labels: Mapping[str, str]) -> float:
        return self.samples.get((PREFIX + name, tuple(sorted(labels.items()))), 0.0)

    def by_dataset(self, name: str, labels: Mapping[str, str]) -> dict[str, float]:
        """The values of this mirror's datasets."""
        found: dict[str, float] = {}
        for (full_name, key), value in self.samples.items():
            has = dict(key)
            if full_name == PREFIX + name and all(has.get(label) == text for label, text in labels.items()):
                found[has.get("dataset", "")] = value
        return found


def render(run: Run, before: PreviousMetrics) -> bytes:
    """Given a run and what was known before, return the text of the file."""
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(tuple(_families(run, before))))
    return generate_latest(registry)


class _Families:
    """What prometheus-client calls a collector."""

    def __init__(self, families: tuple[Metric, ...]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _families(run: Run, before: PreviousMetrics) -> Iterator[Metric]:
    from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily

    labels = mirror_labels(run)
    for name, value in _of_the_run(run, before, labels).items():
        gauge = GaugeMetricFamily(PREFIX + name, HELP[name], labels=list(labels))
        gauge.add_metric(list(labels.values()), value)
        yield gauge
    counter = CounterMetricFamily(PREFIX + RUNS, HELP[RUNS], labels=[*labels, "result"])
    for result in ("success", "failure"):
        count = before.value(f"{RUNS}_total", {**labels, "result": result}) + (run.result == result)
        counter.add_metric([*labels.values(), result], count)
    yield counter
    datasets = GaugeMetricFamily(PREFIX + "datasets", HELP["datasets"], labels=[*labels, "outcome"])
    words = [each.word for each in run.datasets]
    for word in OUTCOMES:
        if word != "planned":
            datasets.add_metric([*labels.values(), word], words.count(word))
    yield datasets
    for name, values in _of_the_datasets(run, before, labels).items():
        gauge = GaugeMetricFamily(PREFIX + name, HELP[name], labels=[*labels, "dataset"])
        for dataset, value in sorted(values.items()):
            gauge.add_metric([*labels.values(), dataset], value)
        yield gauge


def mirror_labels(run: Run) -> dict[str, str]:
    request = run.request
    return dict(zip(LABELS, (request.connection.host, request.remote, request.local, request.policy.tag), strict=True))


def _of_the_run(run: Run, before: PreviousMetrics, labels: Mapping[str, str]) -> dict[str, float]:
    is_success = run.result == "success"
    datasets = run.datasets
    return {
        "last_run_timestamp_seconds": run.ended,
        LAST_SUCCESS: run.ended if is_success else before.value(LAST_SUCCESS, labels),
        LAST_FAILURE: before.value(LAST_FAILURE, labels) if is_success else run.ended,
        "last_run_success": float(is_success),
        "exit_code": run.exit_status,
        "attempts": len(run.attempts),
        "duration_seconds": run.ended - run.began,
        "received_bytes": sum(each.byte_count for each in datasets),
        "received_snapshots": sum(each.snapshots_received for each in datasets),
        "expired_snapshots": sum(len(each.expired) for each in datasets),
    }


def _of_the_datasets(run: Run, before: PreviousMetrics, labels: Mapping[str, str]) -> dict[str, dict[str, float]]:
    """By metric, then by the target's name. Without a plan nothing new is known."""
    if run.plan is None:
        return {name: before.by_dataset(name, labels) for name in (NEWEST, LAG, HOLD_AGE)}
    found: dict[str, dict[str, float]] = {NEWEST: {}, LAG: {}, HOLD_AGE: {}}
    for each in run.datasets:
        _tell_dataset(each, run.ended, found)
    return found


def _tell_dataset(each: DatasetRun, now: float, found: Mapping[str, dict[str, float]]) -> None:
    target = each.plan.target
    if each.newest_common is not None:
        found[NEWEST][target] = each.newest_common.creation
    if each.lag_seconds is not None:
        found[LAG][target] = each.lag_seconds
    if each.held:
        found[HOLD_AGE][target] = max(0, now - min(snapshot.creation for snapshot in each.held))
