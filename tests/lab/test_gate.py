"""Test a mirror without root on either side, through the gate and a real sshd, and attacks by a thief of its key."""

from __future__ import annotations

import re
import struct
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import TOP
from tests.support.attacks import ATTACKS, HOLD
from tests.support.lab.unprivileged import GATE, PULLED, PULLER, Site, site
from tests.support.lab.world import World, mirror_identity, paste, run, zfs
from zfs_replicate.hosts.quoting import remote_command
from zfs_replicate.zfs import marks

SOURCE_RIGHTS = "send,hold,release"
TARGET_RIGHTS = "receive,create,mount,readonly,canmount,hold,release,destroy"
COPY = "offsite/backup/data"
SUDOERS = Path("/etc/sudoers.d/zfs_replicate")
LOG_AUTH_WARNING = "<36>"


@pytest.fixture(scope="module")
def users() -> Iterator[Site]:
    with site() as both:
        yield both


@pytest.fixture
def here(users: Site, world: World) -> Site:  # noqa: ARG001 - the pools must be there
    """Grant both users the rights in docs/least-privilege.md, and no others."""
    zfs("create", "-o", "canmount=off", "offsite/backup")
    zfs("allow", PULLED, SOURCE_RIGHTS, "tank/data")
    zfs("allow", PULLER, TARGET_RIGHTS, "offsite/backup")
    users.syslog.take()
    return users


def cut_receive(snapshot: str, *base: str) -> None:
    """Receive part of a stream as the unprivileged user, like a run that was cut."""
    send = subprocess.Popen(["zfs", "send", "-L", "-c", *base, snapshot], stdout=subprocess.PIPE)
    with send, subprocess.Popen(["head", "-c", "600000"], stdin=send.stdout, stdout=subprocess.PIPE) as head:
        words = ["setpriv", "--reuid", PULLER, "--regid", PULLER, "--init-groups", "zfs", "receive", "-s", "-u"]
        assert subprocess.run([*words, COPY], stdin=head.stdout, capture_output=True, check=False).returncode == 1


def test_the_life_of_a_mirror_without_root(here: Site, world: World) -> None:
    """First copy, increment, resume, expiry, retirement: the gate refuses none of it."""
    zfs("create", "tank/data/with space")
    world.snapshot("tank/data@one", days_ago=40, recursive=True)
    here.replicate("gated")
    world.snapshot("tank/data@two", days_ago=35, recursive=True)
    world.snapshot("tank/data@three", recursive=True)
    zfs("set", "zfs_replicate:placeholder=on", COPY)  # a mark that puller, without userprop, cannot clear
    here.replicate("gated")
    assert world.get(COPY, "zfs_replicate:placeholder") == "on"

    world.write("tank/data", "large", 2_000_000)
    world.snapshot("tank/data@four", recursive=True)
    cut_receive("tank/data@four", "-i", "tank/data@three")
    assert "resume tank/data@four" in here.replicate("gated", "-n").stdout
    here.replicate("gated", "-k", "30")

    claim = marks.claim_tag("mirror", mirror_identity(target=COPY))  # this user may not make bookmarks
    for dataset in ("", "/with space"):
        assert world.snapshots(COPY + dataset) == ["three", "four"]
        assert world.guids(COPY + dataset) == world.guids("tank/data" + dataset)[-2:]
        assert world.holds("tank/data" + dataset) == {"four": {"mirror", claim}}
        assert world.holds(COPY + dataset) == {"four": {"mirror:target"}}
    assert world.read(COPY, "large") == world.read("tank/data", "large")
    assert world.get(COPY, "mounted") == "no"

    where = ["-h", f"{PULLED}@127.0.0.1", "-r", "tank/data", "-t", "mirror", "-i", here.key("gated")]
    here.as_puller("python3", f"{TOP}/bin/zfs_replicate", "release", *where, "--yes")
    assert world.holds("tank/data") == {}
    assert here.syslog.take() == []


def test_a_run_passes_through_an_older_gate(here: Site, world: World) -> None:
    """One that does not know the clock in the probe."""
    newer = GATE.read_text()
    older = newer.replace(', "PROBE": PROBE,', ",").replace('{"PROBE": PROBE,', "{")
    GATE.write_text(older.replace('COLUMNS = OLD_COLUMNS + "', 'COLUMNS = "new,'))
    try:
        for days in (40, 0):
            world.snapshot(f"tank/data@d{days}", days_ago=days)
        here.replicate("gated")
        here.replicate("gated", "-k", "30")
    finally:
        GATE.write_text(newer)
    assert world.snapshots(COPY) == ["d0"]
    assert all("refused (not a command of zfs_replicate)" in line for line in here.syslog.take())


