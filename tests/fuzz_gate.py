"""Fuzz the gate for a while and print figures: `make fuzz` (SECONDS of coverage-guided fuzzing, default 60).

First the properties of tests/support/gate_properties.py with many more examples; then, where the package atheris can
be imported, mutation guided by coverage. A text that the gate accepts must also pass the independent check there.
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
from zfs_replicate.zfs import commands

CORPUS = Path(__file__).resolve().parents[1] / ".fuzz"
EXAMPLES = int(os.environ.get("EXAMPLES", "20000"))
SECONDS = int(os.environ.get("SECONDS", "60"))


def main() -> int:
    for run in PROPERTIES:
        measured(run.__name__.replace("_", " "), functools.partial(fuzz, run))
    try:
        import atheris
    except ImportError:
        print("atheris is not installed (pip install atheris): no fuzzing guided by coverage")
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
    figures = gate.figures
    print(
        f"{name}: {figures['tried']} texts in {seconds:.0f} s, {figures['accepted']} accepted and safe,"
        f" {figures['wrongly']} wrongly accepted",
        flush=True,
    )


def guided(atheris: ModuleType) -> int:
    """Coverage-guided: the engine mutates bytes, beginning with commands of ours. Ends the process itself."""
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
            commands.probe("tank"),
            commands.list_tree("tank/data"),
            commands.list_holds(["tank/data@a b", "tank/data/c@d"]),
            commands.hold("offsite", ["tank/data@x"]),
            commands.bookmark([("tank/data@x", f"{prefix}x")], [f"{prefix}w"]),
            ("zfs", "send", "-L", "-c", "-I", "tank/data@x", "tank/data@y"),
            ("zfs", "send", "-t", "1-ab-cd-ef"),
        )
    ]


if __name__ == "__main__":
    sys.exit(main())
