"""Unmount placeholders that are to be destroyed, before anything moves. unmounted(…) → context.

A placeholder is created unmounted, and only root can have mounted it since. Whoever uses it then is seen before
anything has moved, and nobody writes to it between the last look at it and its destroy, unless it is mounted anew.
A mount in another namespace, such as a container's, is not seen.
"""

from __future__ import annotations

import contextlib
import logging
import shlex
from collections.abc import Iterator, Sequence

from zfs_replicate.errors import DatasetBusy
from zfs_replicate.hosts.base import TargetHost, run
from zfs_replicate.run.reading import parse_errors_of
from zfs_replicate.zfs import commands, messages, names, parse, queries

log = logging.getLogger(__name__)

MAX_MOUNTS = 8
"""A filesystem can be mounted in several places at a time; but not in more, if nothing mounts it again."""


@contextlib.contextmanager
def unmounted(placeholders: Sequence[str], place: str, target: TargetHost) -> Iterator[None]:
    """Unmount these placeholders at or below a place; if what follows fails, mount those again that still exist.

    Raises: DatasetBusy if one is in use, or a dataset below it is mounted, too, which zfs would unmount with it.
    """
    mounted = _mounted(place, target)
    to_unmount = [name for name in mounted if name in placeholders]
    for name in to_unmount:
        _check_nothing_below(name, [other for other in mounted if other not in placeholders], target)
    done: list[str] = []
    try:
        for name in reversed(to_unmount):
            _unmount(name, place, target)
            done.append(name)
        yield
    except BaseException:
        _mount_again(done, place, target)
        raise


def _mounted(place: str, target: TargetHost) -> list[str]:
    """Return the mounted filesystems at or below a place, parents first."""
    text, ended = run(target, queries.list_mounted(place))
    if ended.exit_status != 0:
        raise messages.explain(target.name, place, ended, "see what is mounted")
    with parse_errors_of(target, place, "zfs list"):
        return sorted(parse.mounted(text.splitlines()), key=lambda name: name.split("/"))


def _check_nothing_below(name: str, others: Sequence[str], target: TargetHost) -> None:
    below = next((other for other in others if names.is_within(other, name)), None)
    if below is not None:
        raise _in_use(name, f"{below} below it is mounted, too", target)


def _unmount(name: str, place: str, target: TargetHost) -> None:
    """Unmount a dataset, wherever it is mounted."""
    for _mount in range(MAX_MOUNTS):
        if name not in _mounted(place, target):
            return
        _text, ended = run(target, commands.unmount(name))
        if ended.exit_status != 0:
            raise _in_use(name, " ".join(ended.stderr.split()), target)
        log.info("%s: unmounted, since its copy takes its place", name)
    raise _in_use(name, "something mounts it again at once", target)


def _in_use(name: str, reason: str, target: TargetHost) -> DatasetBusy:
    return DatasetBusy(
        f"{name} on {target.name}: it is an empty parent whose copy is to take its place, but it is mounted and in use"
        f" ({reason}); leave its directory, then unmount it: zfs unmount {shlex.quote(name)}; then run again"
    )


def _mount_again(placeholders: Sequence[str], place: str, target: TargetHost) -> None:
    for name in placeholders:
        _text, listed = run(target, queries.list_existing((name,)))
        if listed.exit_status == 0:
            _text, ended = run(target, commands.mount(name))
            if ended.exit_status != 0:
                log.warning("%s: it was mounted, and could not be mounted again: %s", place, ended.stderr.strip())
