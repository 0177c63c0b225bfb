"""Run zfs receive (zfs-receive(8), facts 3): take a stream in pieces of any size, change the dataset, reply."""

from __future__ import annotations

from collections.abc import Sequence

from tests.support.simulator.administration import add_dataset, permission, set_key
from tests.support.simulator.admission import UPGRADE, Admission
from tests.support.simulator.destruction import remove
from tests.support.simulator.machine import ROOT, Machine, Refused, Reply, parse_flags
from tests.support.simulator.streams import BadMagic, Damaged, Decoder, Flags, Kind, Record, token_of
from tests.support.simulator.world import Block, Dataset, SavedReceive, Snapshot

NO_STREAM = "cannot receive: invalid stream (bad magic number)"


class Receiver:
    """One running `zfs receive [-s] [-u] [-F] [-o P=V]… NAME`. `reply` is None until it has ended."""

    def __init__(self, machine: Machine, arguments: Sequence[str]) -> None:
        flags, (self._name,) = parse_flags(arguments, "suFv", "o")
        self._machine = machine
        self._is_saving = "s" in flags
        self._is_forced = "F" in flags
        self._options = dict(option.split("=", 1) for option in flags.get("o", []))
        self._decoder = Decoder()
        self._is_compound = False
        self._part: Admission | None = None
        self._is_skipping = False
        self._saved: SavedReceive | None = None
        self._warnings: list[str] = []
        self.reply: Reply | None = None

    # --- the stream ---

    def feed(self, data: bytes) -> None:
        self._decoder.feed(data)
        while self.reply is None:
            try:
                record = self._decoder.next_record()
                if record is None:
                    return
                self._take(record)
            except BadMagic:
                self._refuse(NO_STREAM)
            except Damaged:
                self._cut()
            except Refused as refused:
                self._refuse(refused.message)

    def end(self) -> None:
        """Handle the end of the stream, complete or not."""
        if self.reply is None:
            self._cut()

    def kill(self) -> None:
        """SIGKILL: the kernel saves what it has; nothing is printed (lab)."""
        if self.reply is None:
            self._refuse("", -9)

    def _take(self, record: Record) -> None:
        if record.kind is Kind.COMPOUND:
            self._is_compound = True
        elif record.kind is Kind.BEGIN:
            self._part = Admission(self._machine, self._name, self._is_forced, self._options, record)
            self._is_skipping = self._part.is_present()
        elif record.kind is Kind.COMPOUND_END:
            self._succeed()
        elif self._is_skipping:
            if record.kind is Kind.END:
                self._end_part()
        elif self._part is None:
            raise Refused(NO_STREAM)
        elif record.kind is Kind.OBJECT:
            self._saved = self._open(self._part, record)
        elif self._saved is None:
            raise Refused(NO_STREAM)
        elif record.kind is Kind.WRITE:
            self._write(self._part, self._saved, record)
        else:
            self._commit(self._part, self._saved)

    def _end_part(self) -> None:
        self._part = None
        self._saved = None
        self._is_skipping = False
        if not self._is_compound:
            self._succeed()

    def _succeed(self) -> None:
        self.reply = Reply(stderr="".join(f"{warning}\n" for warning in self._warnings))

    def _refuse(self, message: str, status: int = 1) -> None:
        """End with an error. What has arrived is kept if -s was given."""
        if self._saved is not None:
            self._saved.is_active = False
            if not self._is_saving:
                self._drop()
        lines = [*self._warnings, *([message] if message else [])]
        self.reply = Reply(stderr="".join(f"{line}\n" for line in lines), status=status)

    def _drop(self) -> None:
        dataset = self._machine.dataset(self._name)
        dataset.saved = None
        if dataset.is_unfinished:
            remove(self._machine, dataset)

    def _cut(self) -> None:
        """The stream ended early or is damaged: the message depends on how far it came (lab)."""
        if self._part is None:
            self._refuse("cannot receive: failed to read from stream")
            return
        what = f"cannot receive {self._part.what}"
        if self._saved is None and self._part.what == "new filesystem stream":
            missing = "" if self._machine.find(self._name) else f"cannot open '{self._name}': dataset does not exist\n"
            self._refuse(f"{missing}{what}: invalid backup stream")
        elif self._saved is None or not self._is_saving:
            self._refuse(f"{what}: incomplete stream")
        else:
            self._refuse(
                f"{what}: checksum mismatch or incomplete stream.\n"
                "Partially received snapshot is saved.\n"
                "A resuming stream can be generated on the sending system by running:\n"
                f"    zfs send -t {token_of(self._saved)}"
            )

    # --- a part has begun ---

    def _open(self, part: Admission, first: Record) -> SavedReceive:
        """Handle the first data record: from now on there is a state to save."""
        begin = part.begin
        existing = self._machine.find(self._name)
        self._check_limits(part, is_new=existing is None)
        part.check_ivset(first)
        if begin.flags & Flags.RESUMING and existing is not None and existing.saved is not None:
            existing.saved.is_active = True
            return existing.saved
        saved = SavedReceive(begin.name, begin.a, begin.b, begin.flags, None, kept=first.b, ivset_guid=first.c)
        if existing is None:
            self._add_unfinished(saved, first.a)
        else:
            # not of the base: the clone is of the newest snapshot, whose data equals the base (lab)
            saved.origin = existing.with_guid(begin.b) if self._is_forced else existing.newest()
            existing.saved = saved
        return saved

    def _check_limits(self, part: Admission, is_new: bool) -> None:
        """The limits of numbers do not apply to root; zfs calls them a space quota (lab)."""
        pool = self._machine.world.pool_of(self._name)
        nouns = ("snapshot", "filesystem") if is_new else ("snapshot",)
        if self._machine.user != ROOT and any(pool.is_at_limit(self._name, noun) for noun in nouns):
            raise part.cannot(f"destination {self._name} space quota exceeded.")

    def _add_unfinished(self, saved: SavedReceive, key: int) -> None:
        kind = "volume" if saved.flags & Flags.VOLUME else "filesystem"
        dataset = add_dataset(self._machine, self._name, kind)
        if key:  # a raw stream creates a new encryption root with its key not loaded (facts 3)
            set_key(dataset, key, is_loaded=False)
        elif self._options.pop("encryption", None):
            set_key(dataset, 0)
        dataset.is_unfinished = True
        dataset.saved = saved
        self._set_options(dataset)

    def _set_options(self, dataset: Dataset) -> None:
        """Without permission to set a property there is only a warning (facts 3; lab: status 0)."""
        for name, value in self._options.items():
            if self._machine.may(self._name, permission(name)):
                dataset.properties[name] = value
            else:
                self._warnings.append(f"cannot receive {name} property on {self._name}: permission denied")
        self._options = {}

    def _write(self, part: Admission, saved: SavedReceive, record: Record) -> None:
        size = len(record.payload)
        pool = self._machine.world.pool_of(self._name)
        if pool.free() < size:
            raise part.cannot("out of space")
        if pool.room_below_quotas(self._name) < size:
            raise part.cannot(f"destination {self._name} space quota exceeded.")
        saved.blocks.append(Block(record.a, size, 0))
        self._machine.world.arrived("a block")

    # --- a part is complete ---

    def _commit(self, part: Admission, saved: SavedReceive) -> None:
        dataset = self._machine.dataset(self._name)
        if not dataset.is_unfinished:
            self._swap_in(part, dataset, saved)
        txg = self._machine.world.pool_of(self._name).next_txg()
        base = saved.origin.blocks[len(saved.origin.blocks) - saved.kept :] if saved.origin else ()
        dataset.blocks = [*base, *(block._replace(birth=txg) for block in saved.blocks)]
        begin = part.begin
        short = begin.name.partition("@")[2]
        snapshot = Snapshot(short, begin.a, txg, begin.c, tuple(dataset.blocks), is_received=True)
        snapshot.ivset_guid = saved.ivset_guid or (self._machine.world.new_guid() if dataset.key else 0)
        dataset.snapshots.append(snapshot)
        dataset.residue = 0
        dataset.saved = None
        dataset.is_unfinished = False
        self._set_options(dataset)
        self._end_part()
        self._machine.world.arrived("a snapshot")

    def _swap_in(self, part: Admission, dataset: Dataset, saved: SavedReceive) -> None:
        """%recv replaces the live data: it must be a clone of the newest snapshot, and nothing may have been written.

        So a snapshot taken on the target meanwhile makes the receive fail at its end, and every resume too (lab).
        """
        if self._is_forced and saved.origin is not None:
            newer = dataset.newer_than(saved.origin.createtxg)
            if any(snapshot.holds for snapshot in newer):
                raise part.cannot("dataset is busy")
            dataset.snapshots = [snapshot for snapshot in dataset.snapshots if snapshot not in newer]
            return
        if dataset.newest() is not saved.origin:
            raise part.cannot(UPGRADE)
        if saved.origin is not None and dataset.is_modified_since(saved.origin):
            raise part.modified()


def abort_receive(machine: Machine, name: str) -> Reply:
    """`zfs receive -A NAME`: discard %recv, or the whole dataset if its first receive is unfinished (facts 3)."""
    dataset = machine.dataset(name, status=2)
    if dataset.saved is None:
        raise Refused(f"'{name}' does not have any resumable receive state to abort")
    part = name if dataset.is_unfinished else f"{name}/%recv"
    if dataset.saved.is_active:
        raise Refused(f"cannot destroy '{part}': dataset is busy")
    machine.require(name, f"cannot destroy '{part}'", "destroy", "mount")
    if dataset.is_unfinished and len(machine.world.pool_of(name).tree(name)) > 1:
        raise Refused(f"cannot destroy '{part}': dataset already exists")  # zfs's message if there are children (lab)
    dataset.saved = None
    if dataset.is_unfinished:
        remove(machine, dataset)
    return Reply()
