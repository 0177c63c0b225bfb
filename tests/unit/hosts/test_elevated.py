"""--sudo: commands that need privileges run by sudo on both sides; commands that only read do not."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from zfs_replicate.config import Connection
from zfs_replicate.hosts.base import run
from zfs_replicate.hosts.elevated import ElevatedTarget
from zfs_replicate.hosts.local import LocalHost
from zfs_replicate.model import Kind
from zfs_replicate.run import connect
from zfs_replicate.steps import CreateParent, MoveDataset, Receiving, Resume
from zfs_replicate.zfs import commands, mbuffer, queries

RECEIVING = Receiving("off/a", Kind.VOLUME)


@pytest.mark.parametrize(
    "command",
    [
        commands.hold("t", ["a@x"]),
        commands.release("t", ["a@x"]),
        commands.send(Resume("a@x", "1-ab", RECEIVING)),
        commands.receive(RECEIVING),
        commands.abort_receive("off/a"),
        commands.create_parent(CreateParent("off/a", True)),
        commands.rollback("off/a@x"),
        commands.clear_placeholder("off/a"),
        commands.destroy("off/a", ["x"]),
        commands.destroy_placeholder("off/a"),
        commands.unmount("off/a"),
        commands.mount("off/a"),
        commands.rename_dataset(MoveDataset("off/a", "off/b")),
    ],
)
def test_commands_that_change_or_send_run_by_sudo(command: commands.Command) -> None:
    assert commands.elevated(command) == ("sudo", "-n", *command)


def test_each_send_in_a_bundle_runs_by_sudo() -> None:
    command = commands.bundle("mark", [("zfs", "send", "-i", "t@a", "t@zfs send")])
    shell, option, script, *words = commands.elevated(command)
    assert (shell, option, words) == ("sh", "-c", list(command[3:]))
    assert script == command[2].replace("$(zfs send ", "$(sudo -n zfs send ") != command[2]


def test_the_compressor_does_not_run_by_sudo() -> None:
    send = commands.send(Resume("a@x", "1-ab", RECEIVING))
    assert commands.elevated(commands.compressed(send, "lz4")) == commands.compressed(("sudo", "-n", *send), "lz4")


@pytest.mark.parametrize(
    "command",
    [
        queries.probe("tank"),
        queries.list_tree("tank"),
        queries.list_copies("tank"),
        queries.list_holds(["tank@x"]),
        queries.list_guids(["tank@x"]),
        queries.list_existing(["tank"]),
        queries.list_placeholders("tank"),
        queries.list_contents(["tank"]),
        queries.list_mounted("tank"),
        queries.sync("tank"),
        queries.list_limits(["tank"]),
        queries.decode_token("1-ab"),
        mbuffer.command("1M"),
    ],
)
def test_commands_that_only_read_do_not_run_by_sudo(command: commands.Command) -> None:
    assert commands.elevated(command) == command


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """sudo and zfs that record their arguments."""
    for name, then in {"sudo": 'shift; exec "$@"', "zfs": "cat >/dev/null"}.items():
        (tmp_path / name).write_text(f'#!/bin/sh\necho {name} "$@" >>{tmp_path}/calls\n{then}\n')
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path / "calls"


def test_bookmarks_are_made_one_by_one_by_sudo(calls: Path) -> None:
    subprocess.run(
        commands.elevated(commands.bookmark([("a@x", "a#y")], ["a#z"])), stdin=subprocess.DEVNULL, check=True
    )
    assert calls.read_text().splitlines()[::2] == ["sudo -n zfs bookmark a@x a#y", "sudo -n zfs destroy a#z"]


def test_commands_and_streams_of_a_host_run_by_sudo(calls: Path) -> None:
    host = ElevatedTarget(LocalHost("nas1"))
    run(host, commands.hold("t", ["a@x"]))
    with host.open_sink([("cat",), commands.receive(RECEIVING)]) as sink:
        sink.write(b"stream")
        sink.close_input()
        assert [ended.exit_status for ended in sink.finish()] == [0, 0]
    assert host.name == "nas1"
    assert calls.read_text().splitlines()[::2] == ["sudo -n zfs hold t a@x", "sudo -n zfs receive -s -u off/a"]


@pytest.mark.parametrize(
    ("user", "is_elevated", "runs_by_sudo"), [(0, True, False), (7, True, True), (7, False, False)]
)
def test_on_this_machine_only_users_other_than_root_need_sudo(
    monkeypatch: pytest.MonkeyPatch, user: int, is_elevated: bool, runs_by_sudo: bool
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    connection = Connection("localhost", is_elevated=is_elevated)
    assert isinstance(connect.here(connection), ElevatedTarget) == runs_by_sudo
    with connect.connected(connection) as source:
        assert isinstance(source, ElevatedTarget) == runs_by_sudo
