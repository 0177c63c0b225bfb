"""Encode and decode streams and resume tokens.

A stream is a sequence of records of 312 bytes, each followed by its payload, as in zfs (lab: 312). A compound stream
(-I, facts 2) has 624 bytes before its first part and 312 after its last one. A token covers one snapshot (facts 3).

    -i     BEGIN OBJECT WRITE WRITE … END
    -I     COMPOUND BEGIN … END BEGIN … END COMPOUND_END
"""

from __future__ import annotations

import json
import re
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum, IntFlag

from tests.support.simulator.world import RECORD_SIZE, Block, SavedReceive, Snapshot, born_after

RECORD_BYTES = 312
_MAGIC = b"simuzfs!"
_LAYOUT = struct.Struct("<8s B I I Q Q Q I 256s")


class Kind(IntEnum):
    COMPOUND = 1
    BEGIN = 2
    OBJECT = 3
    WRITE = 4
    END = 5
    COMPOUND_END = 6


class Flags(IntFlag):
    RAW = 1
    COMPRESSED = 2
    RESUMING = 4
    VOLUME = 8


class BadMagic(Exception):
    """The data is not a record."""


class Damaged(Exception):
    """A record's checksum is wrong."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record. BEGIN: a to_guid, b from_guid, c creation, name to_name; its payload is the block to resume at.
    OBJECT: a key identity, b how many of the newest blocks of the base still exist, c the ivset_guid of the snapshot;
    its payload is that of the base. WRITE: a the block's value, b its index.
    """

    kind: Kind
    a: int = 0
    b: int = 0
    c: int = 0
    flags: int = 0
    name: str = ""
    payload: bytes = b""

    def encode(self) -> bytes:
        checksum = zlib.crc32(self.payload)
        fields = (self.kind, len(self.payload), checksum, self.a, self.b, self.c, self.flags, self.name.encode())
        return _LAYOUT.pack(_MAGIC, *fields).ljust(RECORD_BYTES, b"\0") + self.payload


class Decoder:
    """Turn bytes, as they arrive, into whole records."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def next_record(self) -> Record | None:
        """Return the next record; None until it is complete. Raises: BadMagic, Damaged."""
        if len(self._buffer) < RECORD_BYTES:
            return None
        magic, kind, length, checksum, a, b, c, flags, name = _LAYOUT.unpack_from(self._buffer)
        if magic != _MAGIC:
            raise BadMagic
        end = RECORD_BYTES + length
        if len(self._buffer) < end:
            return None
        payload = bytes(memoryview(self._buffer)[RECORD_BYTES:end])
        del self._buffer[:end]
        if zlib.crc32(payload) != checksum:
            raise Damaged
        return Record(Kind(kind), a, b, c, flags, name.rstrip(b"\0").decode(), payload)


@dataclass(frozen=True, slots=True)
class Part:
    """One snapshot's part of a stream: the snapshot, its base (0: none) and the flags of the command line."""

    to_name: str
    snapshot: Snapshot
    from_guid: int
    from_txg: int
    flags: Flags
    key: int
    first_block: int = 0
    from_ivset_guid: int = 0

    def blocks(self) -> list[Block]:
        return born_after(self.snapshot.blocks, self.from_txg)

    def encode(self) -> Iterable[bytes]:
        """The records of this part; a resumed one begins with block number `first_block`."""
        is_resuming = Flags.RESUMING in self.flags
        place = self.first_block.to_bytes(8, "little") if is_resuming else b""
        to = self.snapshot
        yield Record(Kind.BEGIN, to.guid, self.from_guid, to.creation, self.flags, self.to_name, place).encode()
        kept = len(to.blocks) - len(self.blocks())
        from_ivset = self.from_ivset_guid.to_bytes(8, "little")
        yield Record(Kind.OBJECT, self.key, kept, to.ivset_guid if self.key else 0, payload=from_ivset).encode()
        for index, block in enumerate(self.blocks()):
            if index >= self.first_block:
                yield Record(Kind.WRITE, block.value, index, payload=data_of(block)).encode()
        yield Record(Kind.END).encode()


def data_of(block: Block) -> bytes:
    return (block.value.to_bytes(8, "little") * (block.size // 8 + 1))[: block.size]


# --- resume tokens ---


@dataclass(frozen=True, slots=True)
class Token:
    """Contents of a token; `block_count`: blocks that have arrived."""

    to_name: str
    to_guid: int
    from_guid: int
    flags: Flags
    block_count: int
    byte_count: int

    def text(self) -> str:
        fields = (self.to_name, self.to_guid, self.from_guid, int(self.flags), self.block_count, self.byte_count)
        packed = zlib.compress(json.dumps(fields).encode())
        return f"1-{zlib.crc32(packed):x}-{len(packed):x}-{packed.hex()}"

    def lines(self) -> list[str]:
        """Return the lines that `zfs send -nvt` prints on stdout: numbers in hexadecimal (facts 3)."""
        source = [f"\tfromguid = {self.from_guid:#x}"] if self.from_guid else []
        place = (1, 0) if not self.block_count else (3, self.block_count * RECORD_SIZE)
        marks = (("compressok", Flags.COMPRESSED | Flags.RAW), ("rawok", Flags.RAW))
        return [
            "resume token contents:",
            "nvlist version: 0",
            *source,
            f"\tobject = {place[0]:#x}",
            f"\toffset = {place[1]:#x}",
            f"\tbytes = {self.byte_count:#x}",
            f"\ttoguid = {self.to_guid:#x}",
            f"\ttoname = {self.to_name}",
            *(f"\t{mark} = 1" for mark, flags in marks if self.flags & flags),
        ]


def token_of(saved: SavedReceive) -> str:
    size = sum(block.size + RECORD_BYTES for block in saved.blocks)
    flags = Flags(saved.flags) & (Flags.RAW | Flags.COMPRESSED)
    return Token(saved.to_name, saved.to_guid, saved.from_guid, flags, len(saved.blocks), size).text()


class CorruptToken(Exception):
    """The text is not a valid token; the message is zfs's reason."""


def read_token(text: str) -> Token:
    match = re.fullmatch(r"1-([0-9a-f]+)-([0-9a-f]+)-((?:[0-9a-f]{2})+)", text)
    if match is None:
        raise CorruptToken("invalid format")
    packed = bytes.fromhex(match[3])
    if zlib.crc32(packed) != int(match[1], 16):
        raise CorruptToken("incorrect checksum")
    to_name, to_guid, from_guid, flags, block_count, byte_count = json.loads(zlib.decompress(packed))
    return Token(to_name, to_guid, from_guid, Flags(flags), block_count, byte_count)
