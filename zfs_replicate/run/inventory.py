"""Read what a host has. (Host, root) → Inventory or Capabilities. Changes nothing.

The number of commands does not grow with the datasets. A command that fails is an error, never an empty result.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from zfs_replicate.errors import DatasetMissing, OutputError, ReplicateError, SourceUnusable
from zfs_replicate.hosts.base import Host, NonzeroExit, read_lines, run, run_for_bytes
from zfs_replicate.model import TARGET_SUFFIX, UNKNOWN_HOLD, Capabilities, Dataset, Inventory, ResumeToken, Snapshot
from zfs_replicate.run.above import Above, read_above
from zfs_replicate.run.hold_tags import UNREADABLE, read_tags
from zfs_replicate.run.reading import absent_names, parse_errors_of
from zfs_replicate.zfs import commands, messages, names, parse, parse_tree, queries, refusals, saved_state


def probe(host: Host, root: str) -> Capabilities:
    """Given a host and a dataset there, return what the host and its pool can do. One command; two with an older gate.

    Raises: SourceUnusable if the login shell prints something of its own, or there is no zfs; PoolMissing.
    """
    pool = names.pool_of(root)
    stdout, ended = run_for_bytes(host, queries.probe(pool))
    if messages.is_refused_by_gate(ended):
        stdout, ended = run_for_bytes(host, queries.probe(pool, has_clock=False))
    text = stdout.decode(errors="backslashreplace")  # the pool's user properties contain any bytes
    noise, greeting, output = text.partition(f"{parse.PROBE_GREETING}\n")
    if not greeting:
        printed = " ".join((text or ended.stderr).split())[:300]
        raise SourceUnusable(
            f"{host.name}: cannot run commands there (it printed: {printed!r}); the login shell must be able to run sh"
        )
    if noise:
        raise SourceUnusable(
            f"{host.name}: the login shell prints {noise.strip()[:200]!r} before each command, which would damage every"
            " stream; print only when interactive: in ~/.bashrc, ~/.cshrc and the like, guard it with [ -t 0 ]"
        )
    lines = output.split("\n")
    if "program\tzfs" not in lines:
        raise SourceUnusable(f"{host.name}: there is no zfs command in PATH or the sbin directories; install OpenZFS")
    if ended.exit_status != 0:
        raise messages.explain(host.name, pool, ended, "read the pool's properties")
    with parse_errors_of(host, pool, "zpool get"):
        return parse.capabilities(lines, pool)


def read_source(host: Host, root: str) -> Inventory:
    """Given a host, return its tree at `root` with all holds. Two commands, or once more both of them.

    A held snapshot can get another name between the two, or more holds, and then it is not known who holds it.
    Raises: DatasetMissing, CommandFailed.
    """
    datasets = _source_datasets(host, root)
    in_doubt = {(UNKNOWN_HOLD,), UNREADABLE}
    if any(snapshot.holds in in_doubt for dataset in datasets for snapshot in dataset.snapshots):
        datasets = _source_datasets(host, root)
    return _inventory(root, datasets)


def _source_datasets(host: Host, root: str) -> list[Dataset]:
    listing = _read_tree(host, root, queries.list_tree)
    if listing is None:
        raise DatasetMissing(f"{root} on {host.name}: there is no such dataset; check -r")
    return _with_holds(host, listing)


def read_target(host: Host, root: str, is_exact: bool = True) -> Inventory:
    """Given a host, return its tree at `root` with holds, placeholders and decoded tokens; empty if it does not exist.

    `is_exact`: count also what was written to a placeholder a moment ago, for which the pool must be able to write.
    Two commands; one more if there are holds, one or two if there is a placeholder, one if the root is encrypted, one
    if no mirror holds a dataset, and one per unfinished receive.
    """
    listing = _read_tree(host, root, queries.list_copies)
    marked = _marked(host, root) if listing is not None else frozenset()
    is_filled = listing is not None and root not in marked
    above = None if is_filled else read_above(host, root)
    if above is not None and above.has_beside:
        listing, marked = _with_beside(host, root, listing), marked | _marked(host, names.beside(root))
    if listing is None and above is not None and above.moved:
        raise ReplicateError(
            f"{root} on {host.name}: it is {above.moved} now, because a mirror into a dataset above it was interrupted"
            " while a copy took its place; run that mirror first"
        )
    if listing is None:
        return _within(above or Above(), Inventory(root, {}))
    empty = [dataset.name for dataset in listing.datasets if dataset.name in marked and not dataset.snapshots]
    if empty and is_exact:
        _sync(host, root)
    contents = _contents(host, root, empty)
    tokens = {name: _decode(host, token) for name, token in listing.tokens.items()}
    datasets = [
        _with_contents(
            replace(dataset, resume_token=tokens.get(dataset.name), is_placeholder=dataset.name in marked), contents
        )
        for dataset in _with_holds(host, listing)
    ]
    datasets = _with_origins(host, root, datasets)
    own = _inventory(root, (dataset for dataset in datasets if names.is_within(dataset.name, root)))
    if above is None and own.datasets[root].is_encrypted:
        above = read_above(host, root)
    beside = {dataset.name: dataset for dataset in datasets if not names.is_within(dataset.name, root)}
    return _within(above or Above(), replace(own, beside=beside))


def _within(above: Above, tree: Inventory) -> Inventory:
    """Return the target with what it lies in."""
    if tree.datasets:
        return replace(tree, is_in_encrypted=above.is_in_encrypted)
    return replace(
        tree,
        missing_ancestors=above.missing_ancestors,
        is_in_encrypted=above.is_in_encrypted,
        is_parent_plain=above.is_parent_plain,
    )


def _with_beside(host: Host, root: str, listing: parse_tree.Listing | None) -> parse_tree.Listing | None:
    """Return the listing with what is beside the root, if that is still there."""
    more = _read_tree(host, names.beside(root), queries.list_copies)
    if listing is None or more is None:
        return listing or more
    datasets = [*listing.datasets, *more.datasets]
    return parse_tree.Listing(datasets, listing.held | more.held, listing.tokens | more.tokens)


def read_guids(host: Host, snapshots: Sequence[str]) -> dict[str, int]:
    """Given whole snapshot names, return the guid of each one that exists. One command per few thousand names."""
    return _guids(host, snapshots, queries.list_guids)


def read_guids_in(host: Host, datasets: Sequence[str]) -> dict[str, int]:
    """Given datasets, return the guids of their snapshots by whole name; none of a dataset that does not exist."""
    return _guids(host, datasets, queries.list_guids_in)


def _guids(host: Host, names: Sequence[str], listing: Callable[[Sequence[str]], commands.Command]) -> dict[str, int]:
    guids: dict[str, int] = {}
    for batch in commands.batches(names):
        text, ended = run(host, listing(batch))
        absent_names(host, ended, batch[0])
        with parse_errors_of(host, batch[0], "zfs list"):
            guids.update(parse.guids(text.splitlines()))
    return guids


def _read_tree(
    host: Host, root: str, command: Callable[[str, bool], commands.Command], has_keys: bool = True
) -> parse_tree.Listing | None:
    """Return the tree; None if the root itself does not exist. Without what is unknown there of keys."""
    try:
        with parse_errors_of(host, root, "zfs list"):
            listing = parse_tree.listing(read_lines(host, command(root, has_keys)))
            if not listing.datasets:
                raise ReplicateError(
                    f"{root} on {host.name}: zfs list printed nothing; see why, there: zfs list -r {shlex.quote(root)}"
                )
            for dataset in listing.datasets:
                if not names.is_within(dataset.name, root):
                    raise OutputError(f"{dataset.name} is not in {root}")
            return listing
    except NonzeroExit as error:
        if refusals.absent_datasets(error.ended) == frozenset({root}):
            return None
        if has_keys and messages.is_column_unknown(error.ended):
            return _read_tree(host, root, command, has_keys=False)
        raise messages.explain(host.name, root, error.ended, "list the datasets") from error


def _marked(host: Host, root: str) -> frozenset[str]:
    """Return the names of all datasets that carry the mark of a placeholder, also of those that are none any more."""
    text, ended = run(host, queries.list_placeholders(root))
    absent_names(host, ended, root)
    with parse_errors_of(host, root, "zfs get"):
        return frozenset(parse.first_column(text.splitlines(), 1))


def _sync(host: Host, root: str) -> None:
    _text, ended = run(host, queries.sync(names.pool_of(root)))
    if ended.exit_status and "pool is read-only" not in ended.stderr:  # else all is on disk already
        raise messages.explain(host.name, root, ended, "write out the pool")


def _contents(host: Host, root: str, placeholders: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Return what each placeholder holds (logical bytes, written); one that vanished meanwhile holds nothing."""
    contents = dict.fromkeys(placeholders, (0, 0))
    for batch in commands.batches(placeholders):
        text, ended = run(host, queries.list_contents(batch))
        absent_names(host, ended, batch[0])
        with parse_errors_of(host, root, "zfs list"):
            contents.update(parse.contents(text.splitlines()))
    return contents


