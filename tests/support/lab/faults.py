"""Inject faults at exact points of a run, without fault code in the program.

On both sides a shim named zfs comes before the real one in PATH. It runs the real command, and if the arguments match
the armed fault, it runs shell text before it, after it, or in the middle of its stream.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.lab.servers import Server, sshd, trust
from tests.support.lab.world import run

REAL = "/usr/sbin/zfs"
MID_STREAM_BYTES = 1_500_000

SHIM = f"""#!/bin/bash
set -o pipefail
. "$(dirname "$0")/fault" 2>/dev/null || exec {REAL} "$@"
case "$*" in
$match) ;;
*) exec {REAL} "$@" ;;
esac
mkdir "$(dirname "$0")/fired" 2>/dev/null || exec {REAL} "$@"
case $when in
before) eval "$action"; exec {REAL} "$@" ;;
after) {REAL} "$@"; status=$?; eval "$action"; exit $status ;;
middle)
    {REAL} "$@" | {{ head -c {MID_STREAM_BYTES}; eval "$action" >&2; cat; }}
    status=$?
    [ $status -le 128 ] || kill -$((status - 128)) $$
    exit $status ;;
esac
"""


@dataclass(frozen=True)
class Fault:
    """`action`: shell text to run; `match`: a pattern of the arguments; `when`: before, after or middle."""

    name: str
    match: str
    when: str
    action: str
    fix: str = "true"
    """Shell text that an administrator would run before the next run."""


class FaultyMachine:
    """The directory of the shim, and an sshd whose commands use it."""

    def __init__(self, directory: Path, server: Server) -> None:
        self.directory = directory
        self.server = server
        self.path = f"{directory}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"

    def arm(self, fault: Fault) -> None:
        text = f"match='{fault.match}'\nwhen={fault.when}\naction='{fault.action}'\n"
        (self.directory / "fault").write_text(text)

    def disarm(self) -> bool:
        """Remove the fault; return whether it struck."""
        (self.directory / "fault").unlink()
        fired = self.directory / "fired"
        has_fired = fired.exists()
        if has_fired:
            fired.rmdir()
        return has_fired

    @property
    def kill_client(self) -> str:
        return f"kill -KILL $(cat {self.directory}/client)"


@contextmanager
def faulty_machine(directory: Path, port: int, known_hosts: Path) -> Iterator[FaultyMachine]:
    shim = directory / "shim"
    shim.mkdir()
    (shim / "zfs").write_text(SHIM)
    (shim / "zfs").chmod(0o755)
    with sshd(directory, port, wrapper=f'PATH={shim}:$PATH\nexec sh -c "$SSH_ORIGINAL_COMMAND"') as server:
        trust(port, known_hosts)
        yield FaultyMachine(shim, server)


def streams_left() -> str:
    """Return the processes of a stream that still run after a grace period."""
    alive = f"pgrep -a -x mbuffer; pgrep -a -f '^{REAL} (send|receive)'"
    run("sh", "-c", f'for i in $(seq 25); do [ -z "$({alive})" ] && exit 0; sleep 0.2; done')
    return run("sh", "-c", alive, check=False).stdout
