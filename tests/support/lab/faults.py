"""Inject faults at exact points of a run, without fault code in the program.

On both sides shims named zfs and zpool come before the real ones in PATH. They run the real command, and if the
arguments match the armed fault, they run shell text before it, after it, or in the middle of its stream.
"""

from __future__ import annotations

import contextlib
import socket
import threading
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
directory=$(dirname "$0")
real=/usr/sbin/$(basename "$0")
words=$*
[ "$real" = {REAL} ] || words="$(basename "$0") $*"
[ ! -e "$directory/trace" ] || printf '%s\\n' "$words" >>"$directory/trace"
. "$directory/fault" 2>/dev/null || exec "$real" "$@"
case "$words" in
$match) ;;
*) exec "$real" "$@" ;;
esac
mkdir "$fired" 2>/dev/null || exec "$real" "$@"
case $when in
before) eval "$action"; exec "$real" "$@" ;;
after) "$real" "$@"; status=$?; eval "$action"; exit $status ;;
middle)
    "$real" "$@" | {{ head -c {MID_STREAM_BYTES}; eval "$action" >&2; cat; }}
    status=$?
    [ $status -le 128 ] || kill -$((status - 128)) $$
    exit $status ;;
esac
"""

CONNECT_SECONDS = 60
"""How long a client may take until it connects."""

CONNECTING = "connect"
"""The `match` of a fault that strikes when the client connects, before any command."""

BEFORE = "before the run"
"""The `match` of a fault that strikes before the client starts."""


@dataclass(frozen=True)
class Fault:
    """`action`: shell text to run; `match`: a pattern of the arguments (of zpool: after its name and a space); `when`:
    before, after or middle.
    """

    name: str
    match: str
    when: str
    action: str


class FaultyMachine:
    """The directory of the shims, and an sshd whose commands use them."""

    def __init__(self, directory: Path, server: Server) -> None:
        self.directory = directory
        self.server = server
        self.path = f"{directory}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
        self._armed = 0

    @property
    def _fired(self) -> Path:
        """What a fault leaves when it strikes. Each has its own, for a command of the run before, which has read the
        fault of then, may come to it only now."""
        return self.directory / f"fired-{self._armed}"

    def arm(self, fault: Fault) -> None:
        self._armed += 1
        text = f"match='{fault.match}'\nwhen={fault.when}\naction='{fault.action}'\nfired={self._fired}\n"
        (self.directory / "fault").write_text(text)

    def disarm(self) -> bool:
        """Remove the fault; return whether it struck."""
        (self.directory / "fault").unlink()
        return self._fired.exists()

    @contextmanager
    def tracing(self) -> Iterator[list[str]]:
        """Return a list that gets, at the end of the block, all commands of both sides as the shims compare them."""
        trace, commands = self.directory / "trace", list[str]()
        trace.touch()
        try:
            yield commands
        finally:
            commands += trace.read_text().splitlines()
            trace.unlink()

    @contextmanager
    def port_for(self, match: str) -> Iterator[int]:
        """Return the port to connect to. For BEFORE, the armed fault strikes at once; for CONNECTING, when the client
        connects, and nobody answers."""
        if match == BEFORE:
            self._strike()
        if match != CONNECTING:
            yield self.server.port
            return
        with socket.create_server(("127.0.0.1", 0)) as listener, contextlib.ExitStack() as accepted:
            listener.settimeout(CONNECT_SECONDS)

            def strike() -> None:
                accepted.enter_context(listener.accept()[0])
                self._strike()

            thread = threading.Thread(target=strike)
            thread.start()
            yield listener.getsockname()[1]
            thread.join()

    def _strike(self) -> None:
        self._fired.mkdir()
        run("sh", "-c", f'. {self.directory}/fault; eval "$action"')

    def ends_client(self, signal: str) -> str:
        """Return the action that sends a signal to the client."""
        return f"kill -{signal} $(cat {self.directory}/client)"

    def launching(self, *command: str) -> list[str]:
        """Return a command that becomes this client, with the shims first in PATH; its number is known before."""
        script = f'echo $$ >{self.directory}/client; PATH={self.path} exec "$@"'
        return ["sh", "-c", script, "sh", *command]


@contextmanager
def faulty_machine(directory: Path, port: int, known_hosts: Path) -> Iterator[FaultyMachine]:
    shim = directory / "shim"
    shim.mkdir()
    for name in ("zfs", "zpool"):
        (shim / name).write_text(SHIM)
        (shim / name).chmod(0o755)
    with sshd(directory, port, wrapper=f'PATH={shim}:$PATH\nexec sh -c "$SSH_ORIGINAL_COMMAND"') as server:
        trust(port, known_hosts)
        yield FaultyMachine(shim, server)


def streams_left() -> str:
    """Return the processes of a stream that still run after a grace period."""
    alive = f"pgrep -a -x mbuffer; pgrep -a -f '^{REAL} (send|receive)'"
    run("sh", "-c", f'for i in $(seq 25); do [ -z "$({alive})" ] && exit 0; sleep 0.2; done')
    return run("sh", "-c", alive, check=False).stdout
