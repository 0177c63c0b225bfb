"""What is there: Host in, Inventory and Capabilities out, in a number of commands that does not grow with the datasets.

Reads only. "Could not ask" is an error here, never an empty answer.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from zfs_replicate.errors import DatasetMissing, OutputError, ReplicateError, SourceUnusable
from zfs_replicate.hosts.base import Host, NonzeroExit, read_lines, run
from zfs_replicate.model import Capabilities, Dataset, Exit, Inventory, ResumeToken, Snapshot
from zfs_replicate.zfs import commands, messages, names, parse


def probe(host: Host, root: str) -> Capabilities:
    """Given a host and a dataset on it, return what host and pool can do. One command.

    Raises: SourceUnusable when a shell prints before the command, or there is no zfs; PoolMissing.
    """
    pool = names.pool_of(root)
    text, ended = run(host, commands.probe(pool))
    noise, greeting, answer = text.partition(f"{parse.PROBE_GREETING}\n")
    if not greeting:
        said = " ".join((text or ended.stderr).split())[:300]
        raise SourceUnusable(
            f"{host.name}: cannot run commands there (it said: {said!r}); the login shell must be able to run sh"
        )
    if noise:
        raise SourceUnusable(
            f"{host.name}: the login shell prints {noise.strip()[:200]!r} before each command, which would damage every"
            " stream; print only when interactive: in ~/.bashrc, ~/.cshrc and the like, guard it with [ -t 0 ]"
        )
    lines = answer.splitlines()
    if "program\tzfs" not in lines:
        raise SourceUnusable(f"{host.name}: there is no zfs command in PATH or the sbin directories; install OpenZFS")
    if ended.exit_status != 0:
        raise messages.explain(host.name, pool, ended, "read the pool's properties")
    with _readable(host, pool, "zpool get"):
        return parse.capabilities(lines, pool)


def read_source(host: Host, root: str) -> Inventory:
    """Given a host, return its tree at `root` with all holds. Two commands. Raises: DatasetMissing and others."""
    listing = _read_tree(host, root, commands.list_tree(root))
    if listing is None:
        raise DatasetMissing(f"{root} on {host.name}: there is no such dataset; check -r")
    return _inventory(host, root, _with_holds(host, listing))


def read_target(host: Host, root: str) -> Inventory:
    """Given a host, return its tree at `root` with holds, placeholders and decoded tokens; it may be absent.

    One command; one more where there are holds, one where datasets have no snapshots, and one for each unfinished
    receive.
    """
    listing = _read_tree(host, root, commands.list_copies(root))
    if listing is None:
        above = names.ancestors(root)
        return Inventory(root, {}, missing_ancestors=_missing(host, above) if above else ())
    placeholders = _placeholders(host, root, listing)
    tokens = {name: _decode(host, token) for name, token in listing.tokens.items()}
    return _inventory(
        host,
        root,
        (
            replace(dataset, is_placeholder=dataset.name in placeholders, resume_token=tokens.get(dataset.name))
            for dataset in _with_holds(host, listing)
        ),
    )


def read_guids(host: Host, snapshots: Sequence[str]) -> dict[str, int]:
    """Given whole snapshot names, return the guid of each that exists. One command for thousands of names."""
    found: dict[str, int] = {}
    for batch in commands.batches(snapshots):
        text, ended = run(host, commands.list_guids(batch))
        _only_absent(host, ended, batch[0])
        with _readable(host, batch[0], "zfs list"):
            found.update(parse.guids(text.splitlines()))
    return found


def _read_tree(host: Host, root: str, command: commands.Command) -> parse.Listing | None:
    """Return the tree, or None when the root itself does not exist."""
    try:
        with _readable(host, root, "zfs list"):
            found = parse.listing(read_lines(host, command))
            for dataset in found.datasets:
                if not names.is_within(dataset.name, root):
                    raise OutputError(f"{dataset.name} is not in {root}")
            return found
    except NonzeroExit as error:
        if messages.absent_datasets(error.ended) == frozenset({root}):
            return None
        raise messages.explain(host.name, root, error.ended, "list the datasets") from error


@contextlib.contextmanager
def _readable(host: Host, subject: str, command: str) -> Iterator[None]:
    """What cannot be read is told with its host."""
    try:
        yield
    except OutputError as error:
        raise OutputError(
            f"{subject} on {host.name}: cannot read what {command} printed: {error}; run that command there to see;"
            " if it is as zfs prints it, report it"
        ) from error


def _placeholders(host: Host, root: str, listing: parse.Listing) -> frozenset[str]:
    """Only what has no snapshots can be one; one that has vanished meanwhile is none."""
    empty = [dataset.name for dataset in listing.datasets if not dataset.snapshots]
    found: set[str] = set()
    for batch in commands.batches(empty):
        text, ended = run(host, commands.list_placeholders(batch))
        _only_absent(host, ended, batch[0])
        with _readable(host, root, "zfs get"):
            found.update(parse.first_column(text.splitlines(), 2))
    return frozenset(found)


def _with_holds(host: Host, listing: parse.Listing) -> list[Dataset]:
    """Ask for the tags of the held snapshots only; one that has vanished meanwhile has none."""
    tags: dict[str, tuple[str, ...]] = {}
    for batch in commands.batches(listing.held):
        text, ended = run(host, commands.list_holds(batch))
        _only_absent(host, ended, batch[0])
        with _readable(host, batch[0], "zfs holds"):
            tags.update(parse.holds(text.splitlines()))
    return [_tagged(dataset, tags) for dataset in listing.datasets] if tags else listing.datasets


def _tagged(dataset: Dataset, tags: Mapping[str, tuple[str, ...]]) -> Dataset:
    def tagged(snapshot: Snapshot) -> Snapshot:
        holds = tags.get(f"{dataset.name}@{snapshot.name}")
        return replace(snapshot, holds=holds) if holds else snapshot

    return replace(dataset, snapshots=tuple(map(tagged, dataset.snapshots)))


def _missing(host: Host, above: Sequence[str]) -> tuple[str, ...]:
    """Given the ancestors of a target, top first, return those that do not exist."""
    _text, ended = run(host, commands.list_existing(above))
    absent = _only_absent(host, ended, above[-1])
    return tuple(name for name in above if name in absent)


def _only_absent(host: Host, ended: Exit, subject: str) -> frozenset[str]:
    """Return what a command on many names found absent. Raises when it failed for any other reason."""
    if ended.exit_status == 0:
        return frozenset()
    absent = messages.absent_datasets(ended)
    if not absent:
        raise messages.explain(host.name, subject, ended, f"run {' '.join(ended.command[:2])}")
    return absent


def _decode(host: Host, token: str) -> ResumeToken:
    """A token is decoded before anything is looked up, so the target itself can do it; the exit status says nothing."""
    text, _ended = run(host, commands.decode_token(token))
    return ResumeToken(token, parse.token_contents(text))


def _inventory(host: Host, root: str, datasets: Iterable[Dataset]) -> Inventory:
    parents_first = sorted(datasets, key=lambda dataset: dataset.name.split("/"))
    if not parents_first:
        raise ReplicateError(f"{root} on {host.name}: zfs list printed nothing; see what it prints there")
    return Inventory(root, {dataset.name: dataset for dataset in parents_first})
