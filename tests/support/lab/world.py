"""Manage two file-backed pools for the lab tests, and run commands on them as an administrator would."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support import TOP
from zfs_replicate.plan.identity import identity

PROGRAM = str(TOP / "bin" / "zfs_replicate")
POOL_SIZE = 300 << 20
CHUNK = 1 << 20
SECONDS_PER_DAY = 86_400
BUSY_SECONDS = 60
"""How long a pool may stay in use after a test."""


def run(*command: str, check: bool = True, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; if it fails, fail the test with all its output."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **(env or {})})
    if check and done.returncode != 0:
        raise AssertionError(f"{shlex.join(command)}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def zfs(*arguments: str) -> str:
    return run("zfs", *arguments).stdout


def paste(text: str, beginning: str, typed: str = "", more: str = "", **placeholders: str) -> str:
    """Run the command in a message that begins like this in a shell, as an administrator would; return the command.

    `typed`: what the command asks for. `more`: what is added at its end, since there is no terminal. `placeholders`:
    what to write for the words in capitals.
    """
    command = _printed(text, beginning) + more
    for word, value in placeholders.items():
        assert word in command, command
        command = command.replace(word, shlex.quote(value))
    run("sh", "-c", f"printf '%s\\n' {shlex.quote(typed)} | {command}")
    return command


def look(text: str, beginning: str, env: dict[str, str] | None = None) -> str:
    """Run a command in a message that only shows something, in a shell; return all that it prints, also if it fails."""
    done = run("sh", "-c", _printed(text, beginning), check=False, env=env)
    return done.stdout + done.stderr


def _printed(text: str, beginning: str) -> str:
    """Return the command that comes after `: ` in a message, and ends before `; `, `, ` or ` (`."""
    match = re.search(rf": ({re.escape(beginning)}.*?)(?=; |, | \(|$)", text, re.MULTILINE)
    assert match is not None, text
    return match[1]


def mirror_identity(source: str = "tank/data", target: str = "offsite/data") -> str:
    """Return what tells a mirror from others with its tag on the source."""
    guid = run("zpool", "get", "-Hpo", "value", "guid", target.partition("/")[0]).stdout
    return identity(int(guid), source, target)


@dataclass(frozen=True)
class World:
    """The pools `tank` (source) and `offsite` (target); both also reachable as root@127.0.0.1."""

    directory: Path

    # --- the program ---

    def replicate(
        self, *options: str, host: str = "127.0.0.1", expect: int = 0, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the program on tank/data → offsite/data with the tag `mirror`; a later option of the same name wins."""
        return self.replicate_from("tank/data", "offsite/data", *options, host=host, expect=expect, env=env)

    def replicate_from(  # noqa: PLR0913 - the words of a command line
        self,
        source: str,
        target: str,
        *options: str,
        host: str = "127.0.0.1",
        tag: str = "mirror",
        expect: int = 0,
        env: dict[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        once = [] if "--retries" in options else ["--retries", "0"]
        return self.program("-h", host, "-r", source, "-l", target, "-t", tag, *once, *options, expect=expect, env=env)

    def program(
        self, *arguments: str, expect: int = 0, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        done = run(sys.executable, PROGRAM, *arguments, check=False, env=env)
        assert done.returncode == expect, f"status {done.returncode}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def start(self, *options: str, host: str = "127.0.0.1") -> subprocess.Popen[str]:
        """Start the program on tank/data → offsite/data and return at once."""
        once = [] if "--retries" in options else ["--retries", "0"]
        arguments = ["-h", host, "-r", "tank/data", "-l", "offsite/data", "-t", "mirror", *once, *options]
        return subprocess.Popen(
            [sys.executable, PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    # --- state ---

    def snapshots(self, dataset: str) -> list[str]:
        """Return the names after the @, oldest first."""
        lines = zfs("list", "-Hp", "-d1", "-t", "snapshot", "-o", "name", "-s", "createtxg", dataset).splitlines()
        return [line.partition("@")[2] for line in lines]

    def guids(self, dataset: str) -> list[str]:
        return zfs("list", "-Hp", "-d1", "-t", "snapshot", "-o", "guid", "-s", "createtxg", dataset).split()

    def datasets(self, root: str) -> list[str]:
        return zfs("list", "-H", "-r", "-t", "filesystem,volume", "-o", "name", root).splitlines()

    def exists(self, name: str) -> bool:
        return run("zfs", "list", name, check=False).returncode == 0

    def holds(self, dataset: str) -> dict[str, set[str]]:
        """Return the tags by the name after the @, only of held snapshots."""
        holds: dict[str, set[str]] = {}
        for name in self.snapshots(dataset):
            tags = {line.split("\t")[1] for line in zfs("holds", "-H", f"{dataset}@{name}").splitlines()}
            if tags:
                holds[name] = tags
        return holds

    def get(self, dataset: str, name: str) -> str:
        return zfs("get", "-Hp", "-o", "value", name, dataset).strip()

    def everything(self) -> str:
        """Return all that a run could change, as text, to check that it changed nothing."""
        listing = zfs("list", "-Hp", "-t", "all", "-o", "name,guid,userrefs,receive_resume_token", "tank", "-r")
        return listing + zfs(
            "list", "-Hp", "-t", "all", "-o", "name,guid,userrefs,receive_resume_token", "offsite", "-r"
        )

    # --- changes ---

    def create_encrypted(self, dataset: str, phrase: str = "correct horse battery staple") -> None:
        """Create an encryption root; its key is in a file, and loaded."""
        key = self.directory / f"{hashlib.sha256(phrase.encode()).hexdigest()[:8]}.key"
        key.write_text(phrase)
        zfs("create", "-o", "encryption=on", "-o", "keyformat=passphrase", "-o", f"keylocation=file://{key}", dataset)

    def write(self, dataset: str, name: str, size: int = 4096) -> None:
        """Write a file of random bytes into a filesystem, mounted only meanwhile."""
        with self.mounted(dataset) as directory, (directory / name).open("wb") as file:
            for start in range(0, size, CHUNK):
                file.write(os.urandom(min(CHUNK, size - start)))

    def read(self, dataset: str, name: str) -> str:
        """Return the digest of a file."""
        with self.mounted(dataset) as directory, (directory / name).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    @contextlib.contextmanager
    def mounted(self, dataset: str) -> Iterator[Path]:
        directory = self.directory / "mount"
        directory.mkdir(exist_ok=True)
        run("mount", "-t", "zfs", "-o", "zfsutil", dataset, str(directory))
        try:
            yield directory
        finally:
            run("umount", str(directory))

    def snapshot(self, *names: str, days_ago: int = 0, recursive: bool = False) -> None:
        """Take snapshots, as if some days ago: set the guest's clock back meanwhile."""
        with clock_set_back(days_ago * SECONDS_PER_DAY):
            for name in names:
                zfs("snapshot", *(["-r"] if recursive else []), name)


@contextlib.contextmanager
def clock_set_back(seconds: int) -> Iterator[None]:
    """Set back the guest's clock, which is separate from the host's (see lab/README.md)."""
    if not seconds:
        yield
        return
    began, ticks = time.time(), time.monotonic()
    time.clock_settime(time.CLOCK_REALTIME, began - seconds)
    try:
        yield
    finally:
        time.clock_settime(time.CLOCK_REALTIME, began + time.monotonic() - ticks)


def make_pools(directory: Path) -> World:
    for pool in ("tank", "offsite"):
        image = directory / f"{pool}.img"
        with image.open("wb") as file:
            file.truncate(POOL_SIZE)
        run("zpool", "create", "-O", "mountpoint=none", "-O", "atime=off", pool, str(image))
    zfs("create", "tank/data")
    return World(directory)


def destroy_pools(names: Sequence[str] = ("tank", "offsite")) -> None:
    """Destroy these pools as far as they exist. A command of the test before may still use one: wait for its end."""
    until = time.monotonic() + BUSY_SECONDS
    for pool in names:
        while run("zpool", "list", pool, check=False).returncode == 0:
            done = run("zpool", "destroy", "-f", pool, check=False)
            assert done.returncode == 0 or time.monotonic() < until, done.stderr + run("ps", "-eo", "pid,args").stdout
