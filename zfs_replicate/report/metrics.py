"""Render metrics for node_exporter's textfile collector. render(Run, PreviousMetrics) → text of the file.

Gauges describe the newest run. A run without a plan keeps the previous values of each dataset, and the time of the last
success stays until the next one. prometheus-client is imported only if metrics are written.
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
"""These distinguish mirrors, because node_exporter reads all files of a machine together."""

LAST_SUCCESS = "last_success_timestamp_seconds"
LAST_FAILURE = "last_failure_timestamp_seconds"
RUNS = "runs"
NEWEST, LAG, HOLD_AGE = "dataset_newest_snapshot_timestamp_seconds", "dataset_lag_seconds", "dataset_hold_age_seconds"

HELP = {
    "last_run_timestamp_seconds": "When the last run ended.",
    LAST_SUCCESS: "When the last successful run ended; 0: never.",
    LAST_FAILURE: "When the last failed run ended; 0: never.",
    RUNS: "Runs since this file was created, by result.",
    "last_run_success": "Whether the last run succeeded.",
    "exit_code": "Exit status of the last run.",
    "attempts": "Attempts that the last run made.",
    "duration_seconds": "How long the last run took.",
    "received_bytes": "Bytes that the last run received.",
    "received_snapshots": "Snapshots that the last run received.",
    "expired_snapshots": "Expired snapshots that the last run destroyed on the target.",
    "datasets": "Datasets by their outcome in the last run.",
    NEWEST: "When the newest common snapshot of copy and source was taken; its age is the age of the copy.",
    LAG: "Time from the newest common snapshot to the newest on the source, as last read; 0: up to date.",
    HOLD_AGE: "Age of the oldest source snapshot held with the tag, as of the last run that could read it.",
}

Key = tuple[tuple[str, str], ...]
"""The labels of a sample, sorted."""


@dataclass(frozen=True, slots=True)
class PreviousMetrics:
    """The samples of the existing file: value by name and labels. Empty if there is no file yet."""

    samples: Mapping[tuple[str, Key], float] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str) -> PreviousMetrics:
        """Given the text of the existing file, return its samples. Raises: ValueError if it has no metrics."""
        from prometheus_client.parser import text_string_to_metric_families

        try:
            families = list(text_string_to_metric_families(text))
        except (ValueError, LookupError) as error:
            raise ValueError(f"not a metrics file: {error}") from error
        return cls(
            {
                (sample.name, tuple(sorted(sample.labels.items()))): sample.value
                for family in families
                for sample in family.samples
            }
        )

    def value(self, name: str, labels: Mapping[str, str]) -> float:
        """Return the value of a metric without dataset label; 0 if it is unknown."""
        return self.samples.get((PREFIX + name, tuple(sorted(labels.items()))), 0.0)

    def by_dataset(self, name: str, labels: Mapping[str, str]) -> dict[str, float]:
        """Return the values of this mirror by dataset name."""
        values: dict[str, float] = {}
        for (full_name, key), value in self.samples.items():
            sample = dict(key)
            if full_name == PREFIX + name and all(sample.get(label) == text for label, text in labels.items()):
                values[sample.get("dataset", "")] = value
        return values


def render(run: Run, before: PreviousMetrics) -> bytes:
    """Given a run and the metrics of the previous one, return the text of the new file."""
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(tuple(_families(run, before))))
    return generate_latest(registry)


class _Families:
    """A collector, as prometheus-client defines it."""

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
    outcomes = [dataset.result for dataset in run.datasets]
    for outcome in OUTCOMES:
        if outcome != "planned":
            datasets.add_metric([*labels.values(), outcome], outcomes.count(outcome))
    yield datasets
    for name, values in _of_the_datasets(run, before, labels).items():
        gauge = GaugeMetricFamily(PREFIX + name, HELP[name], labels=[*labels, "dataset"])
        for dataset, value in sorted(values.items()):
            gauge.add_metric([*labels.values(), dataset], value)
        yield gauge


def mirror_labels(run: Run) -> dict[str, str]:
    """Given a run, return the labels that all its metrics have."""
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
        "received_bytes": sum(dataset.byte_count for dataset in datasets),
        "received_snapshots": sum(dataset.snapshots_received for dataset in datasets),
        "expired_snapshots": sum(len(dataset.expired) for dataset in datasets),
    }


def _of_the_datasets(run: Run, before: PreviousMetrics, labels: Mapping[str, str]) -> dict[str, dict[str, float]]:
    """Return the values by metric, then by target name. Without a plan they are those of the previous run."""
    if run.plan is None:
        return {name: before.by_dataset(name, labels) for name in (NEWEST, LAG, HOLD_AGE)}
    values: dict[str, dict[str, float]] = {NEWEST: {}, LAG: {}, HOLD_AGE: {}}
    for dataset in run.datasets:
        _add_dataset(dataset, run.ended, values)
    return values


def _add_dataset(dataset: DatasetRun, now: float, values: Mapping[str, dict[str, float]]) -> None:
    target = dataset.plan.target
    if dataset.newest_common is not None:
        values[NEWEST][target] = dataset.newest_common.creation
    if dataset.lag_seconds is not None:
        values[LAG][target] = dataset.lag_seconds
    if dataset.held:
        values[HOLD_AGE][target] = max(0, now - min(snapshot.creation for snapshot in dataset.held))
