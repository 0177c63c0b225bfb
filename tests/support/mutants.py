"""List careless changes of the program, which the fast tests must notice. (text of a file, Mutant) → changed text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """A careless change: `before` becomes `after` in `file`."""

    name: str
    file: str
    before: str
    after: str


EXECUTOR, PROTECTION = "zfs_replicate/run/executor.py", "zfs_replicate/plan/protection.py"
ARRIVALS = "zfs_replicate/run/arrivals.py"
SOURCE_HOLDS, IDENTITY = "zfs_replicate/plan/source_holds.py", "zfs_replicate/plan/identity.py"
BOOKMARKS, TAGGING = "zfs_replicate/plan/bookmarks.py", "zfs_replicate/run/tagging.py"
RETIRING = "zfs_replicate/plan/retiring.py"
EXPIRY, LEDGER = "zfs_replicate/run/expiry.py", "zfs_replicate/run/ledger.py"
HOLD = "        self._tag(Hold, Side.SOURCE)\n"
RELEASE = "        self._tag(Release, Side.SOURCE)\n"
STREAMS = "        with afterwards(self._hold_arrivals):\n            self._stream()\n"
VERIFY = "            self._verify()\n"
HOLD_HERE = "            self._tag(Hold, Side.TARGET)\n"
EXPIRE = "        self._expire()\n"

MUTANTS = (
    Mutant("release before the streams", EXECUTOR, STREAMS, RELEASE + STREAMS),
    Mutant("hold after the streams", EXECUTOR, STREAMS, STREAMS + "    " + HOLD),
    Mutant(
        "leave without a hold what arrived of a cut stream",
        EXECUTOR,
        STREAMS,
        "        if self:\n            self._stream()\n",
    ),
    Mutant("repair the hold on the target after the streams", EXECUTOR, "        self._repair_holds()\n", ""),
    Mutant(
        "hold what arrived only after an error",
        ARRIVALS,
        "    except Interrupted:\n",
        "    except ZeroDivisionError:\n",
    ),
    Mutant("expire before verifying", EXECUTOR, VERIFY, "    " + EXPIRE + VERIFY),
    Mutant("never verify", EXECUTOR, VERIFY, ""),
    Mutant("let a signal keep the tip from its hold", EXECUTOR, HOLD_HERE, HOLD_HERE[4:]),
    Mutant(
        "continue with a dataset that failed",
        LEDGER,
        "            if outcome.error is None or isinstance(outcome.error, ConflictFound)\n",
        "",
    ),
    Mutant("leave a conflict without holds", LEDGER, " or isinstance(outcome.error, ConflictFound)", ""),
    Mutant("release also the newest hold", SOURCE_HOLDS, "snapshot.createtxg < newest.createtxg", "True"),
    Mutant(
        "release what the target does not know", SOURCE_HOLDS, "(snapshot.guid in known or standing.is_apart)", "True"
    ),
    Mutant(
        "take every plain hold for that of this mirror",
        IDENTITY,
        "return proven or [snapshot for snapshot in plain if snapshot.guid in marked]",
        "return plain",
    ),
    Mutant("see no bookmark of another mirror", IDENTITY, "shown.plain.keys() - {mirror}", "frozenset[str]()"),
    Mutant(
        "take the tag that another mirror has just placed",
        SOURCE_HOLDS,
        "is_first = bool(holds.claim)",
        "is_first = False",
    ),
    Mutant(
        "show nobody where no bookmark can be made",
        BOOKMARKS,
        "None if own or standing.is_apart else standing.claim",
        "None",
    ),
    Mutant("release the claim that stands for a bookmark", TAGGING, " if name not in needed", ""),
    Mutant("release with the plain tag what another mirror holds", RETIRING, " and shown.is_unexplained(snapshot)", ""),
    Mutant(
        "release with a mirror's own tag all plain holds", RETIRING, " and shown.owner_of(snapshot) == self.named", ""
    ),
    Mutant(
        "hold for the first time without a claim",
        SOURCE_HOLDS,
        "snapshot for snapshot in hold[:1]",
        "snapshot for snapshot in ()",
    ),
    Mutant("release what an older version held for two", IDENTITY, " and snapshot.guid not in self.undecided", ""),
    Mutant("hold only the tip", PROTECTION, "(route.base, *route.waypoints, *anchor)", "anchor"),
    Mutant(
        "forget the hold of a first copy that failed",
        "zfs_replicate/plan/route.py",
        "standing.is_own(verdict.snapshot) or ",
        "",
    ),
    Mutant("expire the newest common snapshot", PROTECTION, "protected, context.now", "{}, context.now"),
    Mutant("expire what others hold", "zfs_replicate/plan/retention.py", "    if snapshot.holds:", "    if False:"),
    Mutant(
        "common by name, not by guid",
        "zfs_replicate/plan/pair.py",
        "entry.guid in present]\n        bookmarks",
        "entry.name in {s.name for s in target.snapshots if target}]\n        bookmarks",
    ),
    Mutant(
        "send onto the target's own data",
        "zfs_replicate/plan/conflicts.py",
        "not target.is_placeholder and",
        "False and",
    ),
    Mutant(
        "take the mark for proof of emptiness",
        "zfs_replicate/plan/conflicts.py",
        "target.is_placeholder and not is_unused(target)",
        "False",
    ),
    Mutant(
        "destroy a placeholder without weighing it again",
        "zfs_replicate/run/places.py",
        "if not is_untouched(",
        "if False and not is_untouched(",
    ),
    Mutant(
        "take anything beside a placeholder for its copy",
        "zfs_replicate/plan/beside.py",
        "not present.isdisjoint([s.guid for s in source.snapshots] + [mark.guid for mark in source.bookmarks])",
        "bool(present)",
    ),
    Mutant(
        "replace what holds data by the copy beside it",
        "zfs_replicate/plan/pair.py",
        "if copy is None or not is_in_the_place_of(here, source):",
        "if copy is None:",
    ),
    Mutant(
        "begin what is below a conflict",
        "zfs_replicate/plan/planner.py",
        "above is not None and not is_begun",
        "above is None",
    ),
    Mutant(
        "stream below a parent that failed",
        "zfs_replicate/run/lanes.py",
        "not is_begun and names.is_within",
        "False and names.is_within",
    ),
    Mutant(
        "begin before the parent is created",
        "zfs_replicate/run/lanes.py",
        "if self._uncreated.intersection",
        "if set().intersection",
    ),
    Mutant(
        "take a killed hold for done",
        "zfs_replicate/zfs/refusals.py",
        "if general or ended.is_killed or",
        "if general or",
    ),
    Mutant(
        "expire only the first batch",
        EXPIRY,
        "    return _joined(errors)\n",
        "        break\n    return _joined(errors)\n",
    ),
    Mutant("let one busy snapshot keep the others", EXPIRY, "queue += [rest] if rest else []", "pass"),
    Mutant(
        "fail on what has vanished",
        "zfs_replicate/run/holds.py",
        "        failures = _without_vanished(failures)\n    refused",
        "        pass\n    refused",
    ),
    Mutant(
        "destroy the old bookmark without a new one",
        "zfs_replicate/run/holds.py",
        "if step.bookmark not in failed], True",
        "], True",
    ),
    Mutant("take part of a mark for the stream", "zfs_replicate/hosts/bundled.py", " - len(self._mark) + 1", ""),
    Mutant("leave other streams running after an error", EXECUTOR, "self._cancellation.fire)", "lambda: None)"),
    Mutant("never cancel the other lanes", "zfs_replicate/run/lanes.py", "        cancel()\n", ""),
    Mutant(
        "watch the receiver after the last byte",
        "zfs_replicate/run/transfer.py",
        "            watch.stop()\n",
        "",
    ),
    Mutant("end a stream that is over", "zfs_replicate/run/transfer.py", "if not self._over.is_set():", "if True:"),
    Mutant("retry without a pause", "zfs_replicate/actions/mirror.py", "            time.sleep(pause)\n", ""),
    Mutant("never lengthen the pause", "zfs_replicate/actions/mirror.py", "            pause *= PAUSE_GROWTH\n", ""),
)


def broken(text: str, mutant: Mutant) -> str:
    """Given the text of the mutant's file, return it changed; a line that moves is removed from its old place.

    Raises: ValueError if the mutant does not apply, because the file has changed since.
    """
    if mutant.before not in text:
        raise ValueError(f"mutant {mutant.name!r} no longer applies to {mutant.file}")
    changed = text
    for line in (HOLD, RELEASE, EXPIRE):
        if line in mutant.after and line not in mutant.before:
            changed = changed.replace(line, "")
    return changed.replace(mutant.before, mutant.after)
