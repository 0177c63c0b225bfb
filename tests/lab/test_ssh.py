"""Test the connection to the source: configuration, keys, host keys, and unusual login shells."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.lab.servers import sshd, trust
from tests.support.lab.world import PROGRAM, World, look, paste, run, zfs

PORT = 2210
SSH = Path("/root/.ssh")


@pytest.fixture
def config() -> Iterator[Path]:
    """An empty ssh_config for root; removed afterwards."""
    path = SSH / "config"
    path.write_text("")
    yield path
    path.unlink()


@pytest.fixture
def one(world: World) -> World:
    world.snapshot("tank/data@one")
    return world


def refused(world: World, *options: str, host: str = "127.0.0.1") -> str:
    before = world.everything()
    done = world.replicate(*options, host=host, expect=3)
    assert world.everything() == before
    return done.stderr


def test_no_such_host(one: World) -> None:
    assert "no-such-host.invalid: no such host" in refused(one, host="no-such-host.invalid")


def test_connection_refused(one: World) -> None:
    stderr = refused(one, "-p", "2299")
    assert "127.0.0.1 port 2299: cannot connect (Connection refused)" in stderr
    assert "Connection refused" in look(stderr, "ssh -p ")


def test_unknown_host_key_is_refused_with_the_line_that_adds_it(one: World, tmp_path: Path) -> None:
    with sshd(tmp_path, PORT):
        stderr = refused(one, "-p", str(PORT))
        assert "[127.0.0.1]:2210: unknown host key ssh-ed25519 SHA256:" in stderr
        fingerprint = stderr.split("unknown host key ssh-ed25519 ")[1].split(".")[0]
        assert fingerprint in look(stderr, "cat /etc/ssh/")
        assert paste(stderr, "ssh-keyscan ") == f"ssh-keyscan -p {PORT} 127.0.0.1 >> /root/.ssh/known_hosts"
        one.replicate("-p", str(PORT))


def test_changed_host_key_is_refused_with_the_line_to_renew_it(one: World, tmp_path: Path) -> None:
    for name in ("first", "second"):
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name))
    port = 2211
    with sshd(tmp_path, port, f"HostKey={tmp_path}/first"):
        trust(port, SSH / "known_hosts")
    with sshd(tmp_path, port, f"HostKey={tmp_path}/second"):
        stderr = refused(one, "-p", str(port))
        assert "the host key has CHANGED" in stderr
        paste(stderr, "ssh-keygen -R ")
        paste(refused(one, "-p", str(port)), "ssh-keyscan ")
        one.replicate("-p", str(port))


def test_wrong_key(one: World, tmp_path: Path) -> None:
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "stranger"))
    stderr = refused(one, "-i", str(tmp_path / "stranger"), host="nobody@127.0.0.1")
    assert "nobody@127.0.0.1: the source accepts none of our keys" in stderr
    assert "Permission denied" in look(stderr, "ssh -p ")


def test_key_is_installed_by_the_command_of_the_message(
    one: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program answers for the person who types the password."""
    (tmp_path / "answer").write_text("#!/bin/sh\necho open sesame\n")
    (tmp_path / "answer").chmod(0o755)
    monkeypatch.setenv("SSH_ASKPASS", str(tmp_path / "answer"))
    monkeypatch.setenv("SSH_ASKPASS_REQUIRE", "force")
    run("useradd", "--create-home", "--shell", "/bin/sh", "newcomer")
    try:
        run("sh", "-c", "echo 'newcomer:open sesame' | chpasswd")
        zfs("allow", "newcomer", "send,hold,release", "tank/data")
        with sshd(tmp_path, 2219, "PasswordAuthentication=yes"):
            trust(2219, SSH / "known_hosts")
            paste(refused(one, "-p", "2219", host="newcomer@127.0.0.1"), "ssh-copy-id ")
            one.replicate("-p", "2219", host="newcomer@127.0.0.1")
    finally:
        run("userdel", "--remove", "newcomer")
    assert one.guids("offsite/data") == one.guids("tank/data")


def test_broken_ssh_configuration_is_shown(one: World, config: Path) -> None:
    config.write_text("Nonsense yes\n")
    stderr = refused(one)
    assert "the ssh configuration cannot be read" in stderr
    assert "nonsense" in look(stderr, "ssh -G ").lower()


def test_alias_of_ssh_config_gives_port_user_and_keys(one: World, tmp_path: Path, config: Path) -> None:
    run("cp", str(SSH / "id_ed25519"), str(tmp_path / "key"))
    known = tmp_path / "known"
    with sshd(tmp_path, 2212):
        trust(2212, known)
        config.write_text(
            f"Host nas\n HostName 127.0.0.1\n Port 2212\n User root\n IdentityFile {tmp_path}/key\n"
            f" IdentitiesOnly yes\n UserKnownHostsFile {known}\n"
        )
        one.replicate(host="nas")
    assert one.snapshots("offsite/data") == ["one"]


def test_certificate_of_a_user(one: World, tmp_path: Path) -> None:
    """The key is in nobody's authorized_keys, but the certificate beside it is accepted, with both transports."""
    for name in ("authority", "key"):
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name))
    run("ssh-keygen", "-q", "-s", str(tmp_path / "authority"), "-I", "mirror", "-n", "root", str(tmp_path / "key.pub"))
    options = (f"TrustedUserCAKeys={tmp_path}/authority.pub", "AuthorizedKeysFile=none")
    with sshd(tmp_path, 2219, *options), hidden(SSH / "id_ed25519"):
        trust(2219, SSH / "known_hosts")
        for transport in ("paramiko", "openssh"):
            one.snapshot(f"tank/data@{transport}")
            one.replicate("-p", "2219", "-i", str(tmp_path / "key"), "--transport", transport)
    assert one.snapshots("offsite/data") == ["one", "paramiko", "openssh"]


