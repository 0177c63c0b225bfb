"""List the moments of runs in which everything happens: one for each command, in the order of a run.

tests/lab/test_faults_client.py ends the client at each of them, and compares them with the commands that such runs
really give; tests/unit/project/test_moments.py compares them with the kinds of steps that the program has. So a new
step or command cannot be forgotten: it needs a moment here, and something in a scenario that makes it happen.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from tests.support.lab.faults import CONNECTING
from tests.support.lab.scenarios import EVERYTHING, PLACING, Scenario
from zfs_replicate import steps


@dataclass(frozen=True)
class Moment:
    """`match`: a pattern of the first command (see Fault). `step`: what the run is carrying out; None: it reads.

    `scenario`: where it comes. `is_unheld`: what has arrived is known to be complete, but the hold on it comes later.
    """

    name: str
    match: str
    step: type[steps.Step] | None = None
    when: str = "before"
    scenario: Scenario = EVERYTHING
    is_unheld: bool = False


MOMENTS = (
    Moment("connecting", CONNECTING),
    Moment("waiting for the pool to write", "zpool sync offsite"),
    Moment("asking for versions", "version"),
    Moment("reading a pool", "zpool get -Hp -o property,value all *"),
    Moment("listing the source", "list -Hp -r *,bookmark *tank/*"),
    Moment("listing the target", "list -Hp -r *,snapshot -o *offsite/*"),
    Moment("listing holds", "holds *"),
    Moment("listing marks", "get -Hp -r *zfs_replicate:placeholder*"),
    Moment("listing what placeholders hold", "list -Hp -o name,logicalreferenced,written *"),
    Moment("decoding a token", "send -nvt *"),
    Moment("listing origins", "list -Hp -o name,origin *"),
    Moment("listing bookmarks of a copy", "list -Hp -d 1 -t bookmark *"),
    Moment("listing sectors", "zpool get -Hp -o name,value ashift *"),
    Moment("claiming the source", "hold mirror.* tank*", steps.Hold),
    Moment("holding on the source", "hold mirror tank*", steps.Hold),
    Moment("renaming snapshots", "rename offsite/data@*", steps.RenameSnapshots),
    Moment("repairing a hold on the target", "hold mirror:target offsite/data/child@*", steps.Hold),
    Moment("making room", "destroy offsite/data/full@*", steps.MakeRoom),
    Moment("sending increments", "send *-I *tank/data@d0", steps.Send, "middle"),
    Moment("receiving increments", "receive *offsite/data", steps.Send),
    Moment("after increments", "receive *offsite/data", steps.Send, "after"),
    Moment("rolling back to the newest snapshot", "rollback offsite/data/changed@mine", steps.Rollback),
    Moment("destroying bookmarks of a copy", "destroy offsite/data/changed#*", steps.Rollback),
    Moment("destroying snapshots for a rollback", "destroy offsite/data/changed@mine", steps.Rollback),
    Moment("rolling back", "rollback offsite/data/changed@d40", steps.Rollback),
    Moment("sending small increments", "send *-i tank/data/*@d40 *@d0", steps.Send, "middle"),
    Moment("receiving small increments", "receive *offsite/data/[cfls]*", steps.Send),
    Moment("sending after making room", "send *tank/data/full@d0", steps.Send, "middle"),
    Moment("sending after a rollback", "send *tank/data/changed@d0", steps.Send, "middle"),
    Moment("sending after discarding a state", "send *tank/data/stale@d0", steps.Send, "middle"),
    Moment("sending into a placeholder", "send *tank/data/late@d0", steps.Send, "middle"),
    Moment("receiving into a placeholder", "receive *-F *offsite/data/late", steps.Send),
    Moment("clearing the mark of a placeholder", "inherit *", steps.ClearPlaceholder),
    Moment("creating a placeholder", "create *offsite/data/new", steps.CreateParent),
    Moment("sending a new dataset", "send *tank/data/new/below@d0", steps.Send, "middle"),
    Moment("receiving a new dataset", "receive *offsite/data/new/below", steps.Send),
    Moment("resuming", "send *-t *", steps.Resume, "middle"),
    Moment("receiving what is resumed", "receive *offsite/data/resumed", steps.Resume),
    Moment("discarding a saved state", "receive -A *", steps.AbortReceive),
    Moment("verifying", "list -Hp -t snapshot *", steps.Verify),
    Moment("listing what has arrived unverified", "list -Hp -d 1 -t snapshot *", is_unheld=True),
    Moment("holding on the target", "hold mirror:target *offsite/data@d0*", steps.Hold),
    Moment("releasing on the source", "release mirror tank*", steps.Release),
    Moment("releasing the claim", "release mirror.* tank*", steps.Release),
    Moment("bookmarking", "bookmark *", steps.BookmarkSource),
    Moment("destroying old bookmarks", "destroy tank/*#*", steps.BookmarkSource),
    Moment("releasing on the target", "release mirror:target *", steps.Release),
    Moment("expiring", "destroy offsite/data*@d50,*", steps.Expire),
    Moment("asking what is above the target", "list -Hp -o name,encryption *", scenario=PLACING),
    Moment("sending beside a placeholder", "send *tank/safe@two", steps.Send, "middle", PLACING),
    Moment("receiving beside a placeholder", "receive *offsite/safe.zfs_replicate", steps.Send, scenario=PLACING),
    Moment("after a receive beside it", "receive *offsite/safe.zfs_replicate", steps.Send, "after", PLACING),
    Moment("asking what is mounted", "list -Hp -r -t filesystem -o name,mounted *", steps.TakePlace, scenario=PLACING),
    Moment("moving what is below", "rename *offsite/safe/child *", steps.TakePlace, scenario=PLACING),
    Moment("destroying the placeholder", "destroy offsite/safe", steps.TakePlace, scenario=PLACING),
    Moment("taking its place", "rename *offsite/safe.zfs_replicate offsite/safe", steps.TakePlace, scenario=PLACING),
    Moment("sending to what moved", "send *tank/safe/child@two", steps.Send, "middle", PLACING),
    Moment("receiving what moved", "receive *offsite/safe/child", steps.Send, scenario=PLACING),
    Moment("holding what took its place", "hold mirror:target offsite/safe@*", steps.Hold, scenario=PLACING),
)


def without_a_moment(commands: list[str]) -> list[str]:
    """Given commands of zfs and zpool as the shims compare them, return those that no moment matches."""
    return [command for command in commands if not any(fnmatchcase(command, moment.match) for moment in MOMENTS)]


def that_never_come(commands: list[str], scenario: Scenario = EVERYTHING) -> list[str]:
    """Return the names of the moments of a scenario at which none of these commands is given."""
    return [
        moment.name
        for moment in MOMENTS
        if moment.scenario is scenario
        and moment.match != CONNECTING
        and not any(fnmatchcase(command, moment.match) for command in commands)
    ]