def test_limits_of_numbers_are_named_and_room_is_made(here: Site, world: World) -> None:
    zfs("create", "tank/data/child")
    world.snapshot("tank/data@d40", "tank/data@d35", days_ago=40)
    here.replicate("plain")
    zfs("set", "snapshot_limit=2", "offsite/backup")
    zfs("snapshot", "-r", "tank/data@d0")
    done = here.replicate("plain", "-x", "child", expect=1)
    assert f"{COPY} on localhost: cannot receive: the snapshot_limit of offsite/backup is 2, and it has" in done.stderr
    again = here.replicate("plain", "-k", "30", "-x", "child", "-v")
    assert "the target was full, and overdue snapshots have expired; trying again" in again.stderr
    paste(done.stderr, "zfs set snapshot_limit=")

    zfs("set", "filesystem_limit=1", "offsite/backup")
    done = here.replicate("plain", expect=1)
    assert "the filesystem_limit of offsite/backup is 1, and it has 1 filesystem" in done.stderr
    paste(done.stderr, "zfs set filesystem_limit=")
    here.replicate("plain")
    assert world.snapshots(f"{COPY}/child") == ["d0"]


def test_missing_rights_are_those_of_the_side_that_refused(here: Site, world: World) -> None:
    world.snapshot("tank/data@one")
    zfs("unallow", PULLER, "offsite/backup")
    done = here.replicate("gated", expect=1)
    assert f"{COPY} on localhost: cannot receive: the user has no permission for this" in done.stderr
    paste(done.stderr, "zfs allow", USER=PULLER)
    zfs("unallow", PULLED, "tank/data")
    done = here.replicate("gated", expect=1)
    assert "tank/data@one on pulled@127.0.0.1: cannot" in done.stderr
    paste(done.stderr, "zfs allow", USER=PULLED)
    here.replicate("gated")
    assert world.snapshots(COPY) == ["one"]


def test_the_same_commands_work_without_the_gate(here: Site, world: World) -> None:
    """Neither side has a mode: a key with the gate and one without take turns."""
    world.write("tank/data", "large", 2_000_000)
    world.snapshot("tank/data@one", days_ago=40)
    cut_receive("tank/data@one")
    here.replicate("plain")
    world.snapshot("tank/data@two", "tank/data@three")
    plans = [here.replicate(key, "-n", "-k", "30").stdout for key in ("gated", "plain")]
    assert plans[0] == plans[1]
    here.replicate("plain", "-k", "30")
    assert world.snapshots(COPY) == ["two", "three"]
    assert world.holds("tank/data").keys() == {"three"}


def test_attacks_on_roots_own_key_behind_the_gate(here: Site, world: World) -> None:
    """The key is root's, but no attack changes anything: each gets status 126 and one line in the auth log."""
    for name in ("tank/secret", "tank/data2", "tank/data/child"):
        zfs("create", name)
    world.snapshot("tank/data@one", "tank/secret@s", "tank/data2@s", "tank/data/child@s")
    zfs("hold", "legal", "tank/data@one")
    zfs("bookmark", "tank/data@one", "tank/data#mine")
    before = world.everything()
    for attack in ATTACKS:
        done = here.ssh("rootly", attack.text, user="root")
        assert (done.returncode, done.stdout) == (126, ""), attack.title
        assert done.stderr.startswith(f"zfs_replicate_gate: refused: {attack.reason}"), attack.title
        [line] = here.syslog.take()
        assert line.startswith(LOG_AUTH_WARNING), attack.title
        assert re.search(rf"zfs_replicate_gate\[\d+\]: refused \({re.escape(attack.reason)}", line), attack.title
        assert " from 127.0.0.1: " in line
        assert line.isprintable()
    assert world.everything() == before
    assert here.ssh("rootly", HOLD, user="root").returncode == 0  # the hold itself is allowed


def test_the_key_opens_no_forwarding(here: Site) -> None:
    done = here.as_puller("ssh", "-T", "-i", here.key("gated"), "-W", "127.0.0.1:22", f"{PULLED}@127.0.0.1", expect=255)
    assert "prohibited" in done.stderr


def test_a_token_forged_for_another_dataset_is_refused(here: Site, world: World) -> None:
    """zfs itself would send the secret: it looks up the guid in the whole pool, whatever the token's toname."""
    zfs("create", "tank/secret")
    for name in ("data", "secret"):
        world.write(f"tank/{name}", "large", 2_000_000)
        world.snapshot(f"tank/{name}@one")
    cut_receive("tank/data@one")
    token = world.get(COPY, "receive_resume_token")
    forged = forge(token, *(int(world.guids(f"tank/{name}")[0]) for name in ("data", "secret")))
    assert "full send of tank/secret@one" in zfs("send", "-nvt", forged)
    sent = here.ssh("rootly", remote_command(("zfs", "send", "-t", token)), "root", to="/dev/null")
    assert (sent.returncode, here.syslog.take()) == (0, [])
    refused = here.ssh("rootly", remote_command(("zfs", "send", "-t", forged)), "root")
    assert (refused.returncode, refused.stdout) == (126, "")
    assert "a token for a snapshot other than tank/data@one" in here.syslog.take()[0]


