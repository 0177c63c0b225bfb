"""Search random histories of mirrors for one that loses something (tests/support/simulator/machine_rules.py).

ZFS_REPLICATE_STEPS=1000000 takes so many steps, with a new seed each time: `make soak`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from tests.support.simulator.machine_hard_rules import HardMirrors
from tests.support.simulator.machine_rules import TALLY, Mirrors

STEPS_OF_EXAMPLE = 40
FEWER_STEPS = 37
"""What an example has at most, and what it has in any case on average."""

STEPS = int(os.environ.get("ZFS_REPLICATE_STEPS") or 22_000)
"""Of both machines together."""

IS_SOAK = "ZFS_REPLICATE_STEPS" in os.environ

PROFILE = settings(
    max_examples=max(1, STEPS // 2 // FEWER_STEPS),
    stateful_step_count=STEPS_OF_EXAMPLE,
    deadline=None,
    derandomize=not IS_SOAK,
    database=None,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
    print_blob=False,
)


def figures_of(machine: type[RuleBasedStateMachine]) -> str:
    """Run a machine; return its figures in words."""
    TALLY.clear()
    began = time.process_time()
    run_state_machine_as_test(machine, settings=PROFILE)
    seconds = time.process_time() - began
    return f"{', '.join(f'{n} {what}' for what, n in TALLY.items())}; {seconds:.0f} s of CPU"


@pytest.mark.timeout(0 if IS_SOAK else 900)
def test_nothing_is_lost_in_any_interleaving(record_property: Callable[[str, object], None]) -> None:
    record_property("figures", f"state machine: {figures_of(Mirrors)}")
    assert TALLY["steps"] >= STEPS // 2
    assert IS_SOAK or TALLY["commands for several streams"] > 50
    assert IS_SOAK or TALLY["crashes"] > 50
    assert IS_SOAK or TALLY["runs that ended in conflict"] > 20


@pytest.mark.timeout(0 if IS_SOAK else 900)
def test_copies_that_people_use_lose_nothing(record_property: Callable[[str, object], None]) -> None:
    record_property("figures", f"state machine of hard cases: {figures_of(HardMirrors)}")
    assert TALLY["steps"] >= STEPS // 2
    assert IS_SOAK or TALLY["runs that ended in conflict"] > 100
    assert IS_SOAK or TALLY["runs that repaired"] > 20
