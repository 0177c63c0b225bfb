"""Fuzz the gate and print figures: `make fuzz` (SECONDS of coverage-guided fuzzing, default 60).

First run the properties of tests/support/gate_properties.py with many more examples; then, if the package atheris is
installed, coverage-guided mutation. An independent check must find every text that the gate accepts safe.
"""

from __future__ import annotations

import functools
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import hypothesis

from tests.support import gate
from tests.support.gate_properties import PROPERTIES
from zfs_replicate.hosts.quoting import remote_command
from zfs_replicate.zfs import commands, queries

CORPUS = Path(__file__).resolve().parents[1] / ".fuzz"
EXAMPLES = int(os.environ.get("EXAMPLES", "20000"))
SECONDS = int(os.environ.get("SECONDS", "60"))


def main() -> int:
    for run in PROPERTIES:
        measured(run.__name__.replace("_", " "), functools.partial(fuzz, run))
    try:
        import atheris
    except ImportError:
        print("atheris is not installed (pip install atheris): skipping coverage-guided fuzzing")
        return 0
    return guided(atheris)


def fuzz(run: Callable[[], None]) -> None:
    settings = hypothesis.settings(
        max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(hypothesis.HealthCheck)
    )
    settings(run)()


def measured(name: str, work: Callable[[], None]) -> None:
    gate.figures.update(dict.fromkeys(gate.figures, 0))
    began = time.monotonic()
    work()
    report(name, time.monotonic() - began)


def report(name: str, seconds: float) -> None:
    counts = gate.figures
    print(
        f"{name}: {counts['tried']} texts in {seconds:.0f} s, {counts['accepted']} accepted and safe,"
        f" {counts['wrongly']} wrongly accepted",
        flush=True,
    )


def guided(atheris: ModuleType) -> int:
    """Fuzz with coverage guidance: mutate bytes, starting with the program's commands. Ends the process."""
    for name in ("judge", "split", "fit", "check", "check_within", "check_versions", "check_bookmarks"):
        setattr(gate.GATE, name, atheris.instrument_func(getattr(gate.GATE, name)))
    gate.figures.update(dict.fromkeys(gate.figures, 0))
    began = time.monotonic()
    is_over = False

    def one(data: bytes) -> None:
        nonlocal is_over
        gate.count(data.decode("utf-8", "surrogateescape"))
        if time.monotonic() - began > SECONDS and not is_over:
            is_over = True
            report("guided by coverage", time.monotonic() - began)

    CORPUS.mkdir(exist_ok=True)
    for number, text in enumerate(seeds()):
        (CORPUS / str(number)).write_text(text)
    atheris.Setup([sys.argv[0], str(CORPUS), f"-max_total_time={SECONDS + 1}", "-max_len=2000", "-verbosity=0"], one)
    atheris.Fuzz()
    return 0


def seeds() -> list[str]:
    prefix = "tank/data#zfs_replicate_offsite_"
    return [
        remote_command(command)
        for command in (
            queries.probe("tank"),
            queries.list_tree("tank/data"),
            queries.list_holds(["tank/data@a b", "tank/data/c@d"]),
            commands.hold("offsite", ["tank/data@x"]),
            commands.bookmark([("tank/data@x", f"{prefix}x")], [f"{prefix}w"]),
            ("zfs", "send", "-L", "-c", "-I", "tank/data@x", "tank/data@y"),
            ("zfs", "send", "-t", "1-ab-cd-ef"),
        )
    ]


if __name__ == "__main__":
    sys.exit(main())
