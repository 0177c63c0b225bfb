"""Build the manual, which --help prints and docopt reads, from prose here and the table in options.py."""

from __future__ import annotations

from zfs_replicate.cli.options import SECTIONS

_HEAD = """zfs_replicate - mirror ZFS datasets from a remote host into a local pool

Usage:
  zfs_replicate -h HOST -r DATASET -l DATASET -t TAG [-k DAYS] [-x PATTERN]... [options]
  zfs_replicate run [JOB]... [--config FILE] [options]
  zfs_replicate check [--config FILE]
  zfs_replicate status -l DATASET [-h HOST -r DATASET] [-t TAG] [-x PATTERN]... [--warn AGE] [--crit AGE] [options]
  zfs_replicate release -h HOST -r DATASET -t TAG [-l DATASET] [options]
  zfs_replicate release --target -l DATASET -t TAG [options]
  zfs_replicate --help
  zfs_replicate --version

Example, as the command in a crontab:
  zfs_replicate -h nas1 -r backuppool/virt/machines -l offsite/virt/machines -t offsite -k 30

Pull the snapshots of a dataset and of everything below it that are not here yet, then exit. Each snapshot is sent
once; the next run resumes an interrupted stream. A hold on the source keeps the newest snapshot that both sides have,
so that the next run always finds a base. Nothing is rolled back unless you ask for it; only snapshots older than -k
days are destroyed. Received datasets are read-only and not mounted.

run mirrors the jobs in a file, one after another; check only reads the file. status prints how old each copy is, as a
monitoring plugin. release retires a mirror, or a part of it: it lists the holds of its tag, asks, and releases them.
"""

_TAIL = """
A successful run prints nothing, except on a terminal or with -v. Exit status: 0 mirrored, or another run is already
working on the same target; 1 at least one dataset failed or needs a decision; 2 wrong usage; 3 the source cannot be
reached, trusted or used, or rejects the login. status exits like a monitoring plugin: 0 OK, 1 WARNING, 2 CRITICAL, 3
UNKNOWN.
"""

_OPTIONS = "\n".join(
    "\n".join((f"{section.title}:", *(line for option in section.options for line in option.manual_lines()), ""))
    for section in SECTIONS
)

MANUAL = f"{_HEAD}\n{_OPTIONS}{_TAIL}"


def usage() -> str:
    """Return the usage lines of the manual."""
    return MANUAL[MANUAL.index("Usage:") : MANUAL.index("\n\nExample")]
