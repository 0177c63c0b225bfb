"""Say among what the state machines choose: places, options, moments and troubles (hypothesis strategies)."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.support.simulator.machine_runs import CRASH, FAIL, HANG_UP, KILL, TERM, Trouble

PLACE = st.integers(0, 40)
KEEP = st.sampled_from((None, 0, 1, 7, 30))
DAYS = st.sampled_from((1, 2, 7, 40))
HOSTS = st.sampled_from(("source", "target"))
EDGES = st.sampled_from(("before", "after"))
WHEN = st.tuples(st.integers(1, 14), EDGES)
AT_A_COMMAND = st.one_of(
    st.builds(Trouble, st.sampled_from((CRASH, FAIL, TERM)), HOSTS, st.integers(1, 14), EDGES),
    st.builds(Trouble, st.just(HANG_UP), st.just("source"), st.integers(1, 9), EDGES),
)
IN_A_STREAM = st.one_of(
    st.builds(
        Trouble,
        st.sampled_from((CRASH, HANG_UP, KILL, TERM)),
        st.just("source"),
        st.integers(1, 3),
        st.integers(1, 5000),
        st.just("zfs send"),
    ),
    st.builds(
        Trouble,
        st.sampled_from((CRASH, KILL, TERM)),
        st.just("target"),
        st.integers(1, 3),
        st.integers(1, 5000),
        st.sampled_from(("zfs receive", "mbuffer")),
    ),
)
