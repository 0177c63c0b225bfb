"""Add what makes a mirror hard: copies that people write to and limit, and options that change from run to run.

A run may fail here, but only for a dataset that needs a person (promises.py), and what it must not lose is the same.
Once a person has repaired the copy, the next run succeeds.
"""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.support.simulator.faults import At
from tests.support.simulator.machine_choices import AT_A_COMMAND, KEEP, PLACE, WHEN
from tests.support.simulator.machine_copies import HARD_ACTS, repair
from tests.support.simulator.machine_rules import TALLY, Mirrors
from tests.support.simulator.machine_runs import Trouble
from tests.support.simulator.mirrors import MIRRORS, Mirror

OPTIONS = st.sampled_from((("--rollback",), ("-x", "x"), ("-x", "x/y"), ("-x", "*/*")))
MIRROR = st.sampled_from(MIRRORS)
ACT = st.sampled_from(sorted(HARD_ACTS))


class HardMirrors(Mirrors):
    is_gentle = False

    @rule(act=ACT, place=PLACE)
    def act_on_a_copy(self, act: str, place: int) -> None:
        HARD_ACTS[act](self.site, place)

    @rule(mirror=MIRROR, keep_days=KEEP, options=OPTIONS, trouble=st.one_of(st.none(), AT_A_COMMAND))
    def run_with_options(
        self, mirror: Mirror, keep_days: int | None, options: tuple[str, ...], trouble: Trouble | None
    ) -> None:
        self.run(mirror, keep_days, trouble, options=options)

    @rule(mirror=MIRROR, keep_days=KEEP, trouble=AT_A_COMMAND)
    def run_and_try_again(self, mirror: Mirror, keep_days: int | None, trouble: Trouble) -> None:
        """A retry is another pass, with what the first one has left."""
        self.write_and_snapshot(0, True, 1)
        self.run(mirror, keep_days, trouble)
        self.run(mirror, keep_days)

    @rule(act=ACT, place=PLACE, when=WHEN, keep_days=KEEP)
    def run_while_a_copy_is_used(self, act: str, place: int, when: tuple[int, At], keep_days: int | None) -> None:
        self.write_and_snapshot(0, True, 1)
        self.run_while(lambda: HARD_ACTS[act](self.site, place), "target", when, keep_days)

    @rule(mirror=MIRROR)
    def repair_and_run(self, mirror: Mirror) -> None:
        repair(self.site, mirror)
        TALLY["runs that repaired"] += 1
        self.run(mirror, None)
