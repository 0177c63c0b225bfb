"""A channel that breaks at any moment is a ConnectionFailed, never another error."""

from __future__ import annotations

from unittest.mock import create_autospec

import paramiko
import pytest

from zfs_replicate.errors import ConnectionFailed
from zfs_replicate.hosts.ssh_process import SSHProcess

BROKEN = (EOFError(), OSError("Socket is closed"), paramiko.SSHException("key-exchange timed out"))


def process(channel: paramiko.Channel) -> SSHProcess:
    return SSHProcess("nas1", ("zfs", "send"), channel)


@pytest.mark.parametrize("error", BROKEN, ids=repr)
def test_reading_from_a_broken_channel_is_a_lost_connection(error: Exception) -> None:
    """paramiko also writes in recv, to let the sender continue, and that may fail."""
    channel = create_autospec(paramiko.Channel, instance=True)
    channel.recv.side_effect = error
    with pytest.raises(ConnectionFailed, match="nas1: the connection was lost while zfs send was running"):
        process(channel).read(10)


@pytest.mark.parametrize("error", BROKEN, ids=repr)
def test_the_end_of_a_broken_channel_is_a_lost_connection(error: Exception) -> None:
    channel = create_autospec(paramiko.Channel, instance=True)
    channel.recv_exit_status.return_value = 0
    channel.recv_stderr_ready.return_value = True
    channel.recv_stderr.side_effect = error
    with pytest.raises(ConnectionFailed):
        process(channel).finish()


@pytest.mark.parametrize("error", BROKEN, ids=repr)
def test_closing_a_broken_channel_does_no_harm(error: Exception) -> None:
    channel = create_autospec(paramiko.Channel, instance=True)
    channel.close.side_effect = error
    with process(channel) as broken:
        broken.kill()
    assert channel.close.call_count == 2


def test_a_read_that_waits_long_keeps_waiting() -> None:
    channel = create_autospec(paramiko.Channel, instance=True)
    channel.recv.side_effect = [TimeoutError(), TimeoutError(), b"data"]
    channel.recv_stderr_ready.return_value = False
    assert process(channel).read(10) == b"data"


def test_stderr_can_be_read_before_the_end() -> None:
    channel = create_autospec(paramiko.Channel, instance=True)
    channel.recv.side_effect = [b"data", b"more"]
    channel.recv_stderr_ready.side_effect = [True, False, True, False]
    channel.recv_stderr.side_effect = [b"size\t", b"30\n"]
    running = process(channel)
    running.read(10)
    assert running.stderr_since(0) == b"size\t"
    running.read(10)
    assert (running.stderr_since(0), running.stderr_since(5)) == (b"size\t30\n", b"30\n")
