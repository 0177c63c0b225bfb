"""Model values in, argument tuples out: every command that we ever run, in one place.

A command is a tuple of arguments, never a string; quoting happens once, at the SSH border.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from zfs_replicate.model import COMPRESSORS, PLACEHOLDER_PROPERTY
from zfs_replicate.steps import CreateParent, Receiving, Resume, Send
from zfs_replicate.zfs import properties
from zfs_replicate.zfs.parse import LIST_COLUMNS, PROBE_GREETING

Command = tuple[str, ...]

PLAIN = properties.Settings()

BATCH_BYTES = 100_000
"""Bytes of names in one command. Linux takes 128 KiB in one argument, and an SSH command string is one argument."""

SMALLEST_SHARE = 8
"""Fewer names are not worth a command of their own."""

USEFUL_PROGRAMS = ("zfs", "mbuffer", *COMPRESSORS)

_PROBE = "; ".join(
    (
        f'echo "{PROBE_GREETING}"',
        f"for program in {' '.join(USEFUL_PROGRAMS)}",
        'do command -v "$program" >/dev/null 2>&1 && printf "program\\t%s\\n" "$program"',
        "done",
        "command -v zfs >/dev/null 2>&1 || exit 0",
        'zfs version 2>/dev/null | head -n 1 | while read -r version; do printf "zfs-version\\t%s\\n" "$version"; done',
        'zpool get -Hp -o property,value all "$1"',
    )
)
"""One line and no single quotes: csh as a login shell takes no other."""


def probe(pool: str) -> Command:
    """One command that says all: programs, zfs version, and every property of the pool (see parse.capabilities)."""
    return ("sh", "-c", _PROBE, "sh", pool)


def batches(names: Sequence[str], limit: int = BATCH_BYTES) -> Iterator[tuple[str, ...]]:
    """Given names, yield them in order in runs of at most `limit` bytes, quoting allowed for."""
    batch: list[str] = []
    size = 0
    for name in names:
        length = len(name) + 3
        if batch and size + length > limit:
            yield tuple(batch)
            batch, size = [], 0
        batch.append(name)
        size += length
    if batch:
        yield tuple(batch)


def shares(names: Sequence[str], count: int) -> Iterator[tuple[str, ...]]:
    """Given names, yield them in order in up to `count` shares, not too small, and each in batches as above."""
    size = max(1, -(-len(names) // max(1, min(count, len(names) // SMALLEST_SHARE))))
    for begin in range(0, len(names), size):
        yield from batches(names[begin : begin + size])


def list_tree(root: str) -> Command:
    """The whole tree with all that a plan needs, in one command (zfs-list(8))."""
    return _list("filesystem,volume,snapshot,bookmark", root)


def list_copies(root: str) -> Command:
    """The same of a target, whose bookmarks are nobody's business: looking for them takes a while."""
    return _list("filesystem,volume,snapshot", root)


def _list(kinds: str, root: str) -> Command:
    return ("zfs", "list", "-Hp", "-r", "-t", kinds, "-o", ",".join(LIST_COLUMNS), root)


def list_existing(datasets: Sequence[str]) -> Command:
    return ("zfs", "list", "-Hp", "-o", "name", *datasets)


def list_guids(snapshots: Sequence[str]) -> Command:
    return ("zfs", "list", "-Hp", "-t", "snapshot", "-o", "name,guid", *snapshots)


def list_placeholders(datasets: Sequence[str]) -> Command:
    """Those of them where the property was set itself: children inherit user properties."""
    return ("zfs", "get", "-Hp", "-s", "local", "-o", "name,value", PLACEHOLDER_PROPERTY, *datasets)


def decode_token(token: str) -> Command:
    return ("zfs", "send", "-nvt", token)


def list_holds(snapshots: Sequence[str]) -> Command:
    return ("zfs", "holds", "-H", *snapshots)


def hold(tag: str, snapshots: Sequence[str]) -> Command:
    return ("zfs", "hold", tag, *snapshots)


def release(tag: str, snapshots: Sequence[str]) -> Command:
    return ("zfs", "release", tag, *snapshots)


def send(step: Send | Resume, has_progress: bool = False) -> Command:
    """`zfs send` for one stream (zfs-send(8)); `has_progress`: with its sizes on stderr (send_progress.py).

    A raw stream is compressed as it lies on disk, so -c says nothing there. -L is constant for one target
    (OpenZFS #6224).
    """
    flags = ["-vP"] if has_progress else []
    if isinstance(step, Resume):
        return ("zfs", "send", *flags, "-t", step.token)
    if step.options.large_blocks:
        flags.append("-L")
    if step.is_raw:
        flags.append("-w")
    elif step.options.compressed:
        flags.append("-c")
    if step.base is not None:
        flags += ["-I" if step.snapshot_count > 1 else "-i", step.base]
    return ("zfs", "send", *flags, step.snapshot)