def _with_origins(host: Host, root: str, datasets: Sequence[Dataset]) -> list[Dataset]:
    """Return the datasets with their origins. Only those are asked about that no mirror holds: none in a usual run."""
    origins: dict[str, str] = {}
    strange = [dataset.name for dataset in datasets if not (dataset.is_placeholder or _is_held_by_mirror(dataset))]
    for batch in commands.batches(strange):
        text, ended = run(host, queries.list_origins(batch))
        absent_names(host, ended, batch[0])
        with parse_errors_of(host, root, "zfs list"):
            origins.update(parse.origins(text.splitlines()))
    return [replace(dataset, origin=origins.get(dataset.name)) for dataset in datasets]


def _is_held_by_mirror(dataset: Dataset) -> bool:
    return any(tag.endswith(TARGET_SUFFIX) for snapshot in dataset.snapshots for tag in snapshot.holds)


def _with_contents(dataset: Dataset, contents: Mapping[str, tuple[int, int]]) -> Dataset:
    """Return the dataset with what it holds, if it is one of those that were asked about."""
    logical_bytes, written = contents.get(dataset.name, (dataset.logical_bytes, dataset.written))
    return replace(dataset, logical_bytes=logical_bytes, written=written)


def _with_holds(host: Host, listing: parse_tree.Listing) -> list[Dataset]:
    """Return the datasets with their hold tags. Only held snapshots are asked about; vanished ones: UNKNOWN_HOLD."""
    tags = dict.fromkeys(listing.held, (UNKNOWN_HOLD,)) | read_tags(host, listing.held)
    return [_tagged(dataset, tags) for dataset in listing.datasets] if tags else listing.datasets


def _tagged(dataset: Dataset, tags: Mapping[str, tuple[str, ...]]) -> Dataset:
    def tagged(snapshot: Snapshot) -> Snapshot:
        holds = tags.get(f"{dataset.name}@{snapshot.name}")
        return replace(snapshot, holds=holds) if holds else snapshot

    return replace(dataset, snapshots=tuple(map(tagged, dataset.snapshots)))


def _decode(host: Host, token: str) -> ResumeToken:
    """Decode a token on the target, which works because zfs prints it before looking anything up, and then fails.

    The plan throws a damaged state away, so only an answer of zfs makes it one.
    """
    stdout, ended = run_for_bytes(host, queries.decode_token(token))
    has_contents = not ended.is_killed and saved_state.has_token_contents(stdout)
    if has_contents or messages.is_corrupt_token(ended):
        return ResumeToken(token, saved_state.token_contents(stdout))
    return ResumeToken(token, None, messages.undecoded_token_problem(host.name, ended))


def _inventory(root: str, datasets: Iterable[Dataset]) -> Inventory:
    parents_first = sorted(datasets, key=lambda dataset: dataset.name.split("/"))
    return Inventory(root, {dataset.name: dataset for dataset in parents_first})
