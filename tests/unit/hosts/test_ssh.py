"""Run commands over a real SSH connection: output, statuses, host keys, logins, proxies."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import sys
import threading
from dataclasses import replace
from pathlib import Path

import paramiko
import pytest

from tests.support.ssh_server import USER, Server, write_key
from zfs_replicate import errors
from zfs_replicate.hosts import ssh
from zfs_replicate.hosts.base import Process, run
from zfs_replicate.hosts.ssh import SSHHost
from zfs_replicate.hosts.ssh_keys import fingerprint


def shell(text: str) -> tuple[str, ...]:
    return ("sh", "-c", text)


# --- commands ---


def test_a_command_gives_its_output_status_and_stderr(server: Server) -> None:
    with server.connect() as host:
        text, ended = run(host, shell("echo out; echo err >&2; exit 3"))
    assert (text, ended.exit_status, ended.stderr) == ("out\n", 3, "err\n")


def test_several_commands_share_one_connection(server: Server) -> None:
    with server.connect() as host:
        assert [run(host, ("echo", word))[0] for word in ("a", "b", "c")] == ["a\n", "b\n", "c\n"]
    assert len(server.transports) == 1


def test_commands_run_at_the_same_time(server: Server) -> None:
    with server.connect() as host, host.start(("cat", "/dev/zero")) as endless:
        assert endless.read(1) == b"\0"
        assert run(host, ("echo", "meanwhile"))[0] == "meanwhile\n"


def test_arguments_reach_the_program_as_they_are(server: Server) -> None:
    hostile = "tank/a b'c\"d$(reboot)`x`\\;*!#~"
    with server.connect() as host:
        assert run(host, ("printf", "%s|", hostile, "", "-n"))[0] == f"{hostile}||-n|"


def test_much_on_stderr_does_not_block(server: Server) -> None:
    with server.connect() as host:
        text, ended = run(host, shell("head -c 1000000 /dev/zero >&2; echo done"))
    assert (text, len(ended.stderr)) == ("done\n", 1_000_000)


def test_a_missing_remote_program_is_a_status_of_127(server: Server) -> None:
    with server.connect() as host:
        _text, ended = run(host, ("no-such-program",))
    assert ended.exit_status == 127
    assert "no-such-program" in ended.stderr


def test_a_killed_remote_command_is_reported_as_killed(server: Server) -> None:
    with server.connect() as host:
        _text, ended = run(host, shell("echo before >&2; kill -9 $PPID; kill -9 $$"))
    assert ended.exit_status != 0
    assert ended.is_killed


def test_a_death_that_a_remote_shell_reports_is_one_too(server: Server) -> None:
    with server.connect() as host:
        assert [run(host, shell(f"exit {status}"))[1].is_killed for status in (137, 255, 1)] == [True, False, False]


def test_killing_ends_a_stream_and_the_connection_stays(server: Server) -> None:
    with server.connect() as host:
        with host.start(("cat", "/dev/zero")) as process:
            process.read(1)
            process.kill()
            assert sum(1 for _chunk in iter(lambda: process.read(1 << 20), b"")) < 1000
            assert process.finish().exit_status != 0
        assert run(host, ("echo", "on"))[0] == "on\n"


def test_leaving_early_ends_the_remote_command(server: Server) -> None:
    with server.connect() as host, host.start(("cat", "/dev/zero")) as process:
        process.read(1)
    server.close()  # waits for the threads that run commands: they end only when the command has


# --- a lost connection ---


def read_to_the_end(process: Process) -> None:
    while process.read(1 << 20):
        pass
    process.finish()


def test_a_connection_lost_during_a_command_is_an_error(server: Server) -> None:
    with server.connect() as host, host.start(("cat", "/dev/zero")) as process:
        process.read(1)
        server.transports[0].close()
        with pytest.raises(errors.ConnectionFailed, match="the connection was lost while cat was running"):
            read_to_the_end(process)


def test_a_command_on_a_lost_connection_is_refused(server: Server) -> None:
    with server.connect() as host:
        server.transports[0].close()
        with pytest.raises(errors.ConnectionFailed):
            run(host, ("true",))
    with pytest.raises(errors.ConnectionFailed, match="the connection is lost"):
        host.start(("true",))


# --- host keys ---


def test_an_unknown_host_key_is_refused_with_its_remedy(server: Server) -> None:
    server.known_hosts.unlink()
    with pytest.raises(errors.HostKeyRejected) as caught:
        server.connect().__enter__()
    text = str(caught.value)
    assert f"nas1 ([127.0.0.1]:{server.port}): unknown host key {fingerprint(server.host_key)}" in text
    assert f"ssh-keyscan -p {server.port} 127.0.0.1 >> {server.known_hosts}" in text
    assert server.commands == []


def test_a_changed_host_key_is_refused_with_both_fingerprints(server: Server) -> None:
    other = paramiko.ECDSAKey.generate()
    server.trust(other)
    with pytest.raises(errors.HostKeyRejected) as caught:
        server.connect().__enter__()
    text = str(caught.value)
    assert "CHANGED" in text
    assert fingerprint(server.host_key) in text
    assert fingerprint(other) in text
    assert f"ssh-keygen -R '[127.0.0.1]:{server.port}'" in text


def test_a_fingerprint_is_written_as_by_ssh_keygen() -> None:
    key = paramiko.PKey.from_type_string(
        "ssh-ed25519", bytes.fromhex("0000000b7373682d6564323535313900000020") + bytes(32)
    )
    assert fingerprint(key) == "ssh-ed25519 SHA256:kmYcvdi2GkPeWxB6XLjrZB8JHsy2Hm8luHMFp9GMvqk"


# --- logging in ---


def test_a_wrong_key_is_refused(server: Server) -> None:
    write_key(server.user_key)
    with pytest.raises(errors.AuthenticationFailed) as caught:
        server.connect().__enter__()
    assert f"nas1 ({USER}@127.0.0.1): the source accepts none of our keys" in str(caught.value)
    assert f"ssh -p {server.port} {USER}@nas1" in str(caught.value)


def test_without_a_prompt_function_the_login_fails(server: Server) -> None:
    server.password = "secret"
    write_key(server.user_key)
    with pytest.raises(errors.AuthenticationFailed):
        server.connect().__enter__()


def test_with_a_prompt_function_it_prompts_once(server: Server) -> None:
    server.password = "secret"
    write_key(server.user_key)
    prompts: list[str] = []

    def ask(prompt: str) -> str:
        prompts.append(prompt)
        return "secret"

    with SSHHost("nas1", ask=ask) as host:
        assert run(host, ("echo", "in"))[0] == "in\n"
    assert len(prompts) == 1
    assert f"{USER}@127.0.0.1" in prompts[0]


def test_a_wrong_password_is_refused_without_a_second_prompt(server: Server) -> None:
    server.password = "secret"
    write_key(server.user_key)
    prompts: list[str] = []

    def ask(prompt: str) -> str:
        prompts.append(prompt)
        return "guess"

    with pytest.raises(errors.AuthenticationFailed):
        SSHHost("nas1", ask=ask).__enter__()
    assert len(prompts) == 1


# --- reaching the host ---


def resolved(monkeypatch: pytest.MonkeyPatch, endpoint: object) -> None:
    monkeypatch.setattr(ssh, "resolve", lambda *_arguments: endpoint)


def test_a_refused_port_is_an_error_with_the_next_step(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    resolved(monkeypatch, replace(server.endpoint, port=port))
    with pytest.raises(errors.ConnectionFailed) as caught:
        server.connect().__enter__()
    assert f"nas1 (127.0.0.1 port {port}): cannot connect (Connection refused)" in str(caught.value)
    assert f"ssh -p {port} nas1" in str(caught.value)


def test_an_unknown_host_name_is_an_error(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object, **_options: object) -> socket.socket:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "create_connection", fail)
    resolved(monkeypatch, replace(server.endpoint, hostname="nowhere.invalid"))
    with pytest.raises(errors.ConnectionFailed, match=r"nas1 \(nowhere\.invalid\): no such host \("):
        server.connect().__enter__()


def test_a_port_that_does_not_speak_ssh_is_an_error(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(listener: socket.socket) -> None:
        connection, _address = listener.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server.start(threading.Thread(target=answer, args=(listener,)))
        resolved(monkeypatch, replace(server.endpoint, port=listener.getsockname()[1]))
        with pytest.raises(errors.ConnectionFailed, match="no SSH connection"):
            server.connect().__enter__()


RELAY = """
import os, select, socket, sys
far = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
while True:
    for end in select.select([0, far], [], [])[0]:
        data = os.read(0, 65536) if end == 0 else far.recv(65536)
        if not data:
            sys.exit()
        far.sendall(data) if end == 0 else os.write(1, data)
"""


@pytest.fixture
def relayed(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SSHHost:
    """The server behind a proxy command that writes its process id to `pid`."""
    (tmp_path / "relay.py").write_text(RELAY)
    command = f"echo $$ >{tmp_path}/pid; exec {sys.executable} {tmp_path}/relay.py {server.port}"
    resolved(monkeypatch, replace(server.endpoint, proxy_command=f"sh -c {shlex.quote(command)}"))
    return server.connect()


def test_a_proxy_command_ends_with_the_connection(relayed: SSHHost, tmp_path: Path) -> None:
    with relayed:
        assert run(relayed, ("echo", "hello"))[0] == "hello\n"
        pid = int((tmp_path / "pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_proxy_command_that_ends_is_a_lost_connection(relayed: SSHHost, tmp_path: Path) -> None:
    with relayed, relayed.start(("sleep", "5")) as process:
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGTERM)
        with pytest.raises(errors.ConnectionFailed, match="lost"):
            process.finish()


def test_a_proxy_command_that_does_not_exist_is_an_error(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    resolved(monkeypatch, replace(server.endpoint, proxy_command="no-such-proxy %h"))
    with pytest.raises(errors.ConnectionFailed, match="no SSH connection"):
        server.connect().__enter__()
