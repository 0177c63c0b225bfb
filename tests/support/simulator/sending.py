"""Run zfs send (zfs-send(8), facts 2). (Machine, arguments) → whole stream, stderr and status."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tests.support.simulator.machine import Machine, NotModelled, Refused, parse_flags
from tests.support.simulator.streams import CorruptToken, Flags, Kind, Part, Record, Token, read_token
from tests.support.simulator.world import Bookmark, Dataset, Snapshot

COMPOUND_HEADER = Record(Kind.COMPOUND, payload=bytes(312)).encode()
TOKEN_STATUS = 255
"""Exit status of a failed `zfs send -t` (facts, at the top)."""


@dataclass(frozen=True, slots=True)
class Sent:
    stream: bytes = b""
    stderr: str = ""
    status: int = 0


def zfs_send(machine: Machine, arguments: Sequence[str]) -> Sent:
    flags, names = parse_flags(arguments, "LcwenvP", "iIt")
    if "t" in flags:
        return _send_token(machine, flags["t"][-1], "n" in flags)
    if "n" in flags:
        raise NotModelled("zfs send -n without -t")
    (name,) = names
    if "I" in flags:
        return _send_several(machine, flags["I"][-1], name, frozenset(flags))
    dataset, snapshot = machine.snapshot(name)
    source = flags.get("i", [""])[-1]
    base = _base(machine, source, dataset, snapshot, name) if source else None
    try:
        part = _part(machine, dataset, snapshot, base, _flags(dataset, frozenset(flags)))
    except Refused as refused:
        return Sent(b"", f"{refused.message}\n", 1)
    return Sent(b"".join(part.encode()))


def _flags(dataset: Dataset, given: frozenset[str]) -> Flags:
    """-w has an effect only on encrypted datasets, and implies -c there (lab: tokens)."""
    flags = Flags.VOLUME if dataset.kind == "volume" else Flags(0)
    if "w" in given and dataset.key:
        return flags | Flags.RAW
    return flags | Flags.COMPRESSED if given & {"c", "w"} else flags


def _base(machine: Machine, source: str, dataset: Dataset, snapshot: Snapshot, name: str) -> Snapshot | Bookmark:
    owner, mark, short = source.partition("#" if "#" in source else "@")
    base: Snapshot | Bookmark | None
    if mark == "#":
        base = dataset.bookmarks.get(short) if owner in ("", dataset.name) else None
        if base is None:
            raise Refused(f"warning: cannot send '{name}': incremental source ({source}) does not exist")
    else:
        owner_dataset, base = machine.snapshot(source if owner else f"{dataset.name}@{short}")
        if dataset.origin is base:
            raise NotModelled("an incremental stream of a clone from its origin")
        if owner_dataset is not dataset:
            raise Refused(f"warning: cannot send '{name}': not an earlier snapshot from the same fs")
    if base.createtxg >= snapshot.createtxg:
        raise Refused(f"warning: cannot send '{name}': not an earlier snapshot from the same fs")
    return base


def _part(
    machine: Machine, dataset: Dataset, snapshot: Snapshot, base: Snapshot | Bookmark | None, flags: Flags
) -> Part:
    """Raises: Refused when the snapshot cannot be read: no permission, key not loaded, I/O error."""
    name = f"{dataset.name}@{snapshot.name}"
    refusal = f"warning: cannot send '{name}'"
    machine.require(dataset.name, refusal, "send")
    if dataset.key and not dataset.is_key_loaded and Flags.RAW not in flags:
        raise Refused(f"{refusal}: dataset key must be loaded")
    if name in machine.world.unreadable:
        raise Refused(f"{refusal}: Input/output error")
    key = dataset.key if Flags.RAW in flags else 0
    part = Part(name, snapshot, base.guid if base else 0, base.createtxg if base else 0, flags, key)
    return replace(part, from_ivset_guid=base.ivset_guid) if base and key else part


def _send_several(machine: Machine, source: str, name: str, letters: frozenset[str]) -> Sent:
    """Run `-I`: send every snapshot after the base up to the named one. zfs holds them meanwhile, so it needs `hold`.

    If one cannot be sent, its part is missing and the status is 1, but the final record is still written (facts 2).
    """
    if "#" in source:
        raise Refused("Error: multiple snapshots cannot be sent from a bookmark.")
    dataset, first = machine.snapshot(name.partition("@")[0] + source if source.startswith("@") else source)
    owner, last = machine.snapshot(name)
    if owner is not dataset or first.createtxg >= last.createtxg:
        message = f"WARNING: could not send {name}:\nincremental source ({source}) does not exist\n"
        return Sent(COMPOUND_HEADER, message, 1)
    if not machine.may(dataset.name, "hold", "send"):
        what = "" if machine.may(dataset.name, "hold") else "cannot hold: permission denied\n"
        return Sent(COMPOUND_HEADER, f"{what}cannot send '{dataset.name}': permission denied\n", 1)
    stream = [COMPOUND_HEADER]
    errors: list[str] = []
    base = first
    for snapshot in dataset.newer_than(first.createtxg):
        if snapshot.createtxg > last.createtxg or errors:
            break
        try:
            stream += _part(machine, dataset, snapshot, base, _flags(dataset, letters)).encode()
        except Refused as refused:
            errors.append(f"{refused.message}\n")
        base = snapshot
    stream.append(Record(Kind.COMPOUND_END).encode())
    return Sent(b"".join(stream), "".join(errors), 1 if errors else 0)


# --- resuming ---


def _send_token(machine: Machine, text: str, is_dry: bool) -> Sent:
    """Run `-t TOKEN`. With `-nv` the contents are printed before anything is looked up (facts 3)."""
    try:
        token = read_token(text)
    except CorruptToken as error:
        return Sent(b"", f"cannot resume send: resume token is corrupt ({error})\n", TOKEN_STATUS)
    printed = "".join(f"{line}\n" for line in token.lines()) if is_dry else ""
    try:
        part = _resumed(machine, token)
    except Refused as refused:
        return Sent(printed.encode(), f"{refused.message}\n", refused.status)
    if not is_dry:
        return Sent(b"".join(part.encode()))
    size = f"{sum(block.size for block in part.blocks()[part.first_block :]) / 1024:.1f}K"
    printed += f"send of {part.to_name} estimated size is {size}\ntotal estimated size is {size}\n"
    return Sent(printed.encode())


def _resumed(machine: Machine, token: Token) -> Part:
    """Look up by guid: this also finds a renamed snapshot or dataset, and a bookmark as base (lab)."""
    dataset, snapshot = _by_guid(machine, token)
    base: Snapshot | Bookmark | None = None
    if token.from_guid:
        marks = (mark for mark in dataset.bookmarks.values() if mark.guid == token.from_guid)
        base = dataset.with_guid(token.from_guid) or next(marks, None)
        if base is None:
            source = f"{token.from_guid:#x}"
            raise Refused(f"cannot resume send: incremental source {source} no longer exists", TOKEN_STATUS)
    part = _part(machine, dataset, snapshot, base, token.flags | Flags.RESUMING)
    volume = Flags.VOLUME if dataset.kind == "volume" else Flags(0)
    return replace(part, to_name=token.to_name, flags=part.flags | volume, first_block=token.block_count)


def _by_guid(machine: Machine, token: Token) -> tuple[Dataset, Snapshot]:
    owner, _, short = token.to_name.partition("@")
    pool = machine.pool(owner)
    for dataset in pool.datasets.values() if pool else ():
        snapshot = dataset.with_guid(token.to_guid)
        if snapshot is not None:
            return dataset, snapshot
    named = machine.find(owner)
    is_replaced = named is not None and named.find(short) is not None
    what = "is no longer the same snapshot " if is_replaced else ""
    fate = "" if is_replaced else " no longer exists"
    raise Refused(f"cannot resume send: '{token.to_name}' {what}used in the initial send{fate}", TOKEN_STATUS)
