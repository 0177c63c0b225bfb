"""Test a hostile source, and harmless names that look hostile: only data reaches the target."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.lab.servers import KNOWN_HOSTS, sshd, trust
from tests.support.lab.world import World, run, zfs

PORT = 2230
HARM = (
    "mountpoint=/etc",
    "canmount=on",
    "setuid=on",
    "devices=on",
    "exec=on",
    "overlay=on",
    "quota=1G",
    "org.evil:x=1",
)


@pytest.fixture
def generous_port(tmp_path: Path) -> Iterator[str]:
    """An sshd that adds -p to each `zfs send`, so that all properties are sent unasked."""
    resumed = 'case "$SSH_ORIGINAL_COMMAND" in *"zfs send -t"*) ;; *)'
    with_properties = (
        f"{resumed} SSH_ORIGINAL_COMMAND=$(echo \"$SSH_ORIGINAL_COMMAND\" | sed 's/zfs send /&-p /') ;; esac"
    )
    with sshd(tmp_path, PORT, wrapper=f'{with_properties}\nexec sh -c "$SSH_ORIGINAL_COMMAND"'):
        trust(PORT, KNOWN_HOSTS)
        yield str(PORT)


def received(dataset: str) -> list[str]:
    return zfs("get", "-H", "-r", "-s", "received", "-t", "filesystem,volume", "-o", "property", "all", dataset).split()


def test_properties_that_a_source_sends_unasked_are_not_received(world: World, generous_port: str) -> None:
    """User properties are received: zfs cannot exclude all of them, and the program ignores them."""
    harm = [word for setting in HARM for word in ("-o", setting)]
    zfs("create", "-u", *harm, "tank/data/evil")
    zfs("create", "-V", "8M", "-o", "volmode=none", "-o", "snapdev=visible", "tank/data/volume")
    run("sh", "-c", "echo open sesame | zfs create -u -o encryption=on -o keyformat=passphrase tank/data/vault")
    world.snapshot("tank/data@one", recursive=True)
    world.replicate("-p", generous_port, "-o", "setuid=off,devices=off")
    zfs("set", "exec=off", "offsite/data/evil")
    world.snapshot("tank/data@two", recursive=True)
    world.replicate("-p", generous_port)

    accepted = {"quota", "refreservation"} if "zfs-2.1" in zfs("version") else set()  # in spite of -x
    assert set(received("offsite")) - accepted == {"org.evil:x"}
    expected = {"setuid": "off", "devices": "off", "exec": "off", "mountpoint": "none", "canmount": "noauto"}
    actual = {name: world.get("offsite/data/evil", name) for name in expected}
    assert actual == expected
    assert {world.get("offsite/data/volume", name) for name in ("volmode", "snapdev")} == {"default", "hidden"}
    assert world.guids("offsite/data/vault") == world.guids("tank/data/vault")


def test_escapes_that_a_source_says_reach_no_terminal(world: World, tmp_path: Path) -> None:
    owned = r"printf '\033]0;owned\007\033[2Jcannot\r open \342\200\256\n' >&2; exit 1"
    wrapper = f'case "$SSH_ORIGINAL_COMMAND" in *"zfs list"*) {owned} ;; esac\nexec sh -c "$SSH_ORIGINAL_COMMAND"'
    with sshd(tmp_path, PORT + 1, wrapper=wrapper):
        trust(PORT + 1, KNOWN_HOSTS)
        done = world.replicate("-p", str(PORT + 1), "-v", "--log-level", "debug", expect=1)
    assert r"\x1b]0;owned\x07\x1b[2Jcannot open \u202e" in done.stderr
    assert all(character.isprintable() or character == "\n" for character in done.stderr + done.stdout)


def test_unusual_but_legal_names(world: World) -> None:
    """Options, spaces and colons; 49 levels; 255 bytes on both sides."""
    deepest = "tank/data/" + "/".join("d" * 47)
    longest = f"tank/data/-R -F: x.y_z/{'x' * 150}"
    for name in (deepest, longest):
        zfs("create", "-p", "-u", name)
    longest_snapshot = f"{longest}@{'y' * (254 - len(longest))}"
    assert len(longest_snapshot) == 255
    world.snapshot(f"{deepest}@-n", longest_snapshot, f"{longest}@-r --: 1")
    world.replicate_from("tank/data", "offsite/z", "-k", "0")
    assert len(f"{deepest}@-n".replace("tank/data", "offsite/z").split("/")) == 49
    for name in (deepest, longest):
        copy = name.replace("tank/data", "offsite/z")
        assert world.guids(copy) == world.guids(name)[-1:]
