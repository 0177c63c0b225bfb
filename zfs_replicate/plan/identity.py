"""Tell mirrors with the same tag apart on their source. (Pair, tag, identity) → how this one holds there. Pure.

A crontab line copied to a second machine, or two disks in turn, make two mirrors with one tag. A hold has no owner, so
the first mirror has the plain tag for itself, and each later one adds its identity to it. What shows whose a plain hold
is: our hold TAG:target on our copy of that snapshot, the claim placed before the first one, or our own bookmark. What
nothing shows to be ours is never released.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from zfs_replicate.errors import PoolMissing
from zfs_replicate.model import SECONDS_PER_DAY, TARGET_SUFFIX, UNKNOWN_HOLD, Dataset, Snapshot, Survey
from zfs_replicate.plan.owners import owners
from zfs_replicate.plan.pair import Pair
from zfs_replicate.plans import Sharing
from zfs_replicate.zfs import marks

GRACE_DAYS = 35
"""So long a hold of an older version stays for a mirror that runs rarely, such as the other one of two disks."""


def identity(pool_guid: int, source: str, target: str) -> str:
    """Given the guid of the target's pool and both datasets, return the mirror's identity on the source.

    It is known before the target exists, and is the same for all datasets below: what both names have in common at the
    end is left out. It survives another name of the pool. `tank/d` to `off/a/d`, and `tank/d/x` to `off/a/d/x`: the
    pool, and `a`.
    """
    above_source, above_target = source.split("/"), target.split("/")
    while len(above_source) > 1 and len(above_target) > 1 and above_source[-1] == above_target[-1]:
        above_source.pop()
        above_target.pop()
    place = f"{len(above_source)} {'/'.join(above_target[1:])}"
    mirror = f"{pool_guid & 0xFFFFFFFF:08x}-{hashlib.sha256(place.encode()).hexdigest()[:4]}"
    return f"f{mirror[1:]}" if marks.is_date(mirror) else mirror


def mirror_of(survey: Survey) -> str:
    """Given both sides, return the mirror's identity on the source; empty if the target's pool does not exist."""
    capabilities = survey.target_capabilities
    if isinstance(capabilities, PoolMissing):
        return ""
    return identity(capabilities.pool_guid, survey.source.root, survey.target.root)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a mirror stands on one source dataset.

    `plain`: the tag as the user gave it. `tag`: what the mirror holds with. `claim`: the tag of its claim. `is_apart`:
    it uses a tag of its own, since the plain one belongs, or may belong, to another mirror. `since`: the createtxg from
    which plain holds are its own, None: there are none yet. `sharing` None: it seems to be alone. `undecided`: guids of
    the snapshots whose plain hold an older version placed, so that it may serve another mirror, too. `unread`: guids of
    the held snapshots whose tags are not known, as they got another name meanwhile: until they are, all that may show
    whose those are stays. `signed`: the createtxg from which our bookmark or claim shows on the source that plain holds
    are ours, None: nothing does.
    """

    plain: str
    tag: str
    claim: str
    is_apart: bool = False
    since: int | None = None
    sharing: Sharing | None = None
    undecided: frozenset[int] = frozenset()
    unread: frozenset[int] = frozenset()
    signed: int | None = None

    def needs_claim(self, snapshot: Snapshot) -> bool:
        """Whether a first plain hold on a snapshot needs a claim, so that others see whose it is."""
        is_signed = self.signed is not None and snapshot.createtxg >= self.signed
        return not (self.is_apart or self.is_since(snapshot) or is_signed)

    def is_own(self, snapshot: Snapshot) -> bool:
        """Whether a snapshot has a plain hold of ours."""
        return self.tag in snapshot.holds and self.is_since(snapshot)

    def is_since(self, snapshot: Snapshot) -> bool:
        """Whether a plain hold on a snapshot, if there is one, is shown to be ours."""
        return self.since is not None and snapshot.createtxg >= self.since

    def is_released(self, snapshot: Snapshot) -> bool:
        """Whether a hold with `tag` on this older snapshot is ours to release."""
        return (self.is_apart or self.is_since(snapshot)) and snapshot.guid not in self.undecided


