"""Check every zfs command, argument by argument."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from zfs_replicate.model import Kind, StreamOptions
from zfs_replicate.steps import CreateParent, Receiving, Resume, Send
from zfs_replicate.zfs import commands, mbuffer, parse, parse_tree, properties, queries

RECEIVING = Receiving("off/a b", Kind.FILESYSTEM)


def sent(base: str | None = None, count: int = 1, is_raw: bool = False, **options: bool) -> str:
    step = Send("tank/a@b", base, count, is_raw, StreamOptions(**options), RECEIVING)
    return " ".join(commands.send(step))


def test_a_full_send() -> None:
    assert sent() == "zfs send -L -c tank/a@b"


def test_one_snapshot_is_sent_with_i_and_several_with_capital_i() -> None:
    assert sent("tank/a@a") == "zfs send -L -c -i tank/a@a tank/a@b"
    assert sent("tank/a@a", 2) == "zfs send -L -c -I tank/a@a tank/a@b"
    assert sent("tank/a#a") == "zfs send -L -c -i tank/a#a tank/a@b"


@pytest.mark.parametrize(
    ("is_raw", "large_blocks", "compressed", "flags"),
    [
        (False, True, True, "-L -c "),
        (False, True, False, "-L "),
        (False, False, True, "-c "),
        (False, False, False, ""),
        (True, True, True, "-L -w "),
        (True, False, False, "-w "),
    ],
)
def test_flags_follow_what_both_ends_support(is_raw: bool, large_blocks: bool, compressed: bool, flags: str) -> None:
    command = sent(is_raw=is_raw, large_blocks=large_blocks, compressed=compressed)
    assert command == f"zfs send {flags}tank/a@b"


def test_a_resumed_send_has_the_token_and_nothing_else() -> None:
    assert commands.send(Resume("tank/a@b", "1-ab", RECEIVING)) == ("zfs", "send", "-t", "1-ab")


@pytest.mark.parametrize(
    ("receiving", "expected"),
    [
        (Receiving("off/a", Kind.FILESYSTEM), "-s -u off/a"),
        (Receiving("off/a", Kind.VOLUME), "-s -u off/a"),
        (Receiving("off/a", Kind.FILESYSTEM, is_first=True), "-s -u -o readonly=on -o canmount=noauto off/a"),
        (Receiving("off/a", Kind.VOLUME, is_first=True), "-s -u -o readonly=on off/a"),
        (
            Receiving("off/a", Kind.FILESYSTEM, is_first=True, onto_placeholder=True),
            "-s -u -F -o readonly=on -o canmount=noauto off/a",
        ),
        (
            Receiving("off/a", Kind.VOLUME, is_first=True, is_kept_plain=True),
            "-s -u -o encryption=off -o readonly=on off/a",
        ),
    ],
)
def test_receive_never_mounts_and_forces_only_our_placeholder(receiving: Receiving, expected: str) -> None:
    assert " ".join(commands.receive(receiving)) == f"zfs receive {expected}"


def test_a_pool_that_cannot_save_a_receive_is_not_asked_to() -> None:
    command = commands.receive(Receiving("off/a", Kind.VOLUME), properties.Settings(can_resume=False))
    assert " ".join(command) == "zfs receive -u off/a"


def test_names_with_spaces_stay_one_argument() -> None:
    assert commands.receive(RECEIVING)[-1] == "off/a b"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (queries.list_existing(["a", "a/b"]), "zfs list -Hp -o name,encryption a a/b"),
        (queries.list_guids(["a@x"]), "zfs list -Hp -t snapshot -o name,guid a@x"),
        (
            queries.list_placeholders("off/a"),
            "zfs get -Hp -r -t filesystem,volume -s local -o name zfs_replicate:placeholder off/a",
        ),
        (queries.sync("off"), "zpool sync off"),
        (queries.list_contents(["off", "off/a"]), "zfs list -Hp -o name,logicalreferenced,written off off/a"),
        (queries.list_mounted("off/a"), "zfs list -Hp -r -t filesystem -o name,mounted off/a"),
        (commands.unmount("off/a"), "zfs unmount off/a"),
        (commands.mount("off/a"), "zfs mount off/a"),
        (queries.decode_token("1-ab"), "zfs send -nvt 1-ab"),
        (queries.list_holds(["a@x", "b@y"]), "zfs holds -H a@x b@y"),
        (commands.hold("tag", ["a@x", "b@y"]), "zfs hold tag a@x b@y"),
        (commands.release("tag", ["a@x", "b@y"]), "zfs release tag a@x b@y"),
        (commands.abort_receive("off/a"), "zfs receive -A off/a"),
        (commands.create_parent(CreateParent("off/a", False), False), "zfs create -o canmount=off off/a"),
        (
            commands.create_parent(CreateParent("off/a", True)),
            "zfs create -o canmount=off -o zfs_replicate:placeholder=on off/a",
        ),
        (commands.clear_placeholder("off/a"), "zfs inherit zfs_replicate:placeholder off/a"),
        (commands.destroy("off/a", ["x", "y z"]), "zfs destroy off/a@x,y z"),
        (mbuffer.command("64M"), "mbuffer -q -s 128k -m 64M"),
    ],
)
def test_other_commands(command: commands.Command, expected: str) -> None:
    assert " ".join(command) == expected


def test_the_tree_is_listed_with_the_columns_that_parse_expects() -> None:
    command = queries.list_tree("tank/a")
    assert command[-1] == "tank/a"
    assert command[command.index("-o") + 1].split(",") == [*parse_tree.LIST_COLUMNS, *parse_tree.KEY_COLUMNS]
    assert queries.list_tree("tank/a", has_keys=False)[-2].split(",") == list(parse_tree.LIST_COLUMNS)
    assert command[command.index("-t") + 1] == "filesystem,volume,snapshot,bookmark"
    columns = ",".join((*parse_tree.LIST_COLUMNS, *parse_tree.KEY_COLUMNS))
    copies = [word.replace(columns, f"{columns},available,refquota").removesuffix(",bookmark") for word in command]
    assert [*queries.list_copies("tank/a")] == copies


# --- batches ---


def test_a_few_names_are_one_batch() -> None:
    assert list(commands.batches(["a", "b"])) == [("a", "b")]


def test_no_names_give_no_batch() -> None:
    assert list(commands.batches([])) == []


def test_batches_keep_the_order_and_every_name() -> None:
    names = [f"tank/{number}@{'x' * 200}" for number in range(2000)]
    batches = list(commands.batches(names))
    assert len(batches) > 1
    assert [name for batch in batches for name in batch] == names


def test_a_batch_fits_into_one_argument_even_when_quoted() -> None:
    names = [f"tank/{number}@{'x' * 200}" for number in range(2000)]
    for batch in commands.batches(names):
        assert sum(len(f"'{name}' ") for name in batch) <= commands.BATCH_BYTES < 128 * 1024


def test_a_name_beyond_the_limit_gets_its_own_batch() -> None:
    long_name = "x" * (commands.BATCH_BYTES + 1)
    assert list(commands.batches(["a", long_name, "b"])) == [("a",), (long_name,), ("b",)]


# --- the probe, run by a real shell with stand-in programs ---


def programs(directory: Path, **scripts: str) -> dict[str, str]:
    """Write shell scripts with these names, link what the probe needs; return an environment with their PATH."""
    for name, text in scripts.items():
        (directory / name).write_text(f"#!/bin/sh\n{text}\n")
        (directory / name).chmod(0o755)
    (directory / "head").symlink_to("/usr/bin/head")
    return {"PATH": str(directory)}


def probed(environment: dict[str, str]) -> tuple[list[str], int]:
    _shell, *rest = queries.probe("tank")
    done = subprocess.run(["/bin/sh", *rest], env=environment, capture_output=True, text=True, check=False)
    return done.stdout.splitlines(), done.returncode


def test_the_probe_prints_greeting_programs_version_and_pool(tmp_path: Path) -> None:
    zfs = "echo zfs-2.3.9-1; echo zfs-kmod-2.3.9-1"
    zpool = 'printf "guid\\t42\\nfree\\t7\\n"; [ "$6" = tank ] || exit 9'
    lines, status = probed(programs(tmp_path, zfs=zfs, mbuffer="", zpool=zpool, date="echo 1800000000"))
    assert status == 0
    assert lines == [
        parse.PROBE_GREETING,
        "program\tzfs",
        "program\tmbuffer",
        "clock\t1800000000",
        "zfs-version\tzfs-2.3.9-1",
        "guid\t42",
        "free\t7",
    ]


def test_the_probe_without_zfs_ends_early_with_status_0(tmp_path: Path) -> None:
    assert probed(programs(tmp_path)) == ([parse.PROBE_GREETING], 0)


def test_the_probe_ends_with_the_status_of_zpool(tmp_path: Path) -> None:
    lines, status = probed(programs(tmp_path, zfs="exit 2", zpool="exit 1"))
    assert (lines, status) == ([parse.PROBE_GREETING, "program\tzfs", "clock\t"], 1)


@pytest.mark.parametrize(
    ("name_count", "share_count", "sizes"),
    [(0, 4, []), (1, 4, [1]), (8, 4, [8]), (15, 4, [15]), (17, 4, [9, 8]), (100, 4, [25, 25, 25, 25]), (100, 1, [100])],
)
def test_shares_are_even_and_not_too_small(name_count: int, share_count: int, sizes: list[int]) -> None:
    names = [f"tank/a@{number}" for number in range(name_count)]
    shares = list(commands.shares(names, share_count))
    assert [len(share) for share in shares] == sizes
    assert [name for share in shares for name in share] == names