def forge(token: str, guid: int, other: int) -> str:
    """Return the token with one guid replaced by another, and a valid checksum (fletcher4's first word)."""
    packed = bytes.fromhex(token.split("-")[3])
    plain = zlib.decompress(packed)
    assert struct.pack("<Q", guid) in plain
    packed = zlib.compress(plain.replace(struct.pack("<Q", guid), struct.pack("<Q", other)))
    whole = packed[: len(packed) // 4 * 4]
    checksum = sum(struct.unpack(f"<{len(whole) // 4}I", whole))
    return f"1-{checksum:x}-{len(plain):x}-{packed.hex()}"


def test_encrypted_data_leaves_only_raw(here: Site, world: World) -> None:
    run("sh", "-c", "echo open sesame | zfs create -o encryption=on -o keyformat=passphrase tank/data/vault")
    world.snapshot("tank/data@one", recursive=True)
    plain = here.ssh("gated", remote_command(("zfs", "send", "-L", "tank/data/vault@one")))
    assert (plain.returncode, plain.stdout) == (126, "")
    assert "encrypted, and the stream is not raw" in here.syslog.take()[0]
    here.replicate("gated")
    assert world.get(f"{COPY}/vault", "keystatus") == "unavailable"


def test_a_read_only_key_shows_a_plan_and_holds_nothing(here: Site, world: World) -> None:
    world.snapshot("tank/data@one")
    assert "send tank/data@one in full" in here.replicate("readonly", "-n").stdout
    done = here.replicate("readonly", expect=1)
    assert "zfs_replicate_gate on that host refused it" in done.stderr
    assert world.holds("tank/data") == {}


def install_sudoers() -> None:
    text = (TOP / "packaging" / "sudoers").read_text().replace("@TAG@", "mirror")
    SUDOERS.write_text(text.replace("@SOURCE@", "tank/data").replace("@TARGET@", "offsite/backup/data"))
    SUDOERS.chmod(0o440)
    run("visudo", "-cf", str(SUDOERS))


def test_sudo_in_place_of_zfs_allow(users: Site, world: World) -> None:
    """With packaging/sudoers and no zfs allow: the client's --sudo without the gate, then the gate's own."""
    install_sudoers()
    zfs("create", "-o", "canmount=off", "offsite/backup")
    for key, name, days in (("plain", "old", 40), ("elevated", "new", 0)):
        world.snapshot(f"tank/data@{name}", days_ago=days)
        users.replicate(key, "--sudo", "-k", "30")
    assert world.snapshots(COPY) == ["new"]
    assert world.holds("tank/data") == {"new": {"mirror"}}
    bookmark = marks.bookmark_name("mirror", mirror_identity(target=COPY), "new")
    assert bookmark in zfs("list", "-H", "-t", "bookmark", "-o", "name", "tank/data")
    for refused in (
        "destroy -r tank/data",
        "hold mirror tank/data2@new",
        "send -R tank/data@new",
        "hold mirror tank/data@new -r",
    ):
        done = run("runuser", "-u", PULLED, "--", "sudo", "-n", "zfs", *refused.split(), check=False)
        assert (done.returncode, "password is required" in done.stderr or "not allowed" in done.stderr) == (1, True)
    SUDOERS.unlink()


@pytest.mark.parametrize("options", [(), ("--sudo",)])
def test_a_copy_takes_a_place_without_root(users: Site, world: World, options: tuple[str, ...]) -> None:
    """In an encrypted target, where zfs cannot fill a placeholder."""
    world.create_encrypted("offsite/backup")
    if options:
        install_sudoers()
    else:
        zfs("allow", PULLED, SOURCE_RIGHTS, "tank/data")
        zfs("allow", PULLER, f"{TARGET_RIGHTS},userprop", "offsite/backup")
    zfs("create", "tank/data/child")
    world.snapshot("tank/data/child@one")
    users.replicate("plain", *options)
    guid = world.get(f"{COPY}/child", "guid")
    world.snapshot("tank/data@two", recursive=True)
    if not options:
        refused = users.replicate("plain", expect=1).stderr
        assert world.snapshots(f"{COPY}/child") == ["one", "two"]
        paste(refused, "zfs allow USER ", USER=PULLER)
    users.replicate("plain", *options)
    assert world.guids(COPY) == world.guids("tank/data")
    assert world.guids(f"{COPY}/child") == world.guids("tank/data/child")
    assert world.get(f"{COPY}/child", "guid") == guid
    SUDOERS.unlink(missing_ok=True)
