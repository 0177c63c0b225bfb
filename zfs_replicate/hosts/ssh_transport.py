"""Set up paramiko's transport: fast ciphers, no stall or deadlock while keys are renewed, keep-alives with answers."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Any

import paramiko

log = logging.getLogger(__name__)

CONNECT_SECONDS = 30
"""Limit for each step of connecting, and for starting a command."""

LOGIN_SECONDS = 120
"""Limit for all steps together: a hostile server could restart each of them."""

BANNER_BYTES = 64 << 10
"""How much a server may send before its version line. OpenSSH accepts more; real banners are a few lines."""

KEEPALIVE_SECONDS = 15
ANSWER_SECONDS = 30
"""A peer that does not answer a keep-alive for ANSWER_SECONDS is considered dead."""

REKEY_BYTES = 64 << 30
"""OpenSSH's own limit for AES. paramiko renews keys every 512 MiB, and stalls each time."""

CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr")
"""AES-GCM first: on one core three times as fast as aes128-ctr, paramiko's own first choice."""

MACS = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512")
"""Like CIPHERS, the defaults of OpenSSH 9 that paramiko supports, without SHA-1. Key exchanges and key types need no
list: OpenSSH offers all that paramiko 5 has."""

CHANNEL_ERRORS = (paramiko.SSHException, OSError, EOFError)
"""What paramiko raises when a connection breaks."""


class Transport(paramiko.Transport):
    """paramiko's transport without its deadlock when a channel closes while keys are renewed.

    The transport's thread answers a channel's close. During a key exchange that answer waits for the exchange, which
    only this same thread can finish. So the answer is sent from another thread.
    """

    def _check_banner(self) -> None:
        """Limit the banner: paramiko alone would read and keep an endless line."""
        packetizer: Any = self.packetizer
        read, left = packetizer._read_timeout, BANNER_BYTES

        def read_some(timeout: float) -> bytes:
            nonlocal left
            data: bytes = read(timeout)
            left -= len(data)
            if left < 0:
                raise paramiko.SSHException("; the server sent too much before its version line")
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
    """Return a transport with our ciphers, MACs and rekey limit; paramiko calls this as its transport_factory."""
    transport = Transport(sock, **settings)
    options = transport.get_security_options()
    options.ciphers, options.digests = CIPHERS, MACS
    transport.packetizer.REKEY_BYTES = REKEY_BYTES
    return transport


def quietly(close: Callable[[], object]) -> Callable[[], None]:
    """Return `close` without its channel errors: the connection may just have ended by itself."""

    def end() -> None:
        with contextlib.suppress(*CHANNEL_ERRORS):
            close()

    return end


def watch_peer(transport: paramiko.Transport, is_closed: threading.Event) -> None:
    """Send keep-alives until `is_closed`; close the connection when the peer does not answer.

    paramiko's own keep-alive expects no answer, and TCP does not notice a silent middlebox or a stopped sshd.
    """
    while not is_closed.wait(KEEPALIVE_SECONDS) and transport.is_active():
        question = threading.Thread(target=_ask_peer, args=(transport,), daemon=True)
        question.start()
        question.join(ANSWER_SECONDS)
        if question.is_alive():
            log.info("no answer to a keep-alive for %d seconds: closing the connection", ANSWER_SECONDS)
            transport.close()


def _ask_peer(transport: paramiko.Transport) -> None:
    with contextlib.suppress(*CHANNEL_ERRORS):
        transport.global_request("keepalive@openssh.com", wait=True)  # any answer will do, even a refusal
