"""Explain how a zfs command failed. (Exit with stderr) → the narrowest error. Pure; known_messages.py has the table."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from typing import TypeVar

from zfs_replicate import errors
from zfs_replicate.model import Exit
from zfs_replicate.zfs import names, rights
from zfs_replicate.zfs.known_messages import KILLED, KNOWN, REFUSED_BY_GATE, UNKNOWN

Failure = TypeVar("Failure", bound=errors.CommandFailed)

MAX_QUOTED = 1000
"""Characters of stderr that are quoted to the user: one paragraph, even from a hostile host."""


_CORRUPT_TOKEN = re.compile(r"^cannot resume send: resume token is corrupt", re.MULTILINE)


def explain(host: str, subject: str, ended: Exit, doing: str) -> errors.CommandFailed:
    """Given how a zfs command failed, return the error to raise: what happened and the next step.

    `subject` is the dataset or snapshot that it was about, `doing` a verb phrase such as "list the datasets".
    """
    stderr = " ".join(ended.stderr.split())
    quoted = stderr if len(stderr) <= MAX_QUOTED else f"{stderr[:MAX_QUOTED]}…"
    known = next((message for message in KNOWN if message.pattern.search(quoted)), KILLED if ended.is_killed else None)
    if ended.is_killed and known is not None and known.error is errors.DatasetMissing:
        known = KILLED  # a listing that was cut short proves nothing missing
    if known is None:
        known = UNKNOWN
    is_snapshot = known.error is errors.DatasetMissing and "@" in subject
    error = errors.SnapshotVanished if is_snapshot else known.error
    next_step = known.next_step.format(
        subject=shlex.quote(subject),
        pool=shlex.quote(names.pool_of(names.dataset_of(subject))),
        parent=shlex.quote(subject.rpartition("/")[0]),
        rights=rights.next_step(ended.command, subject),
    )
    evidence = f" (zfs: {quoted or 'no message'})" if quoted or known is UNKNOWN else ""
    return _of(error, errors.Explanation(f"{subject} on {host}: cannot {doing}", known.meaning, next_step, evidence))


def _of(kind: type[Failure], explanation: errors.Explanation) -> Failure:
    error = kind(str(explanation))
    error.explanation = explanation
    return error


def reworded(error: Failure, next_step: str, meaning: str | None = None) -> Failure:
    """Given an error of `explain`, return it with a next step, and a meaning, from somebody who knows more than zfs."""
    explanation = error.explanation
    if explanation is None:
        return error
    meaning = explanation.meaning if meaning is None else meaning
    return _of(type(error), replace(explanation, next_step=next_step, meaning=meaning))


def is_refused_by_gate(ended: Exit) -> bool:
    """Whether zfs_replicate_gate refused a command: an older one does not know the newer commands."""
    return REFUSED_BY_GATE.search(ended.stderr) is not None


def is_column_unknown(ended: Exit) -> bool:
    """Whether a list was refused for its columns: by an older gate, or by a zfs that does not know one of them."""
    return is_refused_by_gate(ended) or "invalid property" in ended.stderr


def is_corrupt_token(ended: Exit) -> bool:
    """Given how `zfs send -nvt TOKEN` ended, return whether zfs itself said that the token is corrupt."""
    return not ended.is_killed and _CORRUPT_TOKEN.search(ended.stderr) is not None


def undecoded_token_problem(host: str, ended: Exit) -> str:
    """Given how `zfs send -nvt TOKEN` ended without an answer, return that as a sentence. A retry may succeed."""
    stderr = " ".join(ended.stderr.split())[:MAX_QUOTED]
    fate = "it was killed" if ended.is_killed else "no message"
    return (
        f"zfs on {host} did not say what the saved state of an interrupted receive contains ({stderr or fate});"
        " the state is kept as it is"
    )
