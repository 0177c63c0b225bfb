"""Resolve ssh_config by OpenSSH, or by paramiko where ssh is not installed.

OpenSSH takes the home directory from the password database, not from $HOME; so the tests run it through a script named
ssh that passes the test's own file.
"""

from __future__ import annotations

import getpass
import shutil
from pathlib import Path

import pytest

from zfs_replicate.errors import SourceUnusable
from zfs_replicate.hosts import ssh_config
from zfs_replicate.hosts.ssh_config import Endpoint, resolve

SSH = shutil.which("ssh")
READERS = ["paramiko", "openssh"]
NO_FILES = "UserKnownHostsFile none\nGlobalKnownHostsFile none\n"


@pytest.fixture(params=READERS)
def config(request: pytest.FixtureRequest, own_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's ssh_config, empty at first; the test runs once for each reader."""
    path = own_home / ".ssh" / "config"
    path.touch()
    programs = own_home / "bin"
    programs.mkdir()
    if request.param == "openssh":
        assert SSH, "tests/make-venv installs the OpenSSH client"
        (programs / "ssh").write_text(f'#!/bin/sh\nexec {SSH} -F {path} "$@"\n')
        (programs / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    return path


def test_without_any_configuration_the_name_is_the_host(config: Path) -> None:  # noqa: ARG001
    endpoint = resolve("nas1", None, None)
    assert (endpoint.alias, endpoint.hostname, endpoint.port, endpoint.user) == ("nas1", "nas1", 22, getpass.getuser())
    assert (endpoint.identity_files, endpoint.proxy_jump, endpoint.proxy_command) == ((), None, None)


def test_an_alias_is_looked_up(config: Path) -> None:
    config.write_text("Host nas1\n  HostName storage.example\n  User backup\n  Port 2222\n")
    endpoint = resolve("nas1", None, None)
    assert (endpoint.alias, endpoint.hostname, endpoint.user, endpoint.port) == (
        "nas1",
        "storage.example",
        "backup",
        2222,
    )
    assert endpoint.address == "[storage.example]:2222"


def test_a_block_for_another_host_does_not_apply(config: Path) -> None:
    config.write_text("Host nas1\n  HostName storage.example\n  Port 2222\n")
    assert (resolve("nas2", None, None).hostname, resolve("nas2", None, None).port) == ("nas2", 22)


def test_patterns_apply_and_the_first_value_wins(config: Path) -> None:
    config.write_text("Host nas1\n  User first\nHost nas*\n  User second\n  Port 2222\n")
    endpoint = resolve("nas1", None, None)
    assert (endpoint.user, endpoint.port) == ("first", 2222)


def test_the_command_line_wins(config: Path, own_home: Path) -> None:
    config.write_text("Host nas1\n  User config\n  Port 2222\n  IdentityFile ~/.ssh/config_key\n")
    for name in ("config_key", "own_key"):
        (own_home / ".ssh" / name).touch()
    endpoint = resolve("me@nas1", 2200, str(own_home / ".ssh" / "own_key"))
    assert (endpoint.alias, endpoint.user, endpoint.port) == ("nas1", "me", 2200)
    assert endpoint.identity_files == (str(own_home / ".ssh" / "own_key"),)


def test_a_user_with_an_at_sign(config: Path) -> None:  # noqa: ARG001
    assert resolve("user@domain@nas1", None, None).user == "user@domain"


def test_identity_files_that_exist_are_tried_in_their_order(config: Path, own_home: Path) -> None:
    config.write_text("Host nas1\n  IdentityFile ~/.ssh/b\n  IdentityFile ~/.ssh/gone\n  IdentityFile ~/.ssh/a\n")
    for name in ("a", "b"):
        (own_home / ".ssh" / name).touch()
    assert resolve("nas1", None, None).identity_files == (f"{own_home}/.ssh/b", f"{own_home}/.ssh/a")


def test_known_hosts_files(config: Path, own_home: Path) -> None:
    config.write_text(
        f"Host nas1\n  UserKnownHostsFile {own_home}/mine {own_home}/more\n  GlobalKnownHostsFile /etc/ours\n"
    )
    assert resolve("nas1", None, None).known_hosts_files == (own_home / "mine", own_home / "more", Path("/etc/ours"))


def test_a_jump_host(config: Path) -> None:
    config.write_text(f"{NO_FILES}Host nas1\n  ProxyJump gate@jump.example:2200,second\n")
    assert resolve("nas1", None, None).proxy_jump == "gate@jump.example:2200,second"


def test_a_proxy_command(config: Path) -> None:
    config.write_text("Host nas1\n  HostName storage.example\n  Port 2222\n  ProxyCommand relay %h %p\n")
    assert resolve("nas1", None, None).proxy_command == "relay storage.example 2222"


@pytest.mark.parametrize("option", ["ProxyJump none", "ProxyCommand none", "ProxyCommand None"])
def test_none_means_no_proxy(config: Path, option: str) -> None:
    config.write_text(f"Host nas1\n  {option}\n")
    endpoint = resolve("nas1", None, None)
    assert (endpoint.proxy_jump, endpoint.proxy_command) == (None, None)


@pytest.mark.parametrize("host", ["192.0.2.1", "::1"])
def test_addresses_are_hosts(config: Path, host: str) -> None:  # noqa: ARG001
    assert resolve(host, None, None).hostname == host


@pytest.mark.parametrize("config", ["openssh"], indirect=True)
def test_a_broken_configuration_is_an_error(config: Path) -> None:
    config.write_text("Host nas1\n  NoSuchOption yes\n")
    with pytest.raises(SourceUnusable, match=r"nas1: the ssh configuration cannot be read: .*(?i:nosuchoption)"):
        resolve("nas1", None, None)


@pytest.mark.parametrize("config", ["openssh"], indirect=True)
def test_openssh_sees_the_user_and_port_of_the_command_line(config: Path) -> None:
    """Match blocks depend on them, as with ssh itself."""
    config.write_text("Match user me\n  HostName mine.example\n")
    assert resolve("me@nas1", None, None).hostname == "mine.example"
    assert resolve("you@nas1", None, None).hostname == "nas1"


def test_an_ssh_that_hangs_is_an_error(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (own_home / "ssh").write_text("#!/bin/sh\nexec /bin/cat /dev/zero >/dev/null\n")
    (own_home / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", str(own_home))
    monkeypatch.setattr(ssh_config, "RESOLVE_SECONDS", 0.05)
    with pytest.raises(SourceUnusable, match="took more than"):
        resolve("nas1", None, None)


@pytest.mark.parametrize(("port", "address"), [(22, "nas1"), (2222, "[nas1]:2222")])
def test_an_address_is_written_as_in_known_hosts(port: int, address: str) -> None:
    assert Endpoint("nas1", "nas1", port, "root").address == address
