"""Run commands on another machine, all over one SSH connection (paramiko). (argument tuples) → running channels.

Host keys are checked strictly; it prompts only if the caller passes a function for that. quoting.py quotes commands.
"""

from __future__ import annotations

import logging
import shlex
import socket
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

import paramiko

from zfs_replicate.errors import AuthenticationFailed, ConnectionFailed
from zfs_replicate.hosts.base import Process, within
from zfs_replicate.hosts.quoting import remote_command
from zfs_replicate.hosts.ssh_config import Endpoint, resolve
from zfs_replicate.hosts.ssh_keys import RejectUnknown, changed_key, load_known_hosts
from zfs_replicate.hosts.ssh_process import SSHProcess
from zfs_replicate.hosts.ssh_socket import ProxyCommand, open_tcp
from zfs_replicate.hosts.ssh_transport import (
    CHANNEL_ERRORS,
    CONNECT_SECONDS,
    LOGIN_SECONDS,
    make_transport,
    quietly,
    watch_peer,
)

log = logging.getLogger(__name__)

Ask = Callable[[str], str]
"""Given a prompt, return the secret that the user typed."""


class SSHHost:
    """A host reached over SSH. Use it as a context manager: entering connects, leaving disconnects."""

    def __init__(self, host: str, port: int | None = None, identity: str | None = None, ask: Ask | None = None) -> None:
        self._name = host
        self._destination = (host, port, identity)
        self._ask = ask
        self._clients: list[paramiko.SSHClient] = []
        self._is_closed = threading.Event()
        self._proxies: list[ProxyCommand] = []

    @property
    def name(self) -> str:
        return self._name

    def __enter__(self) -> Self:
        try:
            self._connect_through_jumps(resolve(*self._destination))
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._is_closed.set()
        for client in reversed(self._clients):
            client.close()
        self._clients.clear()
        for proxy in self._proxies:
            proxy.close()
        self._proxies.clear()

    def start(self, command: Sequence[str]) -> Process:
        text = remote_command(command)
        log.debug("%s", shlex.join((*self._as_ssh(), text)), extra={"host": self._name})
        transport = self._clients[-1].get_transport() if self._clients else None
        if transport is None or not transport.is_active():
            raise ConnectionFailed(f"{self._name}: the connection is lost; run again")
        try:
            channel = transport.open_session(timeout=CONNECT_SECONDS)
            with within(CONNECT_SECONDS, quietly(channel.close)):
                channel.exec_command(text)
        except paramiko.ChannelException as error:
            raise ConnectionFailed(
                f"{self._name}: sshd refuses another session ({error}); lower --jobs, or raise MaxSessions there"
            ) from error
        except CHANNEL_ERRORS as error:
            reason = str(error) or "closed"
            raise ConnectionFailed(f"{self._name}: the connection is lost ({reason}); run again") from error
        return SSHProcess(self._name, tuple(command), channel)

    def _as_ssh(self) -> tuple[str, ...]:
        """Return the OpenSSH command line for the same host, for the log."""
        host, port, identity = self._destination
        ports = () if port is None else ("-p", str(port))
        identities = () if identity is None else ("-i", identity)
        return ("ssh", *ports, *identities, host)

    # --- connecting ---

    def _connect_through_jumps(self, endpoint: Endpoint) -> None:
        """Connect to the jump hosts (`a,b:2222`), each through the one before, then to the endpoint."""
        if endpoint.proxy_jump and not endpoint.proxy_command and not self._clients:
            for jump in endpoint.proxy_jump.split(","):
                self._connect_through_jumps(resolve(*_split_port(jump), None))
        self._connect(endpoint)

    def _open_socket(self, endpoint: Endpoint) -> Any:
        """Return a socket or channel to the endpoint: through the last jump host, a proxy command, or plain TCP."""
        try:
            if self._clients:
                return self._forward(endpoint)
            if endpoint.proxy_command:
                self._proxies.append(ProxyCommand(endpoint.proxy_command))
                return self._proxies[-1].sock
            return open_tcp(endpoint)
        except socket.gaierror as error:
            raise ConnectionFailed(
                f"{endpoint.called(endpoint.hostname)}: no such host ({error.strerror}); check -h, or the name service"
            ) from error
        except (OSError, paramiko.SSHException) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error) or "timed out"
            raise ConnectionFailed(
                f"{endpoint.called(_port(endpoint))}: cannot connect ({reason}); check that sshd runs there"
                f" and can be reached: ssh -p {endpoint.port} {shlex.quote(endpoint.alias)}"
            ) from error

    def _forward(self, endpoint: Endpoint) -> paramiko.Channel:
        transport = self._clients[-1].get_transport()
        if transport is None:
            raise paramiko.SSHException("the jump host has closed the connection")
        return transport.open_channel(
            "direct-tcpip", (endpoint.hostname, endpoint.port), ("127.0.0.1", 0), timeout=CONNECT_SECONDS
        )

    def _connect(self, endpoint: Endpoint) -> None:
        client = paramiko.SSHClient()
        try:
            self._log_in(client, endpoint)
        except BaseException:
            client.close()
            raise
        self._clients.append(client)
        transport = client.get_transport()
        if transport is not None:
            threading.Thread(target=watch_peer, args=(transport, self._is_closed), daemon=True).start()

    def _log_in(self, client: paramiko.SSHClient, endpoint: Endpoint) -> None:
        """Check the host key and log in with agent or keys; if refused, prompt once for a passphrase or password."""
        for path in endpoint.known_hosts_files:
            if path.exists():
                load_known_hosts(client, path)
        client.set_missing_host_key_policy(RejectUnknown(endpoint))
        try:
            try:
                self._attempt(client, endpoint, None)
            except AuthenticationFailed:
                if self._ask is None:
                    raise
                client.close()
                self._attempt(client, endpoint, self._prompt(endpoint))
        except CHANNEL_ERRORS as error:
            reason = str(error) or "closed by the other side"
            raise ConnectionFailed(
                f"{endpoint.called(_port(endpoint))}: no SSH connection ({reason});"
                f" try it: ssh -p {endpoint.port} {shlex.quote(endpoint.alias)}"
            ) from error

    def _prompt(self, endpoint: Endpoint) -> str | None:
        try:
            prompt = f"Password or key passphrase for {endpoint.user}@{endpoint.hostname}: "
            return self._ask(prompt) if self._ask is not None else None
        except EOFError as error:
            raise _refused(endpoint, "nothing was typed") from error

    def _attempt(self, client: paramiko.SSHClient, endpoint: Endpoint, secret: str | None) -> None:
        sock = self._open_socket(endpoint)
        with within(LOGIN_SECONDS, quietly(sock.close)):
            self._handshake(client, endpoint, sock, secret)

    def _handshake(self, client: paramiko.SSHClient, endpoint: Endpoint, sock: Any, secret: str | None) -> None:
        try:
            client.connect(
                endpoint.hostname,
                port=endpoint.port,
                username=endpoint.user,
                password=secret,
                passphrase=secret,
                key_filename=list(endpoint.identity_files) or None,  # type: ignore[arg-type]  # a list is documented
                timeout=CONNECT_SECONDS,
                banner_timeout=CONNECT_SECONDS,
                auth_timeout=CONNECT_SECONDS,
                channel_timeout=CONNECT_SECONDS,
                sock=sock,
                transport_factory=make_transport,
            )
        except paramiko.BadHostKeyException as error:
            raise changed_key(endpoint, error) from error
        except paramiko.AuthenticationException as error:
            raise _refused(endpoint, str(error)) from error
        except paramiko.SSHException as error:
            # paramiko tries every key type on every file and reports only the last mismatch
            transport = client.get_transport()
            if transport is not None and transport.is_active() and transport.initial_kex_done:
                raise _refused(endpoint, str(error)) from error
            sock.close()
            raise
        except BaseException:
            sock.close()
            raise


def _port(endpoint: Endpoint) -> str:
    return f"{endpoint.hostname} port {endpoint.port}"


def _refused(endpoint: Endpoint, reason: str) -> AuthenticationFailed:
    where = f"-p {endpoint.port} {shlex.quote(f'{endpoint.user}@{endpoint.alias}')}"
    return AuthenticationFailed(
        f"{endpoint.called(f'{endpoint.user}@{endpoint.hostname}')}: the source accepts none of our keys ({reason});"
        f" try it: ssh {where}; install a key: ssh-copy-id {where}; or choose another with -i"
    )


def _split_port(jump: str) -> tuple[str, int | None]:
    host, colon, port = jump.rpartition(":")
    return (host, int(port)) if colon and port.isdigit() else (jump, None)