def standing_of(pair: Pair, tag: str, mirror: str, now: int = 0) -> Standing:
    """Given a dataset as both sides have it, return how the mirror stands there.

    Nothing on the source: the plain tag. A plain hold on `a`, TAG:target on our copy of `a`: it and all later ones are
    ours. A plain hold on `a` alone, or another mirror's bookmark: a tag of our own. `now` (Unix seconds) decides what
    is old enough to be released. While a hold was not read, it may be anything: without proof, it is another's.
    """
    source = pair.source
    beside, claim = marks.tag_beside(tag, mirror), marks.claim_tag(tag, mirror)
    shown = owners(source, tag)
    others, rivals = tuple(sorted(shown.all - {mirror})), shown.plain.keys() - {mirror}
    plain = [snapshot for snapshot in source.snapshots if tag in snapshot.holds]
    unread = [snapshot for snapshot in source.snapshots if UNKNOWN_HOLD in snapshot.holds]
    proven = _proven(pair, tag, [*plain, *unread], mirror)
    since = min((snapshot.createtxg for snapshot in proven), default=None)
    unread_guids = frozenset(snapshot.guid for snapshot in unread)
    has_own_tag = any(beside in snapshot.holds for snapshot in source.snapshots)
    is_base_held = any(since is None or snapshot.createtxg < since for snapshot in plain if snapshot == pair.base)
    has_rivals = bool(rivals) and (since is None or not unread)  # what was not read may be the tag of one beside us
    if has_own_tag or has_rivals or is_base_held or ((plain or unread) and since is None):
        is_unknown = any(map(shown.is_unexplained, plain))
        apart = Sharing(mirror, others, is_apart=True, is_joining=not has_own_tag, is_unknown=is_unknown)
        sharing = apart if others or plain else None
        return Standing(tag, beside, claim, is_apart=True, sharing=sharing, unread=unread_guids)
    sharing = Sharing(mirror, others) if others else None
    undecided = _undecided(source, tag, mirror, now)
    signed = shown.plain.get(mirror)
    return Standing(tag, tag, claim, False, since, sharing, undecided, unread_guids, signed)


def _proven(pair: Pair, tag: str, plain: Sequence[Snapshot], mirror: str) -> list[Snapshot]:
    """Given the snapshots with a plain hold, also those that may have one, return those that show which ones are ours.

    With a bookmark of ours anywhere, TAG:target on a copy shows it even if the plain hold there was lost; and if the
    whole copy was lost, the bookmark itself does.
    """
    copies = pair.target.snapshots if pair.target else ()
    here = {copy.guid for copy in copies if f"{tag}{TARGET_SUFFIX}" in copy.holds}
    marked = {mark.guid for mark in pair.source.bookmarks if marks.bookmarking_mirror(tag, mark.name) == mirror}
    claim = marks.claim_tag(tag, mirror)
    candidates = pair.source.snapshots if marked else plain
    proven = [s for s in candidates if s.guid in here] + [s for s in pair.source.snapshots if claim in s.holds]
    return proven or [snapshot for snapshot in plain if snapshot.guid in marked]


def _undecided(source: Dataset, tag: str, mirror: str, now: int) -> frozenset[int]:
    """Return the guids that a bookmark of an older version stands for, until there is one of this mirror, and they are
    GRACE_DAYS old."""
    has_own = any(marks.bookmarking_mirror(tag, mark.name) == mirror for mark in source.bookmarks)
    unmarked = (mark for mark in source.bookmarks if marks.is_unmarked(tag, mark.name))
    oldest = now - GRACE_DAYS * SECONDS_PER_DAY
    return frozenset(mark.guid for mark in unmarked if not has_own or mark.creation > oldest)
