"""Define the tools, with their best documented settings for pulling existing snapshots by cron. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from zfs_replicate.model import COMPRESSORS

SOURCE = "tank/data"
TARGET_POOL = "offsite"
HOST = "root@127.0.0.1"

BACKUP_NAME = "bench"
"""zfs-autobackup recognises its snapshots by their name: this, a hyphen and the time."""

SHARED_CONNECTIONS = """Host *
    ControlPath ~/.ssh/control-%r@%h:%p
    ControlMaster auto
    ControlPersist 3600
"""
"""What zfs-autobackup's wiki recommends in ssh_config for speed."""

PYTHON_PROGRAM = "import sys; sys.path.append(sys.argv.pop(1)); from {module} import {main}; sys.exit({main}())"
"""Find packages from pip after the standard library, as if installed (PYTHONPATH would come before it)."""


@dataclass(frozen=True, slots=True)
class Tool:
    """`command` is run; `shown` is what a person would type; `why` explains the settings."""

    name: str
    command: tuple[str, ...]
    shown: str
    why: str

    @property
    def parent(self) -> str:
        """The parent of this tool's mirror, `data`."""
        return f"{TARGET_POOL}/{self.name.replace(' ', '')}"

    @property
    def target(self) -> str:
        return f"{self.parent}/data"


def ours(name: str, *options: str) -> Tool:
    parent = f"{TARGET_POOL}/{name.replace(' ', '')}"
    words = ("-h", HOST, "-r", SOURCE, "-l", f"{parent}/data", "-t", "bench", *options)
    why = "defaults: holds on both sides, bookmarks, verification, saved state of cut streams"
    return Tool(name, ("python3", "/tmp/checkout/bin/zfs_replicate", *words), f"zfs_replicate {' '.join(words)}", why)


def syncoid() -> Tool:
    options = (
        "--recursive",
        "--no-sync-snap",
        "--no-command-checks",
        "--no-privilege-elevation",
        "--compress=none",
        "--recvoptions=u",
        "--quiet",
    )
    words = (*options, f"{HOST}:{SOURCE}", f"{TARGET_POOL}/syncoid/data")
    why = "no snapshots, no checks for programs, no compression, nothing mounted; no holds. It shares one connection"
    return Tool("syncoid", ("perl", "/tmp/peers/sanoid/usr/sbin/syncoid", *words), f"syncoid {' '.join(words)}", why)


def bzfs(name: str, *more: str) -> Tool:
    options = (
        "--recursive",
        "--no-estimate-send-size",
        "--threads=4",
        "--create-bookmarks=hourly",
        "--compression-program=-",
        "--pv-program=-",
        "--ps-program=-",
        "--quiet",
        *more,
    )
    words = (*options, f"{HOST}:{SOURCE}", f"{TARGET_POOL}/{name.replace(' ', '')}/data")
    why = "no estimates, no compression, four streams at a time, only the bookmarks that it needs; no holds"
    start = ("python3", "-c", PYTHON_PROGRAM.format(module="bzfs_main.bzfs", main="main"), "/tmp/peers/bzfs")
    return Tool(name, (*start, *words), f"bzfs {' '.join(words)}", why)


def zfs_autobackup() -> Tool:
    options = (
        f"--ssh-source={HOST}",
        "--ssh-config=/tmp/shared-connections",
        "--no-snapshot",
        "--no-thinning",
        "--no-holds",
        "--no-guid-check",
        "--no-progress",
        "--clear-mountpoint",
        "--exclude-received",
        "--strip-path=1",
    )
    words = (*options, BACKUP_NAME, f"{TARGET_POOL}/zfs_autobackup")
    why = (
        "all that its wiki recommends for speed: shared connections in ssh_config, no holds, no guid check, no progress"
    )
    start = PYTHON_PROGRAM.format(module="zfs_autobackup.ZfsAutobackup", main="cli")
    return Tool(
        "zfs_autobackup",
        ("python3", "-c", start, "/tmp/peers/zfs-autobackup", *words),
        f"zfs-autobackup {' '.join(words)}",
        why,
    )


def peers() -> tuple[Tool, ...]:
    return (syncoid(), bzfs("bzfs"), bzfs("bzfs cached", "--cache-snapshots"), zfs_autobackup())


def all_tools(has_transports: bool) -> tuple[Tool, ...]:
    """`has_transports`: this version can also stream through OpenSSH's client."""
    compressors = [ours(f"zfs_replicate {program}", "-z", program) for program in COMPRESSORS]
    transports = [ours(f"zfs_replicate {kind}", "--transport", kind) for kind in ("paramiko", "openssh")]
    return (ours("zfs_replicate"), *((*transports, *compressors) if has_transports else ()), *peers())
