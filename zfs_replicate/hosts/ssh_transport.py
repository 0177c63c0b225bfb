"""paramiko's transport as we need it: fast ciphers, no stall at the renewal of keys, a peer that is asked to answer."""

from __future__ import annotations

import contextlib
import logging
import threading
from typing import Any

import paramiko

log = logging.getLogger(__name__)

CONNECT_SECONDS = 30
"""How long each step of connecting may take."""

KEEPALIVE_SECONDS = 15
ANSWER_SECONDS = 30
"""A keep-alive is a question; a peer that does not answer it for so long is dead."""

REKEY_BYTES = 64 << 30
"""Where OpenSSH itself renews AES keys. paramiko's own limit is 512 MiB, which costs a stall each time."""

FAST_CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")
"""First choice: three times as fast as aes128-ctr, paramiko's own first choice, on one core."""

CHANNEL_ERRORS = (paramiko.SSHException, OSError, EOFError)
"""What paramiko raises when a connection breaks."""


class Transport(paramiko.Transport):
    """paramiko's transport without the dead lock of a channel that closes while keys are renewed.

    The transport's own thread answers a channel's close; during a key exchange that answer waits for the exchange,
    which only this same thread can finish. So it is sent from a thread of its own.
    """

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
    options.ciphers = (*FAST_CIPHERS, *(name for name in options.ciphers if name not in FAST_CIPHERS))
    transport.packetizer.REKEY_BYTES = REKEY_BYTES
    return transport


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
