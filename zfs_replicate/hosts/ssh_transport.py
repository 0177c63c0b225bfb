"""paramiko's transport as we need it: fast ciphers, no stall at the renewal of keys, a peer that is asked to answer."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Any

import paramiko

log = logging.getLogger(__name__)

CONNECT_SECONDS = 30
"""How long each step of connecting may take, and the beginning of a command."""

LOGIN_SECONDS = 120
"""How long all steps together may take: a hostile server could make each begin anew."""

BANNER_BYTES = 64 << 10
"""What a server may say before it names its version. OpenSSH takes more; real ones are a few lines."""

KEEPALIVE_SECONDS = 15
ANSWER_SECONDS = 30
"""A keep-alive is a question; a peer that does not answer it for so long is dead."""

REKEY_BYTES = 64 << 30
"""Where OpenSSH itself renews AES keys. paramiko's own limit is 512 MiB, which costs a stall each time."""

CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr")
"""AES-GCM first: three times as fast as aes128-ctr, paramiko's own first choice, on one core."""

MACS = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512")
"""Like CIPHERS what OpenSSH 9 offers by itself, as far as paramiko has it, without SHA-1. Key exchanges and kinds of
keys need no choice: of paramiko 5 all are among OpenSSH's."""

CHANNEL_ERRORS = (paramiko.SSHException, OSError, EOFError)
"""What paramiko raises when a connection breaks."""


class Transport(paramiko.Transport):
    """paramiko's transport without the dead lock of a channel that closes while keys are renewed.

    The transport's own thread answers a channel's close; during a key exchange that answer waits for the exchange,
    which only this same thread can finish. So it is sent from a thread of its own.
    """

    def _check_banner(self) -> None:
        """paramiko would read a line without an end for ever, and keep all of it."""
        packetizer: Any = self.packetizer
        read, left = packetizer._read_timeout, BANNER_BYTES

        def read_some(timeout: float) -> bytes:
            nonlocal left
            data: bytes = read(timeout)
            left -= len(data)
            if left < 0:
                raise paramiko.SSHException("; what it says before its version has no end")
            return data

        packetizer._read_timeout = read_some
        try:
            super()._check_banner()  # type: ignore[misc]
        finally:
            del packetizer._read_timeout

    def _send_user_message(self, data: Any) -> None:
        if threading.current_thread() is self and not self.clear_to_send.is_set():
            threading.Thread(target=self._send_later, args=(data,), daemon=True).start()
        else:
            super()._send_user_message(data)  # type: ignore[misc]

    def _send_later(self, data: Any) -> None:
        with contextlib.suppress(*CHANNEL_ERRORS):
            super()._send_user_message(data)  # type: ignore[misc]


def make_transport(sock: Any, **settings: Any) -> paramiko.Transport:
    transport = Transport(sock, **settings)
    options = transport.get_security_options()
    options.ciphers, options.digests = CIPHERS, MACS
    transport.packetizer.REKEY_BYTES = REKEY_BYTES
    return transport


def quietly(close: Callable[[], object]) -> Callable[[], None]:
    """For a close from another thread: what is to be ended may just have ended by itself."""

    def end() -> None:
        with contextlib.suppress(*CHANNEL_ERRORS):
            close()

    return end


def watch_peer(transport: paramiko.Transport, is_closed: threading.Event) -> None:
    """Ask the peer now and then whether it is there; close the connection when it does not answer.

    paramiko's own keep-alive wants no answer, and TCP notices nothing while a middle box or a stopped sshd is silent.
    """
    while not is_closed.wait(KEEPALIVE_SECONDS) and transport.is_active():
        question = threading.Thread(target=_ask_peer, args=(transport,), daemon=True)
        question.start()
        question.join(ANSWER_SECONDS)
        if question.is_alive():
            log.info("no answer for %d seconds: the connection is given up", ANSWER_SECONDS)
            transport.close()


def _ask_peer(transport: paramiko.Transport) -> None:
    with contextlib.suppress(*CHANNEL_ERRORS):
        transport.global_request("keepalive@openssh.com", wait=True)  # any answer will do, a refusal too