def test_proxy_jump(one: World, config: Path) -> None:
    config.write_text("Host far\n HostName 127.0.0.1\n ProxyJump root@localhost\n")
    one.replicate(host="far")
    assert one.snapshots("offsite/data") == ["one"]


def test_proxy_command(one: World, config: Path) -> None:
    config.write_text("Host far\n HostName 127.0.0.1\n ProxyCommand socat - TCP:%h:%p\n")
    one.replicate(host="far")
    assert one.snapshots("offsite/data") == ["one"]


def test_shell_that_prints_a_banner(one: World, tmp_path: Path) -> None:
    with sshd(tmp_path, 2213, wrapper='echo "Welcome to nas!"\nexec sh -c "$SSH_ORIGINAL_COMMAND"'):
        trust(2213, SSH / "known_hosts")
        assert "the login shell prints 'Welcome to nas!'" in refused(one, "-p", "2213")


def test_account_without_a_shell(one: World, tmp_path: Path) -> None:
    with sshd(tmp_path, 2214, wrapper='echo "This account is not available." ; exit 1'):
        trust(2214, SSH / "known_hosts")
        assert "This account is not available" in refused(one, "-p", "2214")


def test_no_zfs_on_the_source(one: World, tmp_path: Path) -> None:
    hide = 'mount --bind /dev/null /usr/sbin/zfs; exec sh -c "$SSH_ORIGINAL_COMMAND"'
    with sshd(tmp_path, 2215, wrapper=f"exec unshare -m sh -c '{hide}'"):
        trust(2215, SSH / "known_hosts")
        assert "there is no zfs command" in refused(one, "-p", "2215")


def test_zfs_outside_of_the_ordinary_path_is_found(one: World, tmp_path: Path) -> None:
    with sshd(tmp_path, 2216, wrapper='PATH=/usr/bin:/bin\nexec sh -c "$SSH_ORIGINAL_COMMAND"'):
        trust(2216, SSH / "known_hosts")
        one.replicate("-p", "2216")
    assert one.snapshots("offsite/data") == ["one"]


def test_csh_as_login_shell(one: World, tmp_path: Path) -> None:
    """A command means the same to csh as to sh, even with spaces in names."""
    zfs("create", "tank/data/with space")
    one.snapshot("tank/data/with space@a b-c:d")
    with sshd(tmp_path, 2217, wrapper='exec tcsh -f -c "$SSH_ORIGINAL_COMMAND"'):
        trust(2217, SSH / "known_hosts")
        one.replicate("-p", "2217")
    assert one.snapshots("offsite/data/with space") == ["a b-c:d"]


def test_missing_rights_of_the_user_are_reported(one: World) -> None:
    done = one.replicate(host="lab@127.0.0.1", expect=1)
    assert (
        "tank/data@one on lab@127.0.0.1: cannot place the hold mirror: the user has no permission for this"
        in done.stderr
    )
    assert not one.exists("offsite/data")


def test_user_with_delegated_rights_on_the_source(one: World) -> None:
    zfs("allow", "lab", "send,hold,release", "tank/data")
    one.snapshot("tank/data@two", "tank/data@three")
    one.replicate(host="lab@127.0.0.1")
    assert one.snapshots("offsite/data") == ["one", "two", "three"]


def test_user_who_may_not_release_fails_and_nothing_expires(one: World) -> None:
    """If a hold cannot be released, the dataset does not expire: the hold would outlive its snapshot on the target."""
    zfs("allow", "lab", "send,hold,release", "tank/data")
    one.replicate(host="lab@127.0.0.1")
    zfs("unallow", "lab", "release", "tank/data")
    one.snapshot("tank/data@two")
    done = one.replicate("-k", "0", host="lab@127.0.0.1", expect=1)
    assert (
        "tank/data@one on lab@127.0.0.1: cannot release the hold mirror: the user has no permission for this"
        in done.stderr
    )
    assert one.snapshots("offsite/data") == ["one", "two"]


def test_passphrase_is_asked_for_on_a_terminal_only(one: World, tmp_path: Path) -> None:
    key = tmp_path / "locked"
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "open sesame", "-f", str(key))
    run("sh", "-c", f"cat {key}.pub >> /root/.ssh/authorized_keys")
    options = f"-i {key} -h 127.0.0.1 -r tank/data -l offsite/data -t mirror --retries 0"
    with hidden(SSH / "id_ed25519"):
        done = run(sys.executable, PROGRAM, *options.split(), check=False)
        assert (done.returncode, "accepts none of our keys" in done.stderr) == (3, True)
        typed_at_the_prompt(f"python3 {PROGRAM} {options}", "passphrase for root@127.0.0.1: ", "open sesame")
    assert one.snapshots("offsite/data") == ["one"]


def typed_at_the_prompt(command: str, prompt: str, answer: str) -> None:
    """Run a command on a terminal, wait for the prompt, and type the answer."""
    arguments = ["script", "-qec", command, "/dev/null"]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        shown = b""
        while prompt.encode() not in shown:
            shown += os.read(process.stdout.fileno(), 1000)
        process.stdin.write(f"{answer}\n".encode())
        process.stdin.flush()
        shown += process.stdout.read()
        assert process.wait() == 0, shown


@contextlib.contextmanager
def hidden(path: Path) -> Iterator[None]:
    aside = path.rename(path.with_suffix(".aside"))
    try:
        yield
    finally:
        aside.rename(path)
