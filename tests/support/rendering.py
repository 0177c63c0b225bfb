"""Write a plan as one line of text. rendered(DatasetPlan) → str.

A plan is rendered step by step. Names within the planned dataset are short, all others are whole.

    send c as new               a full stream that creates the dataset; `onto placeholder`: with -F; `kept plain`: not
                                encrypted by the dataset above
    send a..b, send a..c (2)    -i from a, -I from a with two snapshots arriving; `send #a..b` from a bookmark
    hold, release               on the source;  hold-target, release-target: on the target
    hold-own, release-own       on the source, with the tag beside the plain one
    claim, release-claim        on the source; only with `is_whole`
    rollback a -x -y            back to a; x and y are lost
    bookmark c as #c -#b        on the source; the bookmark #b is destroyed
    make room a b -b            early: release b, destroy a and b
    take place x +y -y -.       the copy beside takes the place: x moves, y is made there, y and the placeholder go
    abort, resume b, create, create placeholder, clear placeholder, verify b, expire a b
    conflict                    first, if there is one;  nothing: nothing is to be done
"""

from __future__ import annotations

from zfs_replicate.plans import DatasetPlan
from zfs_replicate.steps import (
    AbortReceive,
    BookmarkSource,
    ClearPlaceholder,
    CreateParent,
    DestroyPlaceholder,
    Expire,
    Hold,
    MakeRoom,
    MoveDataset,
    Release,
    RenameSnapshots,
    Resume,
    Rollback,
    Send,
    Side,
    Step,
    TakePlace,
    Verify,
)


def rendered(plan: DatasetPlan, is_whole: bool = False) -> str:
    """Return the steps as text; without `is_whole`, those of the claim, which each first run has, are left out."""
    shown = [step for step in plan.steps if is_whole or not _is_claim(step)]
    texts = [*(["conflict"] if plan.conflict is not None else []), *(_step(plan, step) for step in shown)]
    return "; ".join(texts) or "nothing"


def _is_claim(step: Step) -> bool:
    is_only_claim = isinstance(step, BookmarkSource) and not (step.bookmark or step.obsolete)
    return is_only_claim or (isinstance(step, Hold | Release) and step.is_claim)


def _step(plan: DatasetPlan, step: Step) -> str:
    match step:
        case Send() | Resume():
            return _stream(plan, step)
        case Hold(side, _tag, snapshots) | Release(side, _tag, snapshots):
            verb = "hold" if isinstance(step, Hold) else "release"
            if side is Side.SOURCE:
                return _many(_verb_at_source(verb, step), plan.source, snapshots)
            return _many(f"{verb}-target", plan.target, snapshots)
        case Verify(snapshot, _guid):
            return _many("verify", plan.target, (snapshot,))
        case Rollback(target=_where, snapshot=snapshot):
            gone = (*step.lost, *step.bookmarks)
            return _many("rollback", plan.target, (snapshot, *(f"-{_short(name, plan.target)}" for name in gone)))
        case BookmarkSource() | RenameSnapshots():
            return _bookmark(plan, step) if isinstance(step, BookmarkSource) else _renames(step)
        case Expire() | MakeRoom():
            return _expiry(plan, step)
        case CreateParent(_target, is_placeholder, is_kept_plain):
            text = "create placeholder" if is_placeholder else "create"
            return _at(text + (" kept plain" if is_kept_plain else ""), plan, step.target)
        case AbortReceive() | ClearPlaceholder() | TakePlace():
            return _small(plan, step)


def _verb_at_source(verb: str, step: Hold | Release) -> str:
    if step.is_claim:
        return "claim" if verb == "hold" else "release-claim"
    return f"{verb}-own" if "." in step.tag else verb


def _small(plan: DatasetPlan, step: AbortReceive | ClearPlaceholder | TakePlace) -> str:
    if isinstance(step, TakePlace):
        return _place(step)
    return _at("abort" if isinstance(step, AbortReceive) else "clear placeholder", plan, step.target)


def _place(step: TakePlace) -> str:
    words = []
    for act in step.acts:
        match act:
            case MoveDataset(old):
                words.append(old.removeprefix(f"{step.target}/"))
            case CreateParent(name):
                words.append(f"+{name.removeprefix(f'{step.copy}/')}")
            case DestroyPlaceholder(name):
                words.append(f"-{name.removeprefix(step.target).removeprefix('/') or '.'}")
    return " ".join(["take place", *words])


def _expiry(plan: DatasetPlan, step: Expire | MakeRoom) -> str:
    names = " ".join(snapshot.name for snapshot in step.snapshots)
    if isinstance(step, Expire):
        return _at(f"expire {names}", plan, step.target)
    released = [f"-{_short(name, plan.target)}" for name in (step.release.snapshots if step.release else ())]
    return _at(" ".join(["make room", names, *released]), plan, step.target)


def _stream(plan: DatasetPlan, step: Send | Resume) -> str:
    tip = _short(step.snapshot, plan.source)
    if isinstance(step, Resume):
        text = f"resume {tip}"
        count = ""
    else:
        text = f"send {tip}" if step.base is None else f"send {_short(step.base, plan.source)}..{tip}"
        text += " raw" if step.is_raw else ""
        count = f" ({step.snapshot_count})" if step.snapshot_count > 1 else ""
    text += " as new" if step.receiving.is_first else ""
    text += " onto placeholder" if step.receiving.onto_placeholder else ""
    text += " kept plain" if step.receiving.is_kept_plain else ""
    return _at(text + count, plan, step.receiving.target)


def _renames(step: RenameSnapshots) -> str:
    return " ".join(["rename", *(f"{rename.old}>{rename.new}" for rename in step.renames)])


def _bookmark(plan: DatasetPlan, step: BookmarkSource) -> str:
    if not (step.bookmark or step.obsolete):
        return _many("claim", plan.source, (step.snapshot,))
    words = [] if step.bookmark is None else [_short(step.bookmark, plan.source)]
    words += [f"-{_short(name, plan.source)}" for name in step.obsolete]
    return f"bookmark {_short(step.snapshot, plan.source)} as {' '.join(words)}"


def _many(verb: str, dataset: str, names: tuple[str, ...]) -> str:
    return " ".join([verb, *(_short(name, dataset) for name in names)])


def _at(text: str, plan: DatasetPlan, where: str) -> str:
    return text if where == plan.target else f"{text} at {where}"


def _short(name: str, dataset: str) -> str:
    if name.startswith(f"{dataset}@"):
        return name.removeprefix(f"{dataset}@")
    return name.removeprefix(dataset) if name.startswith(f"{dataset}#") else name
