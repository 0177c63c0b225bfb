"""Create the datasets that only serve as parents. create_parent(TargetHost, CreateParent) → None.

Runs of other mirrors may need the same parent at the same moment, and a user may lack the right to mark it.
"""

from __future__ import annotations

import logging

from zfs_replicate.errors import PermissionDenied
from zfs_replicate.hosts.base import TargetHost, run
from zfs_replicate.model import Exit
from zfs_replicate.steps import CreateParent
from zfs_replicate.zfs import commands, messages, refusals

log = logging.getLogger(__name__)


def create_parent(target: TargetHost, step: CreateParent) -> None:
    """Create a parent and mark it as a placeholder; one that another run has created meanwhile serves as well.

    A user without the right to set user properties creates it without the mark. Raises: the error that matches zfs's
    message.
    """
    for is_marked in (True, False):
        _text, ended = run(target, commands.create_parent(step, is_marked))
        if ended.exit_status == 0:
            how = "" if is_marked else ", without the mark of a placeholder: that needs the right userprop"
            log.info("%s: created it as a parent%s", step.target, how)
            return
        if _exists(target, step.target, ended):
            log.info("%s: another run has created it meanwhile", step.target)
            return
        error = messages.explain(target.name, step.target, ended, "create it")
        if not isinstance(error, PermissionDenied):
            break
    raise error


def _exists(target: TargetHost, dataset: str, ended: Exit) -> bool:
    """Whether zfs did not create the dataset because it exists, and it still does."""
    if not refusals.is_there_already(ended):
        return False
    _text, listed = run(target, commands.list_existing((dataset,)))
    return listed.exit_status == 0
