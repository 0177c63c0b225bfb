"""Build every command that changes or sends something. (model values) → argument tuples. Pure.

Those that only read are in queries.py. A command is a tuple of arguments, never a string; hosts/quoting.py quotes it
for SSH.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from zfs_replicate.model import COMPRESSORS, PLACEHOLDER_PROPERTY, Kind
from zfs_replicate.steps import CreateParent, MoveDataset, Receiving, Resume, Send, SnapshotRename
from zfs_replicate.zfs import properties

Command = tuple[str, ...]

PLAIN = properties.Settings()

KEEP_PLAIN = ("-o", "encryption=off")
"""Otherwise a new dataset gets the encryption of the one above, and zfs wants that one's key (facts 3)."""

BATCH_BYTES = 100_000
"""Bytes of names in one command. An SSH command is one argument, and Linux limits an argument to 128 KiB."""

MIN_SHARE = 8
"""Fewer names are not worth another command."""


def batches(names: Sequence[str], limit: int = BATCH_BYTES) -> Iterator[tuple[str, ...]]:
    """Given names, yield them in order in batches of at most `limit` bytes, quotes included."""
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
    """Given names, yield them in order in up to `count` shares of at least MIN_SHARE names; `batches` splits each."""
    size = max(1, -(-len(names) // max(1, min(count, len(names) // MIN_SHARE))))
    for begin in range(0, len(names), size):
        yield from batches(names[begin : begin + size])


def hold(tag: str, snapshots: Sequence[str]) -> Command:
    """Place a hold on each snapshot (see refusals.failed_snapshots)."""
    return ("zfs", "hold", tag, *snapshots)


def release(tag: str, snapshots: Sequence[str]) -> Command:
    """Release the hold from each snapshot (see refusals.failed_snapshots)."""
    return ("zfs", "release", tag, *snapshots)


def send(step: Send | Resume, has_progress: bool = False) -> Command:
    """Build `zfs send` for one stream (zfs-send(8)); `has_progress` prints sizes on stderr (send_progress.py).

    A raw stream is compressed as on disk, so -c has no effect there. -L never changes for one target (OpenZFS #6224).
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
    """Given incremental sends as `send` builds them, return one command that prints their streams, in order.

    It prints the mark on a line; then after each stream the mark, a space, the exit status, a newline, the stderr of
    zfs send, a newline, and the mark on a line again.
    """
    words = (word for command in sends for word in (" ".join(command[2:-2]), *command[-2:]))
    return ("sh", "-c", _BUNDLE, "sh", mark, *words)


_COMPRESSED = (
    'exec 4>&1; ended=$({{ {{ "$@" 3>&- 4>&-; echo $? >&3; }} | {{ {program} 3>&- >&4 4>&-; echo $? >&3; }}; }} 3>&1);'
    ' for status in $ended; do [ "$status" = 0 ] || exit "$status"; done'
)
"""sh has no pipefail: both commands write their status to descriptor 3; the first that is not 0 is the result."""


def compressed(send: Command, compressor: str) -> Command:
    """Given a send, return a command that also compresses its stream; it fails if either of the two fails."""
    return ("sh", "-c", _COMPRESSED.format(program=COMPRESSORS[compressor]), "sh", *send)


def decompress(compressor: str) -> Command:
    """Decompress a stream from stdin to stdout."""
    return (*COMPRESSORS[compressor].split(), "-d")


def receive(receiving: Receiving, settings: properties.Settings = PLAIN) -> Command:
    """Receive a stream; save the state when it is cut (-s), never mount (-u), -F only to fill our empty placeholder."""
    save = ("-s",) if settings.can_resume else ()
    force = ("-F",) if receiving.onto_placeholder else ()
    plain = KEEP_PLAIN if receiving.is_kept_plain else ()
    options = properties.receive_options(settings, receiving.kind, receiving.is_first)
    return ("zfs", "receive", *save, "-u", *force, *plain, *options, receiving.target)


def abort_receive(target: str) -> Command:
    """Discard the saved state of an unfinished receive."""
    return ("zfs", "receive", "-A", target)


def create_parent(step: CreateParent, is_marked: bool = True) -> Command:
    """Create one dataset with canmount=off and our mark. Never -p: -o would apply to the last dataset only."""
    mark = ("-o", f"{PLACEHOLDER_PROPERTY}=on") if is_marked else ()
    plain = KEEP_PLAIN if step.is_kept_plain else ()
    return ("zfs", "create", "-o", "canmount=off", *plain, *mark, step.target)


def rename_snapshot(target: str, rename: SnapshotRename) -> Command:
    """Rename a snapshot within its dataset. It keeps its guid, its holds and its clones."""
    return ("zfs", "rename", f"{target}@{rename.old}", f"{target}@{rename.new}")


def rename_dataset(act: MoveDataset) -> Command:
    """Rename a dataset with all below it. What is mounted stays so (-u), which zfs refuses for a volume only."""
    stay = ("-u",) if act.kind is Kind.FILESYSTEM else ()
    return ("zfs", "rename", *stay, act.old, act.new)


def unmount(dataset: str) -> Command:
    """Unmount a filesystem once. What is below it and mounted where that inherits it goes along, or all of it fails."""
    return ("zfs", "unmount", dataset)


def mount(dataset: str) -> Command:
    """Mount a filesystem where its properties say."""
    return ("zfs", "mount", dataset)


def destroy_placeholder(dataset: str) -> Command:
    """Destroy a dataset; without -r, zfs refuses one that has snapshots or anything below it."""
    return ("zfs", "destroy", dataset)


def rollback(snapshot: str) -> Command:
    """Roll back, never with -r: that destroys newer snapshots one by one until one is busy, even unplanned ones."""
    return ("zfs", "rollback", snapshot)


_BOOKMARK = (
    'n=0; while [ "$1" != -- ]; do zfs bookmark "$1" "$2" & shift 2; n=$((n + 1)); [ $((n % 8)) != 0 ] || wait; done;'
    ' wait; shift; for old do zfs destroy "$old" & n=$((n + 1)); [ $((n % 8)) != 0 ] || wait; done; wait'
)
"""Eight at a time, so that they share one wait for the pool to write."""


def bookmark(pairs: Sequence[tuple[str, str]], obsolete: Sequence[str]) -> Command:
    """Create bookmarks, then destroy obsolete ones, in one command; zfs itself takes one at a time.

    Each pair is a snapshot and its new bookmark, by their full names.
    """
    return ("sh", "-c", _BOOKMARK, "sh", *(name for pair in pairs for name in pair), "--", *obsolete)


_CHANGING = (
    "hold",
    "release",
    "send",
    "receive",
    "create",
    "rename",
    "rollback",
    "inherit",
    "destroy",
    "unmount",
    "mount",
)


def elevated(command: Command) -> Command:
    """Given a command, return it with `sudo -n` if it needs privileges; commands that only read stay as they are.

    -n: never prompt for a password.
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


def clear_placeholder(target: str) -> Command:
    """Remove the placeholder property from a dataset."""
    return ("zfs", "inherit", PLACEHOLDER_PROPERTY, target)


def destroy(dataset: str, snapshots: Sequence[str]) -> Command:
    """Destroy the named snapshots; never a range or -r, which would catch snapshots that others took meanwhile."""
    return ("zfs", "destroy", f"{dataset}@{','.join(snapshots)}")
