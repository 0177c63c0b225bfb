"""Run commands that need privileges by `sudo -n`, on any host: for users who have sudo rules but are not root."""

from __future__ import annotations

from collections.abc import Sequence

from zfs_replicate.hosts.base import Host, Process, Sink, TargetHost
from zfs_replicate.zfs import commands


class Elevated:
    """A host whose commands run by sudo if they need privileges."""

    def __init__(self, host: Host) -> None:
        self._host = host

    @property
    def name(self) -> str:
        return self._host.name

    def start(self, command: Sequence[str]) -> Process:
        return self._host.start(commands.elevated(tuple(command)))


class ElevatedTarget(Elevated):
    """The same for a host that receives streams."""

    def __init__(self, host: TargetHost) -> None:
        super().__init__(host)
        self._target = host

    @property
    def is_root(self) -> bool:
        return True

    def open_sink(self, pipeline: Sequence[Sequence[str]]) -> Sink:
        return self._target.open_sink([commands.elevated(tuple(command)) for command in pipeline])
