"""A hostile client does not get through the gate: known tricks one by one, then random ones."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from tests.support import TOP, gate
from tests.support.attacks import ATTACKS, Attack
from tests.support.gate import GATE, RULES
from tests.support.gate_properties import HOLD, PROPERTIES
from zfs_replicate.zfs import commands, queries

DOCS = TOP / "docs"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "id",
        "sh",
        "/bin/sh -i",
        "zfs list",
        "zfs hold offsite tank/data@x",  # without the client's wrapper
        "scp -t /",
        "internal-sftp",
        HOLD + " ",
        " " + HOLD,
        HOLD + "; id",
        HOLD + ";id",
        HOLD + "\nid",
        HOLD + "\n",
        HOLD + "\r",
        HOLD + "\0",
        HOLD + " && id",
        HOLD + " | id",
        HOLD + " > /etc/passwd",
        HOLD + " $(id)",
        HOLD + " `id`",
        HOLD + " '$(id)'",
        HOLD + " ''",
        HOLD.replace(" sh ", "  sh ", 1),
        HOLD.replace("sh -c", "sh -xc", 1),
        HOLD.replace("sh -c", "/bin/sh -c", 1),
        HOLD.replace("LC_ALL=C", "LD_PRELOAD=/tmp/x"),
        HOLD.replace('exec "$@"', 'exec "$@"; id'),
        HOLD.replace("'", '"'),
        HOLD.replace("tank", "t\\ank"),
        HOLD.replace("tank", "t''ank"),
        HOLD.replace("tank", "ťank"),
    ],
)
def test_text_that_the_client_never_sends_is_refused(text: str) -> None:
    assert gate.refusal(text) is not None


@pytest.mark.parametrize(
    "words",
    [
        # other datasets, in every spelling
        "zfs hold offsite tank/data2@x",
        "zfs hold offsite tank@x",
        "zfs hold offsite tank/dat@x",
        "zfs hold offsite tank/secret@x",
        "zfs hold offsite tank/data@x tank/secret@x",
        "zfs hold offsite tank/data/../secret@x",
        "zfs hold offsite tank/data/./x@x",
        "zfs hold offsite tank//data@x",
        "zfs hold offsite /tank/data@x",
        "zfs hold offsite tank/data/@x",
        "zfs hold offsite TANK/data@x",
        "zfs hold offsite tank/data/x%recv@x",
        "zfs list -Hp -t snapshot -o name,guid tank/data2@x",
        "zfs holds -H tank/secret@x",
        "zfs send tank/secret@x",
        "zfs send -L -c -i tank/secret@x tank/data@y",
        "zfs send -L -c -i tank/data@x tank/secret@y",
        "zfs send -L -c -i tank/data/other@x tank/data@y",
        "zfs send -L -c -I @x tank/data@y",
        # other tags
        "zfs hold other tank/data@x",
        "zfs release other tank/data@x",
        "zfs release offsite:target tank/data@x",
        # other options
        "zfs hold -r offsite tank/data@x",
        "zfs release -r offsite tank/data@x",
        "zfs hold offsite -r tank/data@x",
        "zfs holds -r tank/data@x",
        "zfs send -R tank/data@x",
        "zfs send -p tank/data@x",
        "zfs send -b tank/data@x",
        "zfs send -D tank/data@x",
        "zfs send -Lc tank/data@x",
        "zfs send -c -L tank/data@x",
        "zfs send -L -L tank/data@x",
        "zfs send --redact book tank/data@x",
        "zfs send -S tank/data",
        "zfs send",
        "zfs send tank/data",
        "zfs send tank/data#book",
        "zfs send tank/data@x,y",
        "zfs send tank/data@x%y",
        "zfs send tank/data@a@b",
        "zfs send tank/data@",
        "zfs send -t",
        "zfs send -t tank/data@x",
        "zfs send -t 1-ab-cd-EF",
        "zfs send -t 1-ab-cd-ef -n",
        "zfs send -nvt 1-ab-cd-ef",
        # other commands
        "zfs",
        "zfs list",
        "zfs list -Hp -o name tank/data",
        "zfs get all tank/data",
        "zfs set mountpoint=/etc tank/data",
        "zfs destroy tank/data@x",
        "zfs destroy tank/data#zfs_replicate_offsite_x",
        "zfs rollback tank/data@x",
        "zfs snapshot tank/data@x",
        "zfs receive tank/data",
        "zfs allow everyone destroy tank/data",
        "zfs program tank /tmp/x.lua",
        "zfs bookmark tank/data@x tank/data#x",
        "zpool export tank",
        "/tmp/zfs hold offsite tank/data@x",
        "sudo zfs hold offsite tank/data@x",
        "sudo -n id",
        "sudo -n sh -c id",
        "sudo -n -u root zfs hold offsite tank/data@x",
        "doas -n zfs hold offsite tank/data@x",
        "sh -c id",
        "env zfs hold offsite tank/data@x",
    ],
)
def test_commands_beyond_the_key_are_refused(words: str) -> None:
    assert gate.refusal(tuple(words.split())) is not None


@pytest.mark.parametrize(
    "command",
    [
        queries.probe("other"),
        queries.probe("tank; id"),
        (*queries.probe("tank"), "extra"),
        ("sh", "-c", GATE.PROBE + "; id", "sh", "tank"),
        queries.list_tree("tank"),
        queries.list_tree("tank/data2"),
        queries.list_tree("tank/data@x"),
        commands.bookmark([("tank/data@x", "tank/data#x")], []),
        commands.bookmark([("tank/data@x", "tank/secret#zfs_replicate_offsite_x")], []),
        commands.bookmark([("tank/secret@x", "tank/secret#zfs_replicate_offsite_x")], []),
        commands.bookmark([("tank/data@x", "tank/data#zfs_replicate_offsite_y")], []),
        commands.bookmark([("tank/data@x", "tank/data#zfs_replicate_other_x")], []),
        commands.bookmark([("tank/data@x", "tank/data#zfs_replicate_offsite_x.")], []),
        commands.bookmark([("tank/data@x", "tank/data#zfs_replicate_offsite_x.1a")], []),
        commands.bookmark([("tank/data@x", "tank/data#zfs_replicate_offsite_x.1.2")], []),
        commands.bookmark([], ["tank/data"]),
        commands.bookmark([], ["tank/data@x"]),
        commands.bookmark([], ["tank/data#x"]),
        commands.bookmark([], ["tank/data2#zfs_replicate_offsite_x"]),
        commands.bookmark([], ["tank/data#zfs_replicate_offsite_"]),
        commands.bookmark([], ["tank/data#zfs_replicate_offsite__too_x"]),
        commands.bookmark([("tank/data@_x", "tank/data#zfs_replicate_offsite__x")], []),
        commands.bookmark([], ["tank/data#x#zfs_replicate_offsite_x"]),
        commands.bookmark([], ["tank/data#zfs_replicate_offsite_3f2a9c1e-ab12_"]),
        commands.bookmark([("tank/data@x", "tank/data#zfs_replicate_offsite_3f2a9c1e-ab1_x")], []),
        commands.bookmark([("tank/data@x", "tank/data#zfs_replicate_offsite_3f2a9c1e-ab12_y")], []),
        commands.hold("offsite2", ["tank/data@x"]),
        commands.hold("offsite.x", ["tank/data@x"]),
        commands.hold("offsite.3f2a9c1e-ab1", ["tank/data@x"]),
        commands.hold("offsite.3F2A9C1E-AB12", ["tank/data@x"]),
        commands.release("offsite.3f2a9c1e-ab12.old", ["tank/data@x"]),
        commands.release("other.3f2a9c1e-ab12", ["tank/data@x"]),
        commands.bookmark([], ["-r"]),
        commands.bookmark([], ["tank/data#zfs_replicate_offsite_x", "--", "tank/data"]),
        ("sh", "-c", GATE.BOOKMARK, "sh"),
        ("sh", "-c", GATE.BOOKMARK, "sh", "tank/data@x", "--"),
        ("zfs", "hold", "offsite", "tank/data@x\nid"),
        ("zfs", "hold", "offsite", "tank/data@x\0"),
        ("zfs", "hold", "offsite", "tank/data@x\x1b[2J"),
        ("zfs", "hold", "offsite", "tank/data@it's"),
        ("zfs", "hold", "offsite", "tank/data@$(id)"),
        ("zfs", "hold", "offsite", ""),
        ("zfs", "hold", "offsite", "tank/data@" + "x" * 246),
        ("zfs", "hold", "offsite", "tank/data" + "/d" * 48 + "@x"),
        ("zfs", "hold", "offsite", "tank/data@" + chr(0xE9)),
    ],
    ids=itertools.count(),
)
def test_damaged_scripts_and_names_are_refused(command: commands.Command) -> None:
    assert gate.refusal(command) is not None


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.title)
def test_attacks_are_refused_as_the_manual_lists_them(attack: Attack) -> None:
    reason = gate.refusal(attack.text, RULES._replace(tag="mirror"))
    assert str(reason).startswith(attack.reason)
    assert f"| {attack.title} | {attack.reason} |" in (DOCS / "least-privilege.md").read_text()


def test_a_read_only_key_changes_nothing() -> None:
    rules = RULES._replace(is_read_only=True)
    for command in (
        commands.hold("offsite", ["tank/data@x"]),
        commands.release("offsite", ["tank/data@x"]),
        commands.bookmark([], ["tank/data#zfs_replicate_offsite_x"]),
    ):
        assert gate.refusal(command, rules) == "this key is read-only"
    assert gate.refusal(queries.list_tree("tank/data"), rules) is None


@pytest.mark.parametrize(
    "words",
    [commands.hold("offsite", ["tank/data@a"]), queries.list_tree("tank/data"), ("cat", "/etc/shadow"), ()],
)
def test_only_streams_are_compressed(words: commands.Command) -> None:
    assert gate.refusal(commands.compressed(words, "zstd")) is not None


@pytest.mark.parametrize("fuzz", PROPERTIES, ids=lambda fuzz: fuzz.__name__)
def test_every_command_that_the_gate_accepts_is_safe(fuzz: Callable[[], None]) -> None:
    fuzz()
