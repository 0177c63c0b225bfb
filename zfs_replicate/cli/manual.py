"""The manual: what --help prints, and what docopt reads. Its options are those of the table in options.py."""

from __future__ import annotations

from zfs_replicate.cli.options import SECTIONS

_HEAD = """zfs_replicate - mirror ZFS datasets from a remote host into a local pool

Usage:
  zfs_replicate -h HOST -r DATASET -l DATASET -t TAG [-k DAYS] [-x PATTERN]... [options]
  zfs_replicate run [JOB]... [--config FILE] [options]
  zfs_replicate check [--config FILE]
  zfs_replicate status -l DATASET [-h HOST -r DATASET] [-t TAG] [-x PATTERN]... [--warn AGE] [--crit AGE] [options]
  zfs_replicate release -h HOST -r DATASET -t TAG [-l DATASET] [options]
  zfs_replicate --help
  zfs_replicate --version

Example, as a line for cron:
  zfs_replicate -h nas1 -r backuppool/virt/machines -l offsite/virt/machines -t offsite -k 30

Pulls all snapshots of a dataset and of everything below it that are not here yet, and exits. Each new snapshot
arrives once; a cut stream is continued by the next run. The newest snapshot that both sides have is kept on the
source by a hold, so that the next run always finds a base. Nothing is rolled back unless you say so, and nothing is
destroyed but snapshots older than -k days. What is received is read-only and not mounted.

run carries out the jobs of a file, one after the other, and check only reads the file; status tells how old each copy
is, as a monitoring plugin; release retires a mirror: it lists the holds of its tag on the source, and releases them.
"""

_TAIL = """
A successful run prints nothing unless there is a terminal or -v. Exit status: 0 mirrored, or another run is at work
on the same target; 1 at least one dataset failed or needs a decision; 2 wrong usage; 3 the source cannot be reached,
authenticated, trusted or used. status exits as monitoring plugins do: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.
"""

_OPTIONS = "\n".join(
    "".join(
        f"{line}\n" for line in (f"{section.title}:", *(line for option in section.options for line in option.lines()))
    )
    for section in SECTIONS
)

MANUAL = f"{_HEAD}\n{_OPTIONS}{_TAIL}"


def usage() -> str:
    """The usage lines of the manual."""
    return MANUAL[MANUAL.index("Usage:") : MANUAL.index("\n\nExample")]
