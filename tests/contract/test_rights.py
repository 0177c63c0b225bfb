"""What zfs allow lets a user other than root do (facts 4, 10)."""

from __future__ import annotations

import pytest

from tests.support.contract.zfs import MIB, STRANGER, Result, Zfs
from tests.support.exits import failed
from zfs_replicate.errors import OutOfSpace, PermissionDenied
from zfs_replicate.steps import CreateParent, SnapshotRename
from zfs_replicate.zfs import commands, parse, queries, refusals


def as_stranger(zfs: Zfs, *arguments: str) -> Result:
    return zfs.zfs(*arguments, user=STRANGER)


def test_reading_needs_no_permission(zfs: Zfs) -> None:
    zfs.make_source("a")
    zfs.ok("hold", "tag", f"{zfs.source}@a")
    assert as_stranger(zfs, "list", "-Hp", "-t", "snapshot", "-o", "name", f"{zfs.source}@a").status == 0
    assert as_stranger(zfs, "holds", "-H", f"{zfs.source}@a").stdout.split("\t")[1] == "tag"


def test_a_snapshot_is_renamed_with_rename_create_and_mount(zfs: Zfs) -> None:
    zfs.make_source("a")
    command = commands.rename_snapshot(zfs.source, SnapshotRename("a", "b"))
    for right in ("rename", "mount"):
        zfs.ok("allow", STRANGER, right, zfs.source)
        assert as_stranger(zfs, *command[1:]).error is PermissionDenied
    zfs.ok("allow", STRANGER, "create", zfs.source)
    assert as_stranger(zfs, *command[1:]).status == 0
    assert zfs.snapshots(zfs.source) == ["b"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("hold", "tag", "SOURCE@a"),
        ("release", "held", "SOURCE@a"),
        ("destroy", "SOURCE@b"),
        ("snapshot", "SOURCE@c"),
        ("bookmark", "SOURCE@a", "SOURCE#a"),
        ("rollback", "-r", "SOURCE@a"),
        ("create", "-o", "canmount=off", "SOURCE/child"),
        ("inherit", "user:mark", "SOURCE"),
        ("set", "user:mark=on", "SOURCE"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_each_change_needs_a_permission(zfs: Zfs, arguments: tuple[str, ...]) -> None:
    zfs.make_source("a", "b")
    zfs.ok("hold", "held", f"{zfs.source}@a")
    assert as_stranger(zfs, *(word.replace("SOURCE", zfs.source) for word in arguments)).error is PermissionDenied
    assert zfs.snapshots(zfs.source) == ["a", "b"]


def test_mark_of_a_placeholder_needs_userprop(zfs: Zfs) -> None:
    zfs.ok("create", zfs.target)
    zfs.ok("allow", STRANGER, "create,mount,canmount", zfs.target)
    step = CreateParent(f"{zfs.target}/parent", is_placeholder=False)
    assert as_stranger(zfs, *commands.create_parent(step)[1:]).error is PermissionDenied
    assert not zfs.exists(step.target)
    assert as_stranger(zfs, *commands.create_parent(step, is_marked=False)[1:]).status == 0
    zfs.ok("destroy", step.target)
    zfs.ok("allow", STRANGER, "userprop", zfs.target)
    assert as_stranger(zfs, *commands.create_parent(step)[1:]).status == 0
    again = as_stranger(zfs, *commands.create_parent(step)[1:])
    assert refusals.is_there_already(failed(again.stderr))
    assert again.stderr == f"cannot create '{step.target}': dataset already exists\n"


def test_refused_hold_names_no_snapshot(zfs: Zfs) -> None:
    zfs.make_source("a", "b")
    snapshots = (f"{zfs.source}@a", f"{zfs.source}@b")
    result = as_stranger(zfs, "hold", "tag", *snapshots)
    assert result.stderr == "cannot hold: permission denied\n" * 2
    assert set(refusals.failed_snapshots(failed(result.stderr), snapshots)) == set(snapshots)


def test_granted_holds(zfs: Zfs) -> None:
    zfs.make_source("a")
    zfs.ok("allow", STRANGER, "hold,release", zfs.source)
    assert as_stranger(zfs, "hold", "tag", f"{zfs.source}@a").status == 0
    assert as_stranger(zfs, "release", "tag", f"{zfs.source}@a").status == 0


def test_send_needs_send(zfs: Zfs) -> None:
    zfs.make_source("a")
    sent, _received = zfs.pipe((f"{zfs.source}@a",), ("-s", "-u", zfs.target), user=STRANGER)
    assert sent.error is PermissionDenied
    assert not zfs.exists(zfs.target)


def test_compound_send_also_needs_hold(zfs: Zfs) -> None:
    zfs.make_source("a", "b")
    zfs.copy_first()
    zfs.ok("allow", STRANGER, "receive,create,mount", zfs.target)
    zfs.ok("allow", STRANGER, "send", zfs.source)
    send = ("-I", f"{zfs.source}@a", f"{zfs.source}@b")
    sent, _received = zfs.pipe(send, ("-s", "-u", zfs.target), user=STRANGER)
    assert sent.error is PermissionDenied
    zfs.ok("allow", STRANGER, "hold", zfs.source)
    sent, _received = zfs.pipe(send, ("-s", "-u", zfs.target), user=STRANGER)
    assert sent.status == 0


def receive_as_stranger(zfs: Zfs, permissions: str, *, cut: int | None = None) -> tuple[str, Result]:
    """Receive into a child of the target as STRANGER with these permissions; return the child and the result."""
    zfs.make_source("a", size=2 * MIB)
    zfs.ok("create", zfs.target)
    zfs.ok("allow", STRANGER, permissions, zfs.target)
    zfs.ok("allow", STRANGER, "send", zfs.source)
    child = f"{zfs.target}/child"
    options = ("-s", "-u", "-o", "readonly=on", "-o", "canmount=noauto")
    return child, zfs.pipe((f"{zfs.source}@a",), (*options, child), cut=cut, user=STRANGER)[1]


def test_receive_needs_receive(zfs: Zfs) -> None:
    child, received = receive_as_stranger(zfs, "create,mount,readonly,canmount")
    assert received.error is PermissionDenied
    assert not zfs.exists(child)


def test_incremental_receive_needs_create(zfs: Zfs) -> None:
    zfs.make_source("a", "b")
    zfs.copy_first()
    zfs.ok("allow", STRANGER, "send", zfs.source)
    zfs.ok("allow", STRANGER, "receive,mount", zfs.target)
    send = ("-i", f"{zfs.source}@a", f"{zfs.source}@b")
    assert zfs.pipe(send, ("-s", "-u", zfs.target), user=STRANGER)[1].error is PermissionDenied
    zfs.ok("allow", STRANGER, "create", zfs.target)
    assert zfs.pipe(send, ("-s", "-u", zfs.target), user=STRANGER)[1].status == 0


def test_granted_receive(zfs: Zfs) -> None:
    child, received = receive_as_stranger(zfs, "receive,create,mount,readonly,canmount")
    assert received.status == 0
    assert zfs.setting(child, "readonly") == ("on", "local")


def test_property_without_permission_is_only_a_warning(zfs: Zfs) -> None:
    child, received = receive_as_stranger(zfs, "receive,create,mount")
    assert received.status == 0
    assert f"cannot receive readonly property on {child}: permission denied" in received.stderr
    assert zfs.setting(child, "readonly")[0] == "off"


def test_abort_needs_destroy(zfs: Zfs) -> None:
    child, _received = receive_as_stranger(zfs, "receive,create,mount,readonly,canmount", cut=MIB)
    assert as_stranger(zfs, "receive", "-A", child).error is PermissionDenied
    zfs.ok("allow", STRANGER, "destroy", zfs.target)
    assert as_stranger(zfs, "receive", "-A", child).status == 0
    assert not zfs.exists(child)


# --- limits of numbers ---

RECEIVING = "receive,create,mount,readonly,canmount"


def limits(zfs: Zfs, dataset: str) -> dict[str, str]:
    return parse.properties(zfs.run(queries.list_limits([dataset])).lines)[dataset]


def test_a_snapshot_limit_is_called_a_quota_but_not_to_root(zfs: Zfs) -> None:
    zfs.make_source("a", "b")
    zfs.copy_first()
    zfs.ok("allow", STRANGER, RECEIVING, zfs.target)
    zfs.ok("allow", STRANGER, "send,hold", zfs.source)
    assert limits(zfs, zfs.target)["snapshot_count"] == "none"
    zfs.ok("set", "snapshot_limit=1", zfs.target)
    assert limits(zfs, zfs.target)["snapshot_count"] == "1"
    increment = ("-i", "@a", f"{zfs.source}@b")
    refused = zfs.pipe(increment, ("-s", "-u", zfs.target), user=STRANGER)[1]
    assert (refused.error, "space quota exceeded" in refused.stderr) == (OutOfSpace, True)
    zfs.zfs("receive", "-A", zfs.target)
    assert zfs.send(*increment).status == 0


def test_a_filesystem_limit_is_called_a_quota_but_not_to_root(zfs: Zfs) -> None:
    zfs.make_source("a")
    zfs.ok("create", zfs.target)
    zfs.ok("allow", STRANGER, RECEIVING, zfs.target)
    zfs.ok("allow", STRANGER, "send", zfs.source)
    zfs.ok("set", "filesystem_limit=0", zfs.target)
    assert limits(zfs, zfs.target)["filesystem_count"] == "0"
    refused = zfs.pipe((f"{zfs.source}@a",), ("-s", "-u", f"{zfs.target}/new"), user=STRANGER)[1]
    assert (refused.error, "space quota exceeded" in refused.stderr) == (OutOfSpace, True)
    created = as_stranger(zfs, "create", "-o", "canmount=off", f"{zfs.target}/child")
    assert created.stderr == f"cannot create '{zfs.target}/child': out of space\n"
    zfs.ok("create", "-o", "canmount=off", f"{zfs.target}/child")
    assert limits(zfs, zfs.target)["filesystem_count"] == "1"


def test_moving_and_destroying_a_dataset_need_their_rights(zfs: Zfs) -> None:
    for name in ("", "/here", "/there", "/here/child"):
        zfs.ok("create", zfs.target + name)
    zfs.ok("allow", STRANGER, "create,mount", zfs.target)
    child, moved = f"{zfs.target}/here/child", f"{zfs.target}/there/child"
    assert as_stranger(zfs, "rename", "-u", child, moved).error is PermissionDenied
    zfs.ok("allow", STRANGER, "rename", zfs.target)
    assert as_stranger(zfs, "rename", "-u", child, moved).status == 0
    assert as_stranger(zfs, "destroy", f"{zfs.target}/here").error is PermissionDenied
    zfs.ok("allow", STRANGER, "destroy", zfs.target)
    assert as_stranger(zfs, "destroy", f"{zfs.target}/here").status == 0
