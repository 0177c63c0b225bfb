"""Set up two users without root: `puller` runs the program, which logs in as `pulled`; and capture the auth log."""

from __future__ import annotations

import contextlib
import os
import queue
import shlex
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support import TOP
from tests.support.lab.world import PROGRAM, run

GATE = Path("/usr/local/sbin/zfs_replicate_gate")
PULLER, PULLED = "puller", "pulled"
HOME = Path("/home/puller")
SYSLOG = Path("/dev/log")


class Syslog:
    """Receives what syslog(3) writes."""

    def __init__(self) -> None:
        SYSLOG.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._listener.bind(str(SYSLOG))
        os.chmod(SYSLOG, 0o666)
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._is_over = False
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        # an empty datagram is our own mark: everything written before it has arrived
        while not self._is_over:
            data = self._listener.recv(1 << 16)
            self._lines.put(data.decode("ascii").rstrip("\n\0") if data else None)

    def take(self) -> list[str]:
        """Return the lines written since the last call."""
        self._mark()
        return list(iter(lambda: self._lines.get(timeout=60), None))

    def _mark(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"", str(SYSLOG))

    def close(self) -> None:
        self._is_over = True
        self._mark()
        self._thread.join()
        self._listener.close()
        SYSLOG.unlink()


@dataclass
class Site:
    """Both users, with keys from one to the other, and the gate installed."""

    syslog: Syslog

    def key(self, name: str) -> str:
        return str(HOME / ".ssh" / name)

    def as_puller(self, *command: str, expect: int | None = 0) -> subprocess.CompletedProcess[str]:
        words = ["setpriv", "--reuid", PULLER, "--regid", PULLER, "--init-groups", "--reset-env", *command]
        done = run(*words, check=False)
        assert expect in (None, done.returncode), f"{shlex.join(command)}: {done.returncode}\n{done.stderr}"
        return done

    def replicate(self, key: str, *options: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
        """Run the crontab line of an unprivileged mirror: tank/data → offsite/backup/data with the tag `mirror`."""
        where = ["-h", f"{PULLED}@127.0.0.1", "-r", "tank/data", "-l", "offsite/backup/data", "-t", "mirror"]
        words = [sys.executable, PROGRAM, *where, "-i", self.key(key), "--retries", "0", *options]
        return self.as_puller(*words, expect=expect)

    def ssh(self, key: str, text: str, user: str = PULLED, to: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command with OpenSSH's client, on one connection for each key and user; `to`: a file for output."""
        control = [
            "-o",
            "ControlMaster=auto",
            "-o",
            "ControlPersist=60",
            "-o",
            f"ControlPath={self._socket(key, user)}",
        ]
        options = ["-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-T", "-i", self.key(key), *control]
        words = ["ssh", *options, f"{user}@127.0.0.1", *([text] if text else [])]
        return self.as_puller("sh", "-c", f'exec "$@" {f">{to}" if to else ""}', "sh", *words, expect=None)

    def _socket(self, key: str, user: str) -> str:
        return f"{HOME}/.ssh/{user}-{key}.control"

    def hang_up(self) -> None:
        for path in (HOME / ".ssh").glob("*.control"):
            run("ssh", "-o", f"ControlPath={path}", "-O", "exit", "any", check=False)


def authorize(user: str, key: str, *gate_options: str) -> None:
    """Authorize a key of puller: through the gate with these options, or without the gate if there are none."""
    directory = Path(run("sh", "-c", f"echo ~{user}").stdout.strip()) / ".ssh"
    directory.mkdir(mode=0o700, exist_ok=True)
    public = (HOME / ".ssh" / f"{key}.pub").read_text()
    before = f'command="{GATE} {shlex.join(gate_options)}",restrict ' if gate_options else ""
    with (directory / "authorized_keys").open("a") as file:
        file.write(before + public)
    run("chown", "-R", f"{user}:", str(directory))


@contextlib.contextmanager
def site() -> Iterator[Site]:
    """Set up users, keys and the gate, once in a guest. At the end, no connection is left for other tests to find."""
    shutil.copy(TOP / "bin" / "zfs_replicate_gate", GATE)
    run(sys.executable, "-m", "compileall", "-q", str(TOP / "zfs_replicate"))  # as if installed
    for user in (PULLER, PULLED):
        run("useradd", "--create-home", "--shell", "/bin/sh", user)
        run("usermod", "--password", "*", user)
    both = Site(Syslog())
    (HOME / ".ssh").mkdir(mode=0o700)
    shutil.copy("/root/.ssh/known_hosts", HOME / ".ssh")
    run("chown", "-R", f"{PULLER}:", str(HOME / ".ssh"))
    for key in ("gated", "plain", "readonly", "elevated", "rootly"):
        both.as_puller("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", both.key(key))
    rules = ("--dataset", "tank/data", "--tag", "mirror")
    authorize(PULLED, "plain")
    authorize(PULLED, "gated", *rules)
    authorize(PULLED, "readonly", *rules, "--read-only")
    authorize(PULLED, "elevated", *rules, "--sudo")
    authorize("root", "rootly", *rules)
    try:
        yield both
    finally:
        both.hang_up()
        both.syslog.close()
