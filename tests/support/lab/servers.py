"""Run sshd on loopback in the variants that tests need, each on its own port."""

from __future__ import annotations

import contextlib
import functools
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.lab.world import run

KNOWN_HOSTS = Path("/root/.ssh/known_hosts")
START_SECONDS = 30


@dataclass(frozen=True)
class Server:
    port: int
    log: Path
    """Where a counting server writes each command that it is asked to run, one line each."""

    def commands(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


@contextlib.contextmanager
def sshd(directory: Path, port: int, *options: str, wrapper: str | None = None) -> Iterator[Server]:
    """Run sshd on 127.0.0.1 with root's own keys. `wrapper`: shell text to run instead of each command.

    The wrapper finds the command in $SSH_ORIGINAL_COMMAND.
    """
    server = Server(port, directory / f"commands.{port}")
    arguments = ["-o", f"ListenAddress=127.0.0.1:{port}", "-o", f"PidFile={directory}/sshd.{port}.pid"]
    if wrapper is not None:
        script = directory / f"wrapper.{port}"
        script.write_text(f"#!/bin/sh\n{wrapper}\n")
        script.chmod(0o755)
        arguments += ["-o", f"ForceCommand={script}"]
    for option in (*options, *_no_penalties()):
        arguments += ["-o", option]
    process = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", *arguments], stderr=subprocess.DEVNULL)
    try:
        _wait_for(port, process)
        yield server
    finally:
        process.terminate()
        process.wait()


def counting(directory: Path, port: int) -> contextlib.AbstractContextManager[Server]:
    """Run an sshd that logs each command, then runs it."""
    log = directory / f"commands.{port}"
    note = f"""printf '%s\\n' "$(printf %s "$SSH_ORIGINAL_COMMAND" | tr '\\n' ' ')" >> {log}"""
    return sshd(directory, port, wrapper=f'{note}\nexec sh -c "$SSH_ORIGINAL_COMMAND"')


def trust(port: int, known_hosts: Path) -> None:
    """Add the host key of a port to known_hosts, as an administrator would after comparing it."""
    keys = run("ssh-keyscan", "-p", str(port), "127.0.0.1").stdout
    with known_hosts.open("a") as file:
        file.write(keys)


@functools.cache
def _no_penalties() -> tuple[str, ...]:
    """OpenSSH 9.8 and later block an address after failed logins, and all tests come from one address."""
    return ("PerSourcePenalties=no",) if "persourcepenalties" in run("/usr/sbin/sshd", "-T").stdout else ()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise AssertionError(f"sshd did not listen on port {port}")