_BUNDLE = (
    'exec 3>&1; mark=$1; shift; echo "$mark"; while [ $# != 0 ]; do said=$(zfs send $1 "$2" "$3" 2>&1 >&3 3>&-);'
    ' printf "%s %s\\n%s\\n%s\\n" "$mark" $? "$said" "$mark"; shift 3; done'
)


def bundle(mark: str, sends: Sequence[Command]) -> Command:
    """Given increments as `send` builds them, return one command for all: their streams, in order.

    It prints the mark on a line; then after each stream the mark, a space, the exit status, a newline, what zfs send
    said, a newline, and the mark on a line again.
    """
    return ("sh", "-c", _BUNDLE, "sh", mark, *(word for each in sends for word in (" ".join(each[2:-2]), *each[-2:])))


_COMPRESSED = (
    'exec 4>&1; ended=$({{ {{ "$@" 3>&- 4>&-; echo $? >&3; }} | {{ {program} 3>&- >&4 4>&-; echo $? >&3; }}; }} 3>&1);'
    ' for status in $ended; do [ "$status" = 0 ] || exit "$status"; done'
)
"""sh has no pipefail: each of the two tells its status on descriptor 3; the first bad one is that of the whole."""


def compressed(send: Command, compressor: str) -> Command:
    """A send whose stream is compressed on its way; it ends badly when either of the two does."""
    return ("sh", "-c", _COMPRESSED.format(program=COMPRESSORS[compressor]), "sh", *send)


def decompress(compressor: str) -> Command:
    return (*COMPRESSORS[compressor].split(), "-d")


def receive(receiving: Receiving, settings: properties.Settings = PLAIN) -> Command:
    """`zfs receive` that saves its state when cut (-s) and never mounts (-u); -F only to fill our empty placeholder."""
    force = ("-F",) if receiving.onto_placeholder else ()
    words = properties.words(settings, receiving.kind, receiving.is_first)
    return ("zfs", "receive", "-s", "-u", *force, *words, receiving.target)


def abort_receive(target: str) -> Command:
    return ("zfs", "receive", "-A", target)


def create_parent(step: CreateParent) -> Command:
    """canmount=off, so that nothing is mounted; one dataset at a time, since -o with -p reaches only the last."""
    mark = ("-o", f"{PLACEHOLDER_PROPERTY}=on") if step.is_placeholder else ()
    return ("zfs", "create", "-o", "canmount=off", *mark, step.target)


def rollback(snapshot: str) -> Command:
    """Never -r: that destroys newer snapshots one by one until one resists, also those that came since the plan."""
    return ("zfs", "rollback", snapshot)


_BOOKMARK = (
    'n=0; while [ "$1" != -- ]; do zfs bookmark "$1" "$2" & shift 2; n=$((n + 1)); [ $((n % 8)) != 0 ] || wait; done;'
    ' wait; shift; for old do zfs destroy "$old" & n=$((n + 1)); [ $((n % 8)) != 0 ] || wait; done; wait'
)
"""Eight at a time: each waits for the pool to write, and what waits together waits once."""


def bookmark(made: Sequence[tuple[str, str]], obsolete: Sequence[str]) -> Command:
    """Bookmark many snapshots, then destroy old bookmarks, in one command: zfs itself takes one at a time."""
    return ("sh", "-c", _BOOKMARK, "sh", *(name for pair in made for name in pair), "--", *obsolete)


_CHANGING = ("hold", "release", "send", "receive", "create", "rollback", "inherit", "destroy")


def elevated(command: Command) -> Command:
    """Given a command, return it as sudo runs it where it needs rights; what only reads stays as it is.

    -n: never ask for a password.
    """
    match command:
        case ("zfs", "send", "-nvt", *_):
            return command
        case ("zfs", verb, *_) if verb in _CHANGING:
            return ("sudo", "-n", *command)
        case ("sh", "-c", script, *rest) if script == _BOOKMARK:
            return ("sh", "-c", script.replace("zfs ", "sudo -n zfs "), *rest)
        case ("sh", "-c", script, *rest) if script == _BUNDLE:
            return ("sh", "-c", script.replace("zfs send", "sudo -n zfs send"), *rest)
        case ("sh", "-c", script, name, "zfs", "send", *_):  # compressed
            return ("sh", "-c", script, name, "sudo", "-n", *command[4:])
        case _:
            return command


def available(dataset: str) -> Command:
    return ("zfs", "get", "-Hp", "-o", "value", "available", dataset)


def clear_placeholder(target: str) -> Command:
    return ("zfs", "inherit", PLACEHOLDER_PROPERTY, target)


def destroy(dataset: str, snapshots: Sequence[str]) -> Command:
    """Explicit names, never a range and never -r: a range catches what others made meanwhile."""
    return ("zfs", "destroy", f"{dataset}@{','.join(snapshots)}")


def mbuffer(size: str, bytes_per_second: int | None = None) -> Command:
    limit = () if bytes_per_second is None else ("-r", str(bytes_per_second))
    return ("mbuffer", "-q", "-s", "128k", "-m", size, *limit)
