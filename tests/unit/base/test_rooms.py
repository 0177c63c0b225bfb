"""Imports only go downwards; pure rooms have no side effects; only the SSH modules import paramiko."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import zfs_replicate
from tests.support import TOP

PACKAGE = Path(zfs_replicate.__file__).parent

BASE = "base"
"""The modules outside all folders: the values that every room may use."""

ROOMS = {
    BASE: (),
    "zfs": (BASE,),
    "plan": (BASE, "zfs"),
    "hosts": (BASE, "zfs"),
    "run": (BASE, "zfs", "hosts"),
    "report": (BASE, "plan"),
    "output": (BASE, "report"),
    "actions": (BASE, "zfs", "plan", "hosts", "run", "report", "output"),
    "cli": (BASE, "zfs", "output", "actions"),
}
"""Each room, and the rooms that it may import."""

PURE_ROOMS = ("zfs", "plan", "report")
PURE_BASE = ("errors", "model", "steps", "plans", "config", "observer", "printable", "units")
ENTRY = "__main__"


IMPURE = {
    *("os", "io", "sys", "time", "random", "secrets", "logging", "pathlib", "shutil", "tempfile", "glob", "fcntl"),
    *(
        "subprocess",
        "signal",
        "socket",
        "ssl",
        "http",
        "urllib",
        "threading",
        "multiprocessing",
        "concurrent",
        "asyncio",
    ),
    *("paramiko", "docopt", "getpass", "contextvars", "zoneinfo", "locale"),
}


def modules() -> list[str]:
    """Return all modules by their names below the package; a package has the name of its folder."""
    paths = (path.relative_to(PACKAGE).with_suffix("") for path in sorted(PACKAGE.rglob("*.py")))
    return [".".join(path.parts).removesuffix("__init__").removesuffix(".") for path in paths]


def path_of(module: str) -> Path:
    plain = PACKAGE.joinpath(*module.split(".")).with_suffix(".py") if module else PACKAGE / "__init__.py"
    return plain if plain.exists() else PACKAGE.joinpath(*module.split("."), "__init__.py")


@cache
def imported(module: str) -> frozenset[str]:
    """Return the full names that a module imports, anywhere in it."""
    return frozenset(_imported(ast.parse(path_of(module).read_text())))


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "write imports from the top"
            assert node.module is not None
            for alias in node.names:
                yield f"{node.module}.{alias.name}"


def own_imports(module: str) -> set[str]:
    """Return the modules of this package that a module imports, by their names below it."""
    known = set(modules())
    own: set[str] = set()
    for name in imported(module):
        top, _, rest = name.partition(".")
        if top == "zfs_replicate":
            own.add(rest if rest in known else rest.rpartition(".")[0])
    return own


def outside_imports(module: str) -> set[str]:
    return {name.partition(".")[0] for name in imported(module)} - {"zfs_replicate"}


def room_of(module: str) -> str:
    return module.partition(".")[0] if "." in module or module in ROOMS else BASE


def room_modules() -> list[str]:
    return [module for module in modules() if module not in ("", ENTRY)]


PURE = [module for module in room_modules() if room_of(module) in PURE_ROOMS or module in PURE_BASE]


def test_every_folder_is_a_room() -> None:
    assert {room_of(module) for module in room_modules()} == set(ROOMS)


def test_the_design_page_shows_the_same_rooms() -> None:
    text = (TOP / "docs" / "design.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \|[^|\n]*\|([^|\n]*)\| ([^|\n]*) \|$", text, re.MULTILINE)
    allowed = {room: tuple(words.split(", ")) if words != "nothing" else () for room, _modules, words in rows}
    assert allowed == ROOMS
    shown = {room: set(re.findall(r"\w+", modules)) for room, modules, _words in rows}
    for module in room_modules():
        name = module.rpartition(".")[2].removeprefix("ssh_")
        assert ("." not in module and module in ROOMS) or name in shown[room_of(module)], module


@pytest.mark.parametrize("module", room_modules())
def test_a_room_imports_only_what_it_may(module: str) -> None:
    room = room_of(module)
    imports = own_imports(module) - {""}
    assert {name for name in imports if room_of(name) not in (room, *ROOMS[room])} == set()


def test_imports_are_not_circular() -> None:
    left = {module: own_imports(module) - {""} for module in room_modules()}
    while free := {module for module, needs in left.items() if not needs & left.keys()}:
        left = {module: needs for module, needs in left.items() if module not in free}
    assert left == {}


@pytest.mark.parametrize("module", PURE)
def test_pure_rooms_import_nothing_impure(module: str) -> None:
    assert outside_imports(module) & IMPURE == set()


@pytest.mark.parametrize("module", PURE)
def test_pure_rooms_do_not_read_the_clock(module: str) -> None:
    called = {
        node.func.attr
        for node in ast.walk(ast.parse(path_of(module).read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert called & {"now", "utcnow", "today"} == set()


def test_only_the_ssh_modules_import_paramiko() -> None:
    assert {module for module in modules() if "paramiko" in outside_imports(module)} == {
        "hosts.ssh",
        "hosts.ssh_config",
        "hosts.ssh_keys",
        "hosts.ssh_process",
        "hosts.ssh_transport",
    }


def test_only_the_arguments_import_docopt() -> None:
    assert {module for module in modules() if "docopt" in outside_imports(module)} == {"cli.arguments"}


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["-h", "nas1"]])
def test_help_and_usage_errors_load_no_working_modules(words: list[str]) -> None:
    check = (
        "import sys, zfs_replicate.cli.main as cli; cli.main(sys.argv[1:]);"
        " sys.exit(bool({'paramiko', 'zfs_replicate.hosts', 'zfs_replicate.plan'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", check, *words], check=False, capture_output=True)
    assert done.returncode == 0


def test_a_run_on_this_machine_needs_no_paramiko() -> None:
    """Importing it takes longer than a whole local run with nothing to do."""
    check = "import sys, zfs_replicate.cli.main, zfs_replicate.actions.mirror; sys.exit('paramiko' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


@pytest.mark.parametrize("package", ["rich", "prometheus_client", "logging.handlers", "jsonschema"])
def test_rarely_needed_packages_are_imported_on_demand(package: str) -> None:
    check = f"import sys, zfs_replicate.cli.main, zfs_replicate.actions.mirror; sys.exit({package!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


@pytest.mark.parametrize("path", sorted((TOP / "tests").rglob("*.py")), ids=lambda path: str(path.relative_to(TOP)))
def test_tests_import_only_from_tests_support(path: Path) -> None:
    """Shared code is in tests/support, so that a test can be read, moved or deleted by itself."""
    names = _imported(ast.parse(path.read_text()))
    assert [name for name in names if name.startswith("tests.") and not name.startswith("tests.support")] == []
