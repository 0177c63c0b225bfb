"""Parse the progress that `zfs send -vP` prints on stderr, and remove it from error messages. Pure.

It prints `full TO BYTES` or `incremental FROM TO BYTES` for each snapshot and `size TOTAL`; then every second
`HH:MM:SS BYTES SNAPSHOT`, separated by tabs. A resumed send prints its token first (OpenZFS 2.1 to 2.4, zfs-send(8)).
"""

from __future__ import annotations

import re

_PROGRESS_LINE = re.compile(
    r"full\t[^\t]+\t\d+|incremental\t[^\t]+\t[^\t]+\t\d+|size\t\d+|\d\d:\d\d:\d\d\t\d+\t[^\t]+"
    r"|resume token contents:|nvlist version: 0|\t\w+ = .*"
)
_SIZE = re.compile(rb"size\t(\d+)")
_SENT = re.compile(rb"\d\d:\d\d:\d\d\t(\d+)\t(.+)")


def without_progress(stderr: str) -> str:
    """Given the stderr of a send, return it without progress lines."""
    return "".join(line for line in stderr.splitlines(keepends=True) if not _PROGRESS_LINE.fullmatch(line.rstrip("\n")))


class SendProgress:
    """Parses progress piece by piece, as it arrives."""

    def __init__(self) -> None:
        self.byte_count = 0
        """Bytes of stderr fed so far."""
        self.size: int | None = None
        """zfs's estimate of the stream, in bytes."""
        self._rest = b""
        self._sent: dict[bytes, int] = {}

    @property
    def sent(self) -> int:
        """Bytes sent so far, by the latest lines: the sum over all snapshots, since zfs counts each by itself."""
        return sum(self._sent.values())

    def feed(self, data: bytes) -> None:
        """Parse the next piece of stderr; it may end within a line."""
        self.byte_count += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if match := _SIZE.fullmatch(line):
                self.size = int(match[1])
            elif match := _SENT.fullmatch(line):
                self._sent[match[2]] = int(match[1])
