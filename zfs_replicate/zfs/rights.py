"""Name the rights that a user lacks, by the command that was refused. (command, subject) → the next step. Pure.

zfs says "permission denied" and no more. Which side it was shows in the command: a source sends and holds, a target
receives. What each right is for is in docs/least-privilege.md.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from zfs_replicate.model import TARGET_SUFFIX
from zfs_replicate.zfs import names

SOURCE_RIGHTS = "send,hold,release"
TARGET_RIGHTS = "receive,create,mount,readonly,canmount,hold,release,destroy"
_ON_TARGET = {
    "receive": "",
    "create": ",userprop",
    "destroy": "",
    "rename": ",rename",
    "rollback": ",rollback",
    "inherit": ",userprop",
}
"""The commands that run on a target only, and the rights that not every mirror needs there."""


def next_step(command: Sequence[str], subject: str) -> str:
    """Given a refused command and what it was about, return how to allow it.

    `zfs receive off/a/b` gives `… zfs allow USER receive,create,… off/a`: a dataset that is still to be created has
    nothing to grant it on but its parent.
    """
    dataset = names.dataset_of(subject)
    words = list(command[command.index("zfs") :]) if "zfs" in command else []
    verb, tag = (*words[1:3], "", "")[:2]
    if "#" in subject:
        rights = "bookmark,destroy,mount"
    elif verb in _ON_TARGET or (verb in ("hold", "release") and tag.endswith(TARGET_SUFFIX)):
        rights = TARGET_RIGHTS + _ON_TARGET.get(verb, "")
        dataset = (names.ancestors(dataset) or (dataset,))[-1]
    elif verb in ("send", "hold", "release"):
        rights = SOURCE_RIGHTS
    else:
        return "be root there"
    return f"be root there, or let root grant it: zfs allow USER {rights} {shlex.quote(dataset)}"
