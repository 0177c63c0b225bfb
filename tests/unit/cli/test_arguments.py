"""Test the command line → MirrorRequest: the defaults, every option, and a helpful message for every bad value."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.support import TOP
from tests.support.command_lines import LEAST, parsed, refused
from zfs_replicate import __version__
from zfs_replicate.cli.arguments import parse
from zfs_replicate.cli.manual import MANUAL, usage
from zfs_replicate.config import MirrorRequest, Print
from zfs_replicate.zfs.names import overlaps


def replaced(option: str, value: str) -> list[str]:
    """Return the shortest valid command line, with another value for one option."""
    words = list(LEAST)
    words[words.index(option) + 1] = value
    return words


# --- accepted ---


def test_the_crontab_line() -> None:
    line = "zfs_replicate -h HOST -r backuppool/virt/machines -l offsite/virt/machines -t offsite -k 30"
    request = parse(line.split()[1:])
    assert isinstance(request, MirrorRequest)
    where = (request.connection.host, request.remote, request.local)
    assert where == ("HOST", "backuppool/virt/machines", "offsite/virt/machines")
    policy = request.policy
    assert (policy.tag, policy.target_tag, policy.keep_days) == ("offsite", "offsite:target", 30)


def test_the_example_in_the_manual_is_a_valid_line() -> None:
    (example,) = re.findall(r"^  zfs_replicate (-h nas1 .*)$", MANUAL, re.MULTILINE)
    assert isinstance(parse(example.split()), MirrorRequest)


def test_every_line_of_the_crontab_example_is_valid() -> None:
    lines = (TOP / "crontab.example").read_text().splitlines()
    jobs = [line.split(maxsplit=5)[5] for line in lines if re.match(r"#?[0-9]", line)]
    own_jobs = [shlex.split(job)[1:] for job in jobs if job.startswith("zfs_replicate ")]
    assert " ".join(own_jobs[0]) == "-h nas1 -r backuppool/virt/machines -l offsite/virt/machines -t offsite -k 30"
    assert len(own_jobs) > 3
    assert all(parse(words) for words in own_jobs if words != ["run"])


def test_defaults_of_a_mirror() -> None:
    request = parsed()
    assert (request.policy.keep_days, request.policy.excludes) == (None, ())
    assert (request.connection.port, request.connection.identity) == (None, None)
    assert (request.mbuffer_size, request.jobs) == ("128M", 2)
    assert (request.is_dry_run, request.reporting.is_verbose, request.connection.is_local) == (False, False, False)


def test_h_is_the_host() -> None:
    assert parsed().connection.host == "nas1"


def test_long_options_mean_the_same() -> None:
    argv = "--host nas1 --remote tank/a --local off/a --tag offsite --keep-days=7 --jobs 3 --mbuffer 1G --port 2222"
    assert parse(argv.split()) == parsed("-k", "7", "-j", "3", "-b", "1G", "-p", "2222")


def test_options_in_any_order() -> None:
    assert parse(["-n", "-k", "7", *LEAST, "-v"]) == parsed("-k", "7", "-n", "-v")


def test_excludes_are_repeated_and_keep_their_order() -> None:
    assert parsed("-x", "swap", "--exclude", "vm/*/tmp", "-x", "a b").policy.excludes == ("swap", "vm/*/tmp", "a b")


@pytest.mark.parametrize("host", ["nas1", "root@nas1", "backup@192.0.2.1", "::1", "user@domain@nas1", "nas-1.example"])
def test_host_with_user_and_port(host: str) -> None:
    request = parse(replaced("-h", host))
    assert isinstance(request, MirrorRequest)
    assert request.connection.host == host


@pytest.mark.parametrize(
    ("host", "is_local"), [("localhost", True), ("127.0.0.1", False), ("root@localhost", False), ("localhost2", False)]
)
def test_only_localhost_means_no_ssh(host: str, is_local: bool) -> None:
    request = parse(replaced("-h", host))
    assert isinstance(request, MirrorRequest)
    assert request.connection.is_local is is_local


@pytest.mark.parametrize(("days", "expected"), [("0", 0), ("1", 1), ("030", 30), ("36500", 36500)])
def test_keep_days(days: str, expected: int) -> None:
    assert parsed("-k", days).policy.keep_days == expected


@pytest.mark.parametrize("size", ["640k", "64M", "64m", "1.5G", "2T", "655360", "5%", "0.5%", "89%"])
def test_buffer_sizes(size: str) -> None:
    assert parsed("-b", size).mbuffer_size == size


@pytest.mark.parametrize(
    ("rate", "expected"), [("1024", 1024), ("500k", 512_000), ("10M", 10 << 20), ("1G", 1 << 30), ("2T", 2 << 40)]
)
def test_rates_are_bytes_per_second(rate: str, expected: int) -> None:
    assert parsed("--bwlimit", rate).bytes_per_second == expected


def test_compression_and_transport() -> None:
    assert (parsed().compressor, parsed().transport, parsed().bytes_per_second) == (None, "auto", None)
    assert parsed("-z", "none").compressor is None
    assert parsed("--compress", "lz4", "--transport", "openssh").compressor == "lz4"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("-z", "gzip"), "-z 'gzip': must be none, zstd, lz4 or pigz"),
        (("--transport", "rsh"), "--transport 'rsh': must be auto, paramiko or openssh"),
        (("--bwlimit", "1023"), "--bwlimit '1023': must be bytes per second, at least 1k, such as 500k or 10M"),
        (("--bwlimit", "10MB"), "--bwlimit '10MB'"),
    ],
)
def test_words_that_streams_do_not_know(options: tuple[str, ...], problem: str) -> None:
    assert problem in refused([*LEAST, *options])


def test_an_identity_file_that_exists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "key").touch()
    assert parsed("-i", str(tmp_path / "key")).connection.identity == str(tmp_path / "key")
    assert parsed("-i", "~/key").connection.identity == str(tmp_path / "key")


def test_a_dataset_with_a_space() -> None:
    request = parse(replaced("-r", "tank/my files"))
    assert isinstance(request, MirrorRequest)
    assert request.remote == "tank/my files"


def test_help_and_version_need_nothing_else() -> None:
    assert parse(["--help"]) == Print(MANUAL)
    assert parse(["--version"]) == Print(f"zfs_replicate {__version__}\n")


# --- refused ---


@pytest.mark.parametrize(
    ("option", "value", "helpful"),
    [
        # hosts
        ("-h", "", "write HOST or USER@HOST"),
        ("-h", "-oProxyCommand=reboot", "write HOST or USER@HOST"),
        ("-h", "root@-oProxyCommand=reboot", "write HOST or USER@HOST"),
        ("-h", "root@", "write HOST or USER@HOST"),
        ("-h", "@nas1", "write HOST or USER@HOST"),
        ("-h", "nas 1", "write HOST or USER@HOST"),
        ("-h", "nas1\n", "write HOST or USER@HOST"),
        # datasets
        ("-r", "tank/a@b", "leave out the @"),
        ("-l", "off/a#b", "leave out the @ or # and what follows"),
        ("-r", "tank/a%", "does not allow: 'a%'"),
        ("-l", "off/ä", "does not allow"),
        ("-r", "/tank/a", "without leading, trailing or double slashes"),
        ("-r", "tank/", "without leading, trailing or double slashes"),
        ("-l", "", "empty component"),
        ("-l", "1off", "a letter, then"),
        ("-l", "off/" + "x" * 252, "at most 255"),
        ("-l", "/".join(["o"] * 50), "at most 49"),
        # tags
        ("-t", ".offsite", "must not begin with a dot"),
        ("-t", "off site", "letters, digits"),
        ("-t", "", "letters, digits"),
        ("-t", "x" * 249, "the maximum is 237"),
    ],
)
def test_bad_values_are_refused(option: str, value: str, helpful: str) -> None:
    text = refused(replaced(option, value))
    assert text.startswith(f"{option} {value!r}: ")
    assert helpful in text


@pytest.mark.parametrize(
    ("option", "value", "helpful"),
    [
        ("-k", "-1", "a whole number from 0"),
        ("-k", "30d", "a whole number from 0"),
        ("-k", "1.5", "a whole number from 0"),
        ("-k", "", "a whole number from 0"),
        ("-k", "36501", "to 36500"),
        ("-k", "٣", "a whole number"),
        ("-j", "0", "from 1 to 64"),
        ("-j", "65", "from 1 to 64"),
        ("-j", "two", "from 1 to 64"),
        ("-p", "0", "from 1 to 65535"),
        ("-p", "65536", "from 1 to 65535"),
        ("-p", "ssh", "from 1 to 65535"),
        ("-b", "0", "such as 64M"),
        ("-b", "64", "such as 64M"),
        ("-b", "639k", "such as 64M"),
        ("-b", "256T", "such as 64M"),
        ("-b", "1P", "such as 64M"),
        ("-b", "64MB", "such as 64M"),
        ("-b", "0%", "such as 64M"),
        ("-b", "90%", "such as 64M"),
        ("-b", "64 M", "such as 64M"),
        ("-b", "-m", "such as 64M"),
        ("-b", "", "such as 64M"),
        ("-i", "/nonexistent/key", "no such file"),
        ("-i", "", "no such file"),
        ("-i", "/", "no such file"),
    ],
)
def test_bad_options_are_refused(option: str, value: str, helpful: str) -> None:
    text = refused([*LEAST, option, value])
    assert text.startswith(f"{option} {value!r}: ")
    assert helpful in text


REQUIRED = "-h, -r, -l and -t are required"


@pytest.mark.parametrize(
    ("argv", "helpful"),
    [
        ([], REQUIRED),
        (["-h"], "-h"),
        (list(LEAST[2:]), REQUIRED),
        (list(LEAST[:2] + LEAST[4:]), REQUIRED),
        (list(LEAST[:4] + LEAST[6:]), REQUIRED),
        (list(LEAST[:6]), REQUIRED),
        ([*LEAST, "-t", "again"], REQUIRED),
        ([*LEAST, "extra"], REQUIRED),
        ([*LEAST, "--force"], "unknown option --force"),
        ([*LEAST, "--squeeze=zstd"], "unknown option --squeeze=zstd"),
        ([*LEAST, "-k"], "-k"),
    ],
)
def test_an_incomplete_or_unknown_line_is_refused(argv: list[str], helpful: str) -> None:
    assert helpful in refused(argv)


@pytest.mark.parametrize(
    ("remote", "local"), [("tank/a", "tank/a"), ("tank/a", "tank/a/b"), ("tank/a/b", "tank/a"), ("tank", "tank/a")]
)
def test_source_and_target_must_not_overlap_on_localhost(remote: str, local: str) -> None:
    text = refused(["-h", "localhost", "-r", remote, "-l", local, "-t", "offsite"])
    assert "neither may contain the other" in text
    assert remote in text


@pytest.mark.parametrize(
    ("host", "remote", "local"), [("localhost", "tank/a", "tank/ab"), ("nas1", "tank/a", "tank/a")]
)
def test_datasets_with_a_common_prefix_do_not_overlap(host: str, remote: str, local: str) -> None:
    assert isinstance(parse(["-h", host, "-r", remote, "-l", local, "-t", "offsite"]), MirrorRequest)


def test_overlapping_is_mutual() -> None:
    assert overlaps("a", "a/b")
    assert overlaps("a/b", "a")
    assert not overlaps("a/b", "a/c")


# --- the manual ---


def test_the_usage_lines_are_those_of_the_manual() -> None:
    assert usage().splitlines()[:2] == [
        "Usage:",
        "  zfs_replicate -h HOST -r DATASET -l DATASET -t TAG [-k DAYS] [-x PATTERN]... [options]",
    ]
    assert "Example" not in usage()


def test_the_manual_fits_a_terminal() -> None:
    assert max(map(len, MANUAL.splitlines())) <= 120


@pytest.mark.parametrize(
    ("option", "value", "problem"),
    [
        ("-i", "~no-such-user/key", "there is no such file"),
        ("-i", "x" * 300, "there is no such file"),
        ("-i", "a\0b", "there is no such file"),
        ("-p", "9" * 5000, "must be a whole number"),
        ("-j", "\u0663", "must be a whole number"),
        ("--report", "a\0b", "must be a file"),
        ("--report", "x" * 5000, "must be a file"),
    ],
)
def test_a_value_that_python_chokes_on_is_refused(option: str, value: str, problem: str) -> None:
    assert problem in refused([*LEAST, option, value])
