"""List the commands that the program prints as advice, and find the lab tests that run them as printed.

A command stands after a colon, is complete, and ends before `; `, `, ` or ` (`: `…; move it aside: zfs rename a b, or`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.support import TOP
from tests.support.catalog import PACKAGE, texts_of

PROGRAMS = (
    *("zfs", "zpool", "zfs_replicate", "ssh", "ssh-copy-id", "ssh-keygen", "ssh-keyscan", "cat", "mount", "date"),
    *("apt", "chmod", "make", "pipx"),
)
COMMAND = re.compile(rf"(?<=: )(?:{'|'.join(PROGRAMS)}) .*?(?=; |, | \(|$)")
QUOTED = re.compile(rf"'(?:{'|'.join(PROGRAMS)}) [^']*'")
"""A command in quotes within a sentence is likely to be incomplete, and pastes badly with a name in quotes."""


def printed_commands(pattern: re.Pattern[str] = COMMAND) -> set[tuple[str, str]]:
    """Return (module, command) for the commands in all texts of the program, with … for each variable part."""
    modules = {path: path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py")}
    return {
        (module, match.group(0))
        for path, module in modules.items()
        for text in _texts(ast.parse(path.read_text()))
        for match in pattern.finditer(text)
    }


def _texts(tree: ast.Module) -> Iterator[str]:
    """Yield all whole texts but docstrings; the words of a command in a tuple, which is quoted later, as one text."""
    left_out = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    left_out |= {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.Tuple) and node.elts and getattr(node.elts[0], "value", "") == "zfs_replicate":
            words = (getattr(word, "value", "") for word in node.elts)
            yield f": {' '.join(word for word in words if isinstance(word, str))}"
        if isinstance(node, ast.Constant | ast.JoinedStr) and id(node) not in left_out:
            yield from (re.sub(r"\{\w+\}", "…", text) for text in texts_of(node))


def pasting_tests() -> dict[str, set[str]]:
    """Return the beginnings of the commands that each lab test runs as printed, by `file::test`."""
    return {
        f"{path.name}::{node.name}": set(_pasted(node))
        for path in (TOP / "tests" / "lab").glob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def _pasted(test: ast.FunctionDef) -> Iterator[str]:
    for node in ast.walk(test):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("paste", "look"):
            for text in texts_of(node.args[1]):
                yield text.partition("…")[0].strip()
