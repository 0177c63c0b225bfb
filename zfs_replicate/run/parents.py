"""Create the datasets that only serve as parents. create_parent(TargetHost, CreateParent) → None.

Runs of other mirrors may need the same parent at the same moment, a user may lack the right to mark it, and the key of
the dataset above may not be loaded.
"""

from __future__ import annotations

import logging
import shlex
from dataclasses import replace

from zfs_replicate.errors import CommandFailed, KeyUnavailable, PermissionDenied
from zfs_replicate.hosts.base import TargetHost, run
from zfs_replicate.model import Exit
from zfs_replicate.steps import CreateParent
from zfs_replicate.zfs import commands, messages, queries, refusals

log = logging.getLogger(__name__)


def create_parent(target: TargetHost, step: CreateParent) -> None:
    """Create a parent and mark it as a placeholder; one that another run has created meanwhile serves as well.

    A user without the right to set user properties creates it without the mark. Without the key of the dataset above,
    it is created in plain if the step allows that. Raises: the error that matches zfs's message.
    """
    is_marked = True
    error = _try_to_create(target, step, is_marked)
    if isinstance(error, KeyUnavailable) and step.may_be_plain and not step.is_kept_plain:
        step = replace(step, is_kept_plain=True)
        error = _try_to_create(target, step, is_marked)
    if isinstance(error, PermissionDenied):
        is_marked = False
        error = _try_to_create(target, step, is_marked)
    if error is not None:
        raise error
    how = "" if is_marked else ", without the mark of a placeholder: that needs the right userprop"
    log.info("%s: created as a parent%s", step.target, how)


def _try_to_create(target: TargetHost, step: CreateParent, is_marked: bool) -> CommandFailed | None:
    """Create the dataset; return the error if it does not exist afterwards."""
    _text, ended = run(target, commands.create_parent(step, is_marked))
    if ended.exit_status == 0 or _exists(target, step.target, ended):
        return None
    error = messages.explain(target.name, step.target, ended, "create it")
    return _with_key(target, step.target, error) if isinstance(error, KeyUnavailable) else error


def _exists(target: TargetHost, dataset: str, ended: Exit) -> bool:
    """Whether zfs did not create the dataset because it exists, and it still does."""
    if not refusals.is_there_already(ended):
        return False
    _text, listed = run(target, queries.list_existing((dataset,)))
    return listed.exit_status == 0


def _with_key(target: TargetHost, dataset: str, error: KeyUnavailable) -> KeyUnavailable:
    """Return the error with the dataset whose key is missing."""
    text, ended = run(target, queries.encryption_root(dataset.rpartition("/")[0]))
    root = text.strip()
    if ended.exit_status != 0 or root in ("", "-"):
        return error
    return KeyUnavailable(
        f"{dataset} on {target.name}: cannot create it: it would be encrypted by {root}, whose key is not loaded, and"
        f" plain data is to arrive below it; load the key: zfs load-key {shlex.quote(root)}, then run again"
    )
