"""Build every command that only reads, or waits. (names) → argument tuples. Pure.

Those that change or send something are in commands.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from zfs_replicate.model import COMPRESSORS, PLACEHOLDER_PROPERTY
from zfs_replicate.zfs import limits
from zfs_replicate.zfs.commands import Command
from zfs_replicate.zfs.parse import PROBE_GREETING
from zfs_replicate.zfs.parse_tree import KEY_COLUMNS, LIST_COLUMNS, ROOM_COLUMNS

USEFUL_PROGRAMS = ("zfs", "mbuffer", *COMPRESSORS)

_CLOCK = 'printf "clock\\t%s\\n" "$(date +%s 2>/dev/null)"'

_PROBE = "; ".join(
    (
        f'echo "{PROBE_GREETING}"',
        f"for program in {' '.join(USEFUL_PROGRAMS)}",
        'do command -v "$program" >/dev/null 2>&1 && printf "program\\t%s\\n" "$program"',
        "done",
        "command -v zfs >/dev/null 2>&1 || exit 0",
        _CLOCK,
        'zfs version 2>/dev/null | head -n 1 | while read -r version; do printf "zfs-version\\t%s\\n" "$version"; done',
        'zpool get -Hp -o property,value all "$1"',
    )
)
"""One line without single quotes, for csh as a login shell."""


def probe(pool: str, has_clock: bool = True) -> Command:
    """Print programs, clock, zfs version and every property of the pool (see parse.capabilities).

    Without the clock it is what an older gate on the source lets through.
    """
    return ("sh", "-c", _PROBE if has_clock else _PROBE.replace(f"{_CLOCK}; ", ""), "sh", pool)


def list_tree(root: str, has_keys: bool = True) -> Command:
    """List a source tree with all that planning needs, in one command (zfs-list(8)).

    Without what it says about keys it is what an older gate on the source lets through.
    """
    return _list("filesystem,volume,snapshot,bookmark", has_keys, (), root)


def list_copies(root: str, has_keys: bool = True) -> Command:
    """List a target tree likewise, with the room in each; without bookmarks, which are not needed and slow to list."""
    return _list("filesystem,volume,snapshot", has_keys, ROOM_COLUMNS, root)


def _list(kinds: str, has_keys: bool, more: Sequence[str], root: str) -> Command:
    columns = (*LIST_COLUMNS, *(KEY_COLUMNS if has_keys else ()), *more)
    return ("zfs", "list", "-Hp", "-r", "-t", kinds, "-o", ",".join(columns), root)


def list_existing(datasets: Sequence[str]) -> Command:
    """List those datasets that exist, and whether they are encrypted; zfs reports the others on stderr.

    See refusals.absent_datasets.
    """
    return ("zfs", "list", "-Hp", "-o", "name,encryption", *datasets)


def list_guids(snapshots: Sequence[str]) -> Command:
    """List name and guid of each snapshot."""
    return ("zfs", "list", "-Hp", "-t", "snapshot", "-o", "name,guid", *snapshots)


def list_guids_in(datasets: Sequence[str]) -> Command:
    """List name and guid of all snapshots of each dataset, without those of its children."""
    return ("zfs", "list", "-Hp", "-d", "1", "-t", "snapshot", "-o", "name,guid", *datasets)


def list_held(pool: str) -> Command:
    """List all snapshots of a pool, or of a tree, with their guids and numbers of holds (see parse.held_snapshots)."""
    return ("zfs", "list", "-Hp", "-r", "-t", "snapshot", "-o", "name,guid,userrefs", pool)


def list_placeholders(root: str) -> Command:
    """List the datasets of a tree on which the property is set locally, since children inherit user properties."""
    kinds = ("-t", "filesystem,volume")
    return ("zfs", "get", "-Hp", "-r", *kinds, "-s", "local", "-o", "name", PLACEHOLDER_PROPERTY, root)


def list_marked(datasets: Sequence[str]) -> Command:
    """List those of the datasets on which the property is set locally."""
    return ("zfs", "get", "-Hp", "-s", "local", "-o", "name", PLACEHOLDER_PROPERTY, *datasets)


def list_origins(datasets: Sequence[str]) -> Command:
    """List the snapshot that each dataset is a clone of; `-` for one that is none."""
    return ("zfs", "list", "-Hp", "-o", "name,origin", *datasets)


def encryption_root(dataset: str) -> Command:
    """Print the dataset whose key encrypts this one; `-` if none does."""
    return ("zfs", "get", "-Hp", "-o", "value", "encryptionroot", dataset)


def sync(pool: str) -> Command:
    """Wait until what was written is on disk: only then is it counted. Every user may do it."""
    return ("zpool", "sync", pool)


def list_mounted(dataset: str) -> Command:
    """List a filesystem and those below it, with whether each is mounted (see parse.mounted)."""
    return ("zfs", "list", "-Hp", "-r", "-t", "filesystem", "-o", "name,mounted", dataset)


def list_bookmarks(datasets: Sequence[str]) -> Command:
    """List the bookmarks of these datasets (see parse.bookmarks)."""
    return ("zfs", "list", "-Hp", "-d", "1", "-t", "bookmark", "-o", "name,guid,createtxg,creation", *datasets)


def list_sectors(pool: str) -> Command:
    """List how large the sectors of each vdev are (see parse.sector_bytes). Fails before OpenZFS 2.2."""
    return ("zpool", "get", "-Hp", "-o", "name,value", "ashift", pool, "all-vdevs")


def list_contents(datasets: Sequence[str]) -> Command:
    """List how many bytes each dataset holds, before compression and padding and after (see parse.contents)."""
    return ("zfs", "list", "-Hp", "-o", "name,logicalreferenced,written", *datasets)


def decode_token(token: str) -> Command:
    """Print what a resume token contains (see saved_state.token_contents); sends nothing."""
    return ("zfs", "send", "-nvt", token)


def list_holds(snapshots: Sequence[str]) -> Command:
    """List the hold tags of each snapshot (see parse.holds)."""
    return ("zfs", "holds", "-H", *snapshots)


def list_limits(datasets: Sequence[str]) -> Command:
    """List what may limit these datasets (see limits.py); those that do not exist are reported on stderr."""
    return ("zfs", "get", "-Hp", "-o", "name,property,value", ",".join(limits.PROPERTIES), *datasets)
