"""What `zfs send -vP` says of itself on stderr in, sizes out; and the same text without it. Pure.

First, for each snapshot, `full TO BYTES` or `incremental FROM TO BYTES`, then `size TOTAL`; then each second
`HH:MM:SS BYTES SNAPSHOT`, with tabs between. A resumed send tells its token before (OpenZFS 2.1 to 2.4, zfs-send(8)).
"""

from __future__ import annotations

import re

_TALK = re.compile(
    r"full\t[^\t]+\t\d+|incremental\t[^\t]+\t[^\t]+\t\d+|size\t\d+|\d\d:\d\d:\d\d\t\d+\t[^\t]+"
    r"|resume token contents:|nvlist version: 0|\t\w+ = .*"
)
_SIZE = re.compile(rb"size\t(\d+)")
_SENT = re.compile(rb"\d\d:\d\d:\d\d\t(\d+)\t(.+)")


def without_progress(stderr: str) -> str:
    """Given what a send said, return what is left for a message."""
    return "".join(line for line in stderr.splitlines(keepends=True) if not _TALK.fullmatch(line.rstrip("\n")))


class SendProgress:
    """Reads it piece by piece, as it comes."""

    def __init__(self) -> None:
        self.byte_count = 0
        """How much has been read."""
        self.size: int | None = None
        """What zfs expects the stream to be, in bytes."""
        self._rest = b""
        self._sent: dict[bytes, int] = {}

    @property
    def sent(self) -> int:
        """Bytes of the stream so far, by the newest line; the count begins anew with each snapshot."""
        return sum(self._sent.values())

    def feed(self, data: bytes) -> None:
        """Take in the next piece."""
        self.byte_count += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if match := _SIZE.fullmatch(line):
                self.size = int(match[1])
            elif match := _SENT.fullmatch(line):
                self._sent[match[2]] = int(match[1])
