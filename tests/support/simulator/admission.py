"""Decide whether `zfs receive` accepts a stream or a part of one, by its first record, before any data (facts 3).

The order of the checks is that of libzfs_sendrecv.c and dmu_recv.c as seen from outside; the lab printed each text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.support.simulator.machine import Machine, Refused
from tests.support.simulator.streams import Flags, Record
from tests.support.simulator.world import Dataset

UPGRADE = "kernel modules must be upgraded to receive this stream."
"""zfs's text for any EINVAL: a stale resume position, a snapshot taken on the target meanwhile (lab)."""

PARTIAL = 'contains partially-complete state from "zfs receive -s".'


@dataclass(frozen=True, slots=True)
class Admission:
    """One part of a stream, before a target accepts it."""

    machine: Machine
    name: str
    is_forced: bool
    options: Mapping[str, str]
    begin: Record

    @property
    def what(self) -> str:
        if self.begin.flags & Flags.RESUMING:
            return "resume stream"
        return "incremental stream" if self.begin.b else "new filesystem stream"

    def cannot(self, message: str) -> Refused:
        return Refused(f"cannot receive {self.what}: {message}")

    def is_present(self) -> bool:
        """Whether the target already has the snapshot, so that its part is skipped. Raises: Refused."""
        existing = self.machine.find(self.name)
        if self.begin.flags & Flags.VOLUME and "canmount" in self.options:
            raise self.cannot("property 'canmount' does not apply to datasets of this type")
        self._check_encryption_option()
        if self.begin.flags & Flags.RESUMING:
            self._check_resumed(existing)
        elif not self.begin.b:
            self._check_full(existing)
        elif existing is None:
            raise self.cannot(f"destination '{self.name}' does not exist")
        elif self._is_present(existing):
            return True
        else:
            self._check_incremental(existing)
        # an incremental stream needs all three too, since %recv is created (lab)
        self.machine.require(self.name, f"cannot receive {self.what}", "receive", "create", "mount")
        return False

    def _check_encryption_option(self) -> None:
        """`-o encryption=off` is for what a plain stream creates (facts 3)."""
        if "encryption" not in self.options:
            return
        refused = self.cannot("encryption property 'encryption' cannot be set")
        if self.begin.flags & Flags.RAW:
            raise Refused(f"{refused.message} or excluded for raw streams.")
        if self.begin.b or self.begin.flags & Flags.RESUMING:
            raise Refused(f"{refused.message} for incremental streams.")

    def _check_resumed(self, existing: Dataset | None) -> None:
        """With -t: a saved state must exist, at the exact position where the stream continues."""
        begin = self.begin
        if existing is None:
            raise self.cannot(f"destination '{self.name}' does not exist")
        if not begin.b and not existing.is_unfinished and not self.is_forced:
            raise self.cannot(f"Resuming recv on existing destination '{self.name}'\nmust specify -F to overwrite it")
        saved = existing.saved
        if saved is not None and saved.is_active:
            raise self.cannot(f"destination {self.name} {PARTIAL}")
        place = int.from_bytes(begin.payload, "little")
        if saved is None or (saved.to_guid, saved.from_guid, len(saved.blocks)) != (begin.a, begin.b, place):
            raise self.cannot(UPGRADE)

    def _check_full(self, existing: Dataset | None) -> None:
        """The target must not exist; or, with -F, have no snapshots (facts 10)."""
        is_raw = bool(self.begin.flags & Flags.RAW)
        if existing is None:
            self._check_parent(is_raw)
            return
        if not self.is_forced:
            raise self.cannot(f"destination '{self.name}' exists\nmust specify -F to overwrite it")
        if existing.snapshots:
            first = f"{self.name}@{existing.snapshots[0].name}"
            raise self.cannot(f"destination has snapshots (eg. {first})\nmust destroy them to overwrite it")
        if existing.saved:
            raise self.cannot(f"destination {self.name} {PARTIAL}")
        self._check_parent(is_raw)
        if is_raw or existing.key:
            raise self.cannot(
                "zfs receive -F cannot be used to destroy an encrypted filesystem or overwrite an unencrypted one with"
                " an encrypted one"
            )

    def _check_parent(self, is_raw: bool) -> None:
        parent = self.name.rpartition("/")[0]
        above = self.machine.find(parent)
        if above is None:
            failure = self.cannot("unable to restore to destination")
            raise Refused(f"cannot open '{parent}': dataset does not exist\n{failure.message}")
        if above.key and not above.is_key_loaded and not is_raw and "encryption" not in self.options:
            raise self.cannot("inherited key must be loaded")

    def _is_present(self, existing: Dataset) -> bool:
        """Whether a snapshot with the same name and guid exists; its part is then read and ignored (facts 3)."""
        if existing.saved is not None:
            raise self.cannot(f"destination {self.name} {PARTIAL}")
        short = self.begin.name.partition("@")[2]
        if existing.find(short) is None:
            return False
        if existing.with_guid(self.begin.a) is None:
            raise Refused(f"cannot restore to {self.name}@{short}: destination already exists")
        return True

    def _check_incremental(self, existing: Dataset) -> None:
        """The base may be any snapshot of the target, if no data was changed since; of a raw stream, only the newest
        (facts 3)."""
        is_raw = bool(self.begin.flags & Flags.RAW)
        base = existing.with_guid(self.begin.b)
        if base is None:
            raise self.cannot(f"most recent snapshot of {self.name} does not\nmatch incremental source")
        if is_raw and not existing.key:
            raise self.cannot("cannot perform raw receive on top of existing unencrypted dataset")
        if existing.key and not is_raw and not existing.is_key_loaded:
            raise self.cannot("inherited key must be loaded")
        is_blocked = is_raw and existing.newest() is not base
        if not self.is_forced and (is_blocked or existing.is_modified_since(base)):
            raise self.modified()

    def check_ivset(self, first: Record) -> None:
        """A raw increment fits what was encrypted with the same key and IVs as its base. Raises: Refused."""
        existing = self.machine.find(self.name)
        base = existing.with_guid(self.begin.b) if existing and self.begin.b else None
        from_ivset_guid = int.from_bytes(first.payload, "little")
        if base and from_ivset_guid and base.ivset_guid not in (0, from_ivset_guid):
            raise self.cannot(
                "IV set guid mismatch. See the 'zfs receive' man page section\n discussing the limitations of raw"
                " encrypted send streams."
            )

    def modified(self) -> Refused:
        return self.cannot(f"destination {self.name} has been modified\nsince most recent snapshot")
