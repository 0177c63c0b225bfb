"""Collect from the source every message that the program can print about a problem, with … for each variable part.

A message is the text of an error, a conflict, a known zfs message, a warning in the log, a bad value on the command
line or in a job file, a problem in the status, or a note. Functions that build such texts elsewhere are named here.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import zfs_replicate
from zfs_replicate import errors

PACKAGE = Path(zfs_replicate.__file__).parent
VARIES = "…"

ERROR_CLASSES = {
    name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)
}
TEXT_ARGUMENT = {
    **dict.fromkeys(ERROR_CLASSES, 0),
    "Conflict": 0,
    "ClockDoubt": 0,
    "Limit": 0,
    "BadValue": 2,
    "ValueProblem": 0,
    "_complain": 2,
    "_known": 2,
    "_add_problem": 2,
    "Problem": 1,
    "print_plainly": 0,
    "log_problem": 0,
}
"""The position of the text among the arguments of a call."""

LOG_LEVELS = ("warning", "error", "critical")
RETURNED = re.compile(r"\w*_problem|resumable|_stale_reason")
"""Functions that return a message, or the core of one."""

WHOLE = {"hold_notes", "_notes", "_left_out_notes", "pool_warnings"}
"""Functions in which every text is a message."""


def templates() -> dict[str, str]:
    """Return all messages, each with its module."""
    texts = ((text, path.stem) for path in sorted(PACKAGE.rglob("*.py")) for text in _of_module(path))
    return {text: module for text, module in texts if re.search(r"[a-z]{2}", text)}


def heading(template: str) -> str:
    """Return the heading of a message in the documentation: its first part, up to the remedy."""
    short = next(part for part in re.split(r"; | \(|(?<=[.…])\. (?=[A-Z])", template) if part.strip("… :"))
    return re.sub(r"…( ?…)+", VARIES, re.sub(r"\s+", " ", short)).strip(" :,.")


def _of_module(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from _of_call(node)
        elif isinstance(node, ast.FunctionDef) and (RETURNED.fullmatch(node.name) or node.name in WHOLE):
            for child in ast.walk(node):
                if isinstance(child, ast.Return) and child.value is not None:
                    yield from texts_of(child.value)
                elif isinstance(child, ast.JoinedStr) and node.name in WHOLE:
                    yield from texts_of(child)
        elif isinstance(node, ast.Dict) and path.stem == "arguments":
            for value in node.values:  # _EXPECTED: the message for a line that matches no usage pattern
                yield from texts_of(value)


def _of_call(node: ast.Call) -> Iterator[str]:
    name = getattr(node.func, "id", getattr(node.func, "attr", ""))
    if name in TEXT_ARGUMENT and len(node.args) > TEXT_ARGUMENT[name]:
        yield from texts_of(node.args[TEXT_ARGUMENT[name]])
    for keyword in node.keywords:
        if keyword.arg == "notes":
            yield from texts_of(keyword.value)
    owner = getattr(getattr(node.func, "value", None), "id", "")
    if owner == "log" and name in LOG_LEVELS and node.args:
        yield from (re.sub(r"%[sd]", VARIES, text) for text in texts_of(node.args[0]))


def texts_of(node: ast.expr) -> Iterator[str]:
    """Yield the texts that an expression can be; none for a name or a call, whose text is elsewhere."""
    match node:
        case ast.Constant(value=str(text)):
            if text:
                yield text
        case ast.JoinedStr(values=parts):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else VARIES for part in parts)
        case ast.IfExp(body=one, orelse=other):
            yield from texts_of(one)
            yield from texts_of(other)
        case ast.Tuple(elts=parts):
            for part in parts:
                yield from texts_of(part)
