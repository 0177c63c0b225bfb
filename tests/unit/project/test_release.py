"""`make release`: one version everywhere and a clean tree, or a message for each thing that is wrong."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support import TOP

SCRIPT = Path("packaging/check-release")
CHANGELOG = "# Changes, for operators\n\n## {}\n\nWhat is new.\n\n## 1.1.0 (2026-01-01)\n"
DEBIAN = "zfs-replicate ({}) {}; urgency=medium\n\n  * What is new.\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A made-up checkout of version 1.2.3, committed, with all that a release needs but a tag."""
    for directory in ("packaging/debian", "zfs_replicate"):
        (tmp_path / directory).mkdir(parents=True)
    shutil.copy(TOP / SCRIPT, tmp_path / SCRIPT)
    (tmp_path / "zfs_replicate/__init__.py").write_text('"""Mirror."""\n\n__version__ = "1.2.3"\n')
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG.format("1.2.3 (2026-11-26)"))
    (tmp_path / "packaging/debian/changelog").write_text(DEBIAN.format("1.2.3", "unstable"))
    git(tmp_path, "init", "--quiet")
    commit(tmp_path)
    return tmp_path


def environment() -> dict[str, str]:
    """Of git in a place of its own: nothing of the hook that this test may run in, nor of the user's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    who = {f"GIT_{role}_{what}": "a@example.org" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    return kept | who | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}


def git(checkout: Path, *words: str) -> None:
    subprocess.run(["git", "-C", checkout, *words], env=environment(), check=True)


def commit(checkout: Path) -> None:
    git(checkout, "add", "--all")
    git(checkout, "commit", "--quiet", "--allow-empty", "--message", "Change")


def check(checkout: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([checkout / SCRIPT], env=environment(), capture_output=True, text=True, check=False)


def problems(checkout: Path) -> list[str]:
    """What is told on stderr; a release that may go on has nothing there, and status 0."""
    done = check(checkout)
    problems = done.stderr.splitlines()
    assert (done.returncode, done.stdout == "") == ((1, True) if problems else (0, False))
    return problems


def test_a_good_release_prints_how_to_tag(checkout: Path) -> None:
    done = check(checkout)
    assert (done.returncode, done.stderr) == (0, "")
    assert "git tag -a v1.2.3 -m 'zfs_replicate 1.2.3'\n    git push origin v1.2.3\n" in done.stdout


def test_a_tagged_release_prints_only_the_remaining_steps(checkout: Path) -> None:
    git(checkout, "tag", "v1.2.3")
    git(checkout, "tag", "reviewed")
    assert problems(checkout) == []
    assert "git tag" not in check(checkout).stdout


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("zfs_replicate/__init__.py", '__version__ = "1.2"\n', 'has no line such as __version__ = "1.2.3"'),
        ("CHANGELOG.md", CHANGELOG.format("1.2.2 (2026-11-26)"), "CHANGELOG.md is '1.2.2 (2026-11-26)', not '1.2.3 ("),
        ("CHANGELOG.md", CHANGELOG.format("1.2.30 (2026-11-26)"), "CHANGELOG.md is '1.2.30 (2026-11-26)'"),
        ("CHANGELOG.md", CHANGELOG.format("1.2.3 (not yet released)"), "CHANGELOG.md calls 1.2.3 not yet released"),
        ("CHANGELOG.md", "", "CHANGELOG.md is '', not"),
        ("packaging/debian/changelog", DEBIAN.format("1.2.2", "unstable"), "begins with 'zfs-replicate (1.2.2)"),
        ("packaging/debian/changelog", DEBIAN.format("1.2.3", "UNRELEASED"), "calls 1.2.3 UNRELEASED"),
    ],
)
def test_each_file_must_name_the_version(checkout: Path, file: str, text: str, expected: str) -> None:
    (checkout / file).write_text(text)
    commit(checkout)
    (problem,) = problems(checkout)
    assert expected in problem


def test_a_tag_of_another_version_is_a_problem(checkout: Path) -> None:
    git(checkout, "tag", "v1.2.2")
    assert problems(checkout) == ["check-release: HEAD has the tag v1.2.2, but the version is 1.2.3"]


def test_a_version_that_is_out_cannot_be_released_again(checkout: Path) -> None:
    git(checkout, "tag", "v1.2.3")
    commit(checkout)
    (problem,) = problems(checkout)
    assert "the tag v1.2.3 is on another commit" in problem


def test_the_work_tree_must_be_clean(checkout: Path) -> None:
    (checkout / "left.txt").touch()
    assert problems(checkout) == ["check-release: the work tree is not clean; commit, or remove:", "?? left.txt"]


def test_a_directory_without_git_cannot_be_released(checkout: Path) -> None:
    shutil.rmtree(checkout / ".git")
    (problem,) = problems(checkout)
    assert "git cannot read this checkout: fatal: not a git repository" in problem


def test_every_problem_is_reported_at_once(checkout: Path) -> None:
    (checkout / "CHANGELOG.md").write_text("")
    git(checkout, "tag", "v1.2.2")
    assert len(problems(checkout)) == 4


def test_the_versions_of_this_checkout_agree() -> None:
    """Between releases, too; its day and its tag come with the release."""
    version = (TOP / "zfs_replicate" / "__init__.py").read_text().partition('__version__ = "')[2].partition('"')[0]
    assert (TOP / "CHANGELOG.md").read_text().split("\n\n")[1].startswith(f"## {version} (")
    assert (TOP / "packaging" / "debian" / "changelog").read_text().startswith(f"zfs-replicate ({version}) ")
