"""Define the plan of a run, and the outcomes of carrying it out. Frozen values. The kinds of steps are in steps.py."""

from __future__ import annotations

from dataclasses import dataclass

from zfs_replicate.model import Bookmark, Snapshot
from zfs_replicate.steps import CreateParent, MakeRoom, Resume, Rollback, Send, Side, Step


@dataclass(frozen=True, slots=True)
class Conflict:
    """Why a dataset cannot be mirrored until a person decides: the evidence, and the possible next steps.

    `rollback`: what --rollback would do; None if it cannot help. `is_transient`: the next run may well find none.
    """

    what: str
    next_step: str
    rollback: Rollback | None = None
    is_transient: bool = False


@dataclass(frozen=True, slots=True)
class KeptSnapshot:
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Arrivals:
    """The source snapshots that the streams of a dataset bring, oldest first, and the tags that hold one on each side.

    If not all of them arrive, the newest that did is held. `source_tag` None: nothing can be held on the source.
    """

    snapshots: tuple[Snapshot, ...]
    source_tag: str | None
    target_tag: str


@dataclass(frozen=True, slots=True)
class Sharing:
    """How a mirror shares its tag on a source dataset. `mirror`: its identity there.

    `others`: the identities of the other mirrors; empty if there are only holds that do not say whose they are.
    `is_apart`: this one uses a tag of its own beside the plain one; `is_joining`: for the first time. `is_unknown`:
    there are plain holds of which nothing shows whose they are.
    """

    mirror: str
    others: tuple[str, ...]
    is_apart: bool = False
    is_joining: bool = False
    is_unknown: bool = False


@dataclass(frozen=True, slots=True)
class DatasetPlan:
    """What a run does to one dataset: its steps in the order in which they run, and what keeps it from being mirrored.

    `conflict`: a person must decide first; then each step is a Hold that keeps the newest common snapshot meanwhile.
    `base`: the newest common snapshot now; `tip`: the newest one afterwards, which is the newest of the source.
    `held`: the source snapshots that have our hold once it is placed, oldest first. `arrivals` None: no
    streams. `kept`: the target snapshots that have expired but stay. `reserve`: what expires early only if the target
    proves to be full. `unforeseen`: the conflict to report if zfs finds a change that the plan could not see.
    `sharing` None: no other mirror seems to use the tag there.
    `aside`: how to get the target out of the way, if zfs refuses to receive onto it.
    """

    source: str
    target: str
    steps: tuple[Step, ...] = ()
    conflict: Conflict | None = None
    notes: tuple[str, ...] = ()
    kept: tuple[KeptSnapshot, ...] = ()
    base: Snapshot | Bookmark | None = None
    tip: Snapshot | Bookmark | None = None
    held: tuple[Snapshot, ...] = ()
    arrivals: Arrivals | None = None
    reserve: MakeRoom | None = None
    unforeseen: Conflict | None = None
    sharing: Sharing | None = None
    aside: str = ""

    @property
    def snapshot_count(self) -> int:
        """How many snapshots arrive if all goes well."""
        return sum(step.snapshot_count for step in self.steps if isinstance(step, Send | Resume))

    @property
    def byte_estimate(self) -> int:
        return sum(step.byte_estimate for step in self.steps if isinstance(step, Send | Resume))

    @property
    def arrives_beside(self) -> bool:
        """Whether a copy first arrives beside its place."""
        return any(isinstance(step, Send | Resume) and step.receiving.target != self.target for step in self.steps)

    @property
    def creates_target(self) -> bool:
        """Whether child datasets must wait for this one, because it is created or replaced."""
        return any(
            isinstance(step, CreateParent) or (isinstance(step, Send | Resume) and step.receiving.is_first)
            for step in self.steps
        )


@dataclass(frozen=True, slots=True)
class Leftover:
    """Holds of a mirror that none of its datasets needs, on a dataset and those below it (full names), and why."""

    side: Side
    dataset: str
    tag: str
    snapshots: tuple[str, ...]
    reason: str
    command: str = ""
    """What releases them, ready to paste into a shell here."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The plans of all datasets, parents first, the ancestors to create, and the orphans.

    An orphan is a dataset of the target that is not on the source. `warnings`: what concerns the mirror as a whole.
    """

    ancestors: tuple[CreateParent, ...] = ()
    datasets: tuple[DatasetPlan, ...] = ()
    orphans: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    leftovers: tuple[Leftover, ...] = ()

    @property
    def stream_count(self) -> int:
        """How many datasets receive something."""
        return sum(1 for dataset in self.datasets if dataset.snapshot_count)


# --- what a run did ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Done:
    """A step that was carried out; with its bytes and seconds if it is a stream."""

    step: Step
    byte_count: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended for one dataset. `error` None: all its steps were carried out.

    `failed`: the step that failed; None if it was none of its steps, as with a conflict whose holds are in place.
    `arrived`: the newest snapshot that its streams brought although not all succeeded; None: none, or not known.
    """

    plan: DatasetPlan
    error: Exception | None = None
    byte_count: int = 0
    seconds: float = 0.0
    expired: tuple[str, ...] = ()
    done: tuple[Done, ...] = ()
    failed: Step | None = None
    arrived: Snapshot | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One pass, however it ended. `plan` None: it ended before there was one.

    `outcomes`: in the plan's order; empty if nothing was carried out. `error`: what ended the whole pass, possibly a
    signal. `seconds`: wall-clock time.
    """

    plan: Plan | None = None
    outcomes: tuple[Outcome, ...] = ()
    seconds: float = 0.0
    error: BaseException | None = None
