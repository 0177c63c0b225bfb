"""Test job file → jobs. All problems are reported at once, each with file, job and key."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.support import TOP
from zfs_replicate.actions import mirror
from zfs_replicate.cli import main
from zfs_replicate.cli.arguments import parse
from zfs_replicate.cli.options import OPTIONS
from zfs_replicate.config import JobsRequest, MirrorRequest
from zfs_replicate.errors import AlreadyRunning, ConnectionFailed, JobFileError, UsageError

EXAMPLE = TOP / "zfs_replicate.toml.example"
DEFAULTS = """
[defaults]
host = "nas1"
tag = "offsite"
"""
JOB = """
[jobs.web]
remote = "tank/web"
local = "off/web"
"""
SECOND = """
[jobs.mail]
remote = "tank/mail"
local = "off/mail"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "jobs.toml"


def loaded(file: Path, text: str, *words: str) -> dict[str, MirrorRequest]:
    file.write_text(text)
    request = parse(["run", *words, "--config", str(file)])
    assert isinstance(request, JobsRequest)
    return {job.name: job.request for job in request.jobs}


def problems(file: Path, text: str, *words: str) -> list[str]:
    file.write_text(text)
    with pytest.raises(JobFileError) as caught:
        parse(["run", *words, "--config", str(file)])
    return [line.removeprefix(f"{file}: ") for line in str(caught.value).splitlines()]


# --- a valid file ---


def test_a_job_is_the_command_line_that_it_stands_for(file: Path) -> None:
    text = f"""{DEFAULTS}{JOB}
        keep-days = 30
        exclude = ["swap", "vm/*/tmp"]
        mbuffer = "1G"
        port = 2222
        rollback = true
        stall-timeout = 60
    """
    line = "-h nas1 -r tank/web -l off/web -t offsite -k 30 -x swap -x vm/*/tmp -b 1G -p 2222 --rollback"
    assert loaded(file, text)["web"] == parse([*line.split(), "--stall-timeout", "60"])


def test_the_least_job_has_the_defaults_of_the_command_line(file: Path) -> None:
    assert loaded(file, DEFAULTS + JOB)["web"] == parse(
        ["-h", "nas1", "-r", "tank/web", "-l", "off/web", "-t", "offsite"]
    )


def test_the_command_line_wins_over_job_and_job_over_defaults(file: Path) -> None:
    text = f"{DEFAULTS}jobs = 3\nretries = 3\n{JOB}retries = 4\n"
    request = loaded(file, text)["web"]
    assert (request.jobs, request.retries, request.is_dry_run) == (3, 4, False)
    request = loaded(file, text, "--retries", "5", "-n")["web"]
    assert (request.jobs, request.retries, request.is_dry_run) == (3, 5, True)


def test_a_default_of_the_command_line_does_not_win(file: Path) -> None:
    assert loaded(file, f"{DEFAULTS}jobs = 3\n{JOB}", "-v")["web"].jobs == 3


def test_a_flag_can_be_switched_off_for_one_job(file: Path) -> None:
    text = f"{DEFAULTS}rollback = true\n{JOB}rollback = false\n{SECOND}"
    assert [request.policy.may_roll_back for request in loaded(file, text).values()] == [False, True]


def test_a_single_exclude_needs_no_list(file: Path) -> None:
    assert loaded(file, f'{DEFAULTS}{JOB}exclude = "swap"')["web"].policy.excludes == ("swap",)


def test_syslog_may_have_no_address(file: Path) -> None:
    assert loaded(file, f"{DEFAULTS}syslog = true\n{JOB}")["web"].reporting.syslog == "/dev/log"


def test_jobs_run_in_the_order_of_the_file_or_of_the_words(file: Path) -> None:
    text = DEFAULTS + JOB + SECOND
    assert [*loaded(file, text)] == ["web", "mail"]
    assert [*loaded(file, text, "mail", "web", "mail")] == ["mail", "web"]
    assert [*loaded(file, text, "mail")] == ["mail"]


def test_the_example_is_good(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["check", "--config", str(EXAMPLE)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "machines: nas1:backuppool/virt/machines → offsite/virt/machines, tag offsite, keep 30 days",
        "home: nas1:tank/home → offsite/home, tag offsite, keep 365 days",
        "vault: localhost:offsite/virt/machines → vault/virt/machines, tag vault, keep 90 days",
    ]


def test_every_option_of_a_run_can_be_in_a_file(file: Path, tmp_path: Path) -> None:
    """Each option of the manual has a key, except those of other commands."""
    (tmp_path / "key").touch()
    values = {
        "exclude": '["a"]',
        "properties": '"setuid=off"',
        "identity": f'"{tmp_path}/key"',
        "mbuffer": '"1G"',
        "bwlimit": '"1M"',
        "progress": '"never"',
        "log-format": '"json"',
        "log-level": '"debug"',
        "syslog": "true",
        "report": f'"{tmp_path}/report"',
        "metrics": f'"{tmp_path}/metrics"',
        "on-success": '"true"',
        "on-failure": '"true"',
    }
    elsewhere = {"host", "remote", "local", "tag", "config", "warn", "crit", "version", "help"}
    elsewhere |= {"yes", "target", "unknown"}
    options = [option for option in OPTIONS if option.key not in elsewhere]
    assert len(options) > 15
    lines = []
    for option in options:
        plain = "true" if option.value is None else f'"{option.default or 3}"'
        lines.append(f"{option.key} = {values.get(option.key, plain)}")
    loaded(file, "\n".join([DEFAULTS, *lines, JOB]))


# --- a bad file ---


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{DEFAULTS}{JOB}keepdays = 3\n", "job web: keepdays: is not a known key; did you mean keep-days?"),
        (f"{DEFAULTS}{JOB}x = 3\n", "job web: x: is not a known key; keys are the long names of options (see --help)"),
        (f"{DEFAULTS}{JOB}yes = true\n", "job web: yes: is not a known key"),
        (f'{DEFAULTS}{JOB}config = "a"\n', "job web: config: is not a known key"),
        (f"{DEFAULTS}keep_days = 3\n{JOB}", "[defaults]: keep_days: is not a known key; did you mean keep-days?"),
        (f"[job.web]\n{DEFAULTS}{JOB}", "job: does not belong here; use [defaults] and [jobs.NAME]"),
        (f"{DEFAULTS}{JOB}keep-days = -1\n", "job web: keep-days: '-1': must be a whole number from 0"),
        (f"{DEFAULTS}{JOB}keep-days = 1.5\n", "job web: keep-days: must be a string or a whole number"),
        (f"{DEFAULTS}{JOB}keep-days = true\n", "job web: keep-days: must be a string or a whole number"),
        (f'{DEFAULTS}{JOB}rollback = "yes"\n', "job web: rollback: must be true or false"),
        (f"{DEFAULTS}{JOB}exclude = [1]\n", "job web: exclude: must be a list of strings"),
        (f"{DEFAULTS}port = 0\n{JOB}", "[defaults]: port: '0': must be a whole number from 1"),
        (f'{JOB}host = "nas1"\n', "job web: tag: is missing"),
        (f'{DEFAULTS}[jobs.web]\nremote = "tank/web"\n', "job web: local: is missing"),
        (f'{DEFAULTS}{JOB}[jobs."a b"]\nremote = "tank/b"\nlocal = "off/b"', "job a b: a name consists of letters"),
        (f"{DEFAULTS}[jobs]\nweb = 3\n", "jobs.web: must be a table, [jobs.web]"),
        (DEFAULTS, "defines no job; add a table [jobs.NAME]"),
        ("", "defines no job"),
        ("[jobs.web\n", "is not valid TOML: "),
        ("\udcff".encode("utf-8", "surrogateescape").decode("latin-1"), "is not valid TOML: "),
        (
            f'{DEFAULTS}[jobs.a]\nhost = "localhost"\nremote = "tank/a"\nlocal = "tank/a/b"\n',
            "job a: local: 'tank/a/b': overlaps with the source tank/a",
        ),
        (f'{DEFAULTS}{JOB}[jobs.b]\nremote = "tank/b"\nlocal = "off/web"\n', "jobs web and b: local: off/web is the"),
        (f'{DEFAULTS}{JOB}[jobs.b]\nremote = "tank"\nlocal = "off/b"\n', "jobs web and b: tag: both mirror datasets"),
        (
            f'{DEFAULTS}metrics = "/tmp/m"\n{JOB}{SECOND}',
            "jobs web and mail: metrics: both write /tmp/m; give each its own file",
        ),
    ],
)
def test_a_problem_is_named_by_file_job_and_key(file: Path, text: str, expected: str) -> None:
    (problem,) = problems(file, text)
    assert problem.startswith(expected)


def test_all_problems_are_reported_at_once(file: Path) -> None:
    text = f"x = 1\n{DEFAULTS}port = 0\n{JOB}keep-days = -1\n{SECOND}rollback = 1\n[jobs.c]\nport = 22\n"
    assert [line.rsplit(":", 1)[0] for line in problems(file, text)] == [
        "x",
        "job web: keep-days: '-1'",
        "job mail: rollback",
        "job c: remote",
        "job c: local",
    ]


def test_jobs_may_share_a_tag_where_datasets_do_not_overlap(file: Path) -> None:
    text = f'{DEFAULTS}{JOB}[jobs.rest]\nremote = "tank"\nlocal = "off/rest"\nexclude = ["web"]\n'
    assert [*loaded(file, text)] == ["web", "rest"]


def test_an_unknown_job_is_refused_with_those_there_are(file: Path) -> None:
    (problem,) = problems(file, DEFAULTS + JOB + SECOND, "webb")
    assert problem == "there is no job 'webb'; the jobs are: web, mail"


def test_no_file_and_a_file_that_anybody_may_write(file: Path) -> None:
    with pytest.raises(JobFileError, match=r"no such file; create it .* or name another with --config"):
        parse(["run", "--config", str(file)])
    with pytest.raises(JobFileError, match="cannot be read: Is a directory"):
        parse(["check", "--config", str(file.parent)])
    file.write_text(DEFAULTS + JOB)
    file.chmod(0o666)
    with pytest.raises(JobFileError, match="anyone can write to it"):
        parse(["check", "--config", str(file)])


@pytest.mark.parametrize("words", [["run", "-k", "3"], ["run", "-h", "nas1"], ["check", "web"], ["check", "-n"]])
def test_options_of_the_file_are_refused_on_the_command_line(words: list[str]) -> None:
    with pytest.raises(UsageError, match=f"^{words[0]}: "):
        parse(words)


# --- running ---


def test_a_failed_job_stops_none_and_the_worst_status_counts(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ends: dict[str, BaseException | int] = {
        "off/web": ConnectionFailed("nas1: cannot connect"),
        "off/mail": ZeroDivisionError("a bug"),
        "off/busy": AlreadyRunning("off/busy: another run is already working"),
        "off/last": 0,
    }
    ran: list[str] = []

    def attempts(request: MirrorRequest, _attempts: object) -> int:
        ran.append(request.local)
        end = ends[request.local]
        if isinstance(end, BaseException):
            raise end
        return end

    monkeypatch.setattr(mirror, "_make_attempts", attempts)
    more = "".join(f'[jobs.{name}]\nremote = "tank/{name}"\nlocal = "off/{name}"\n' for name in ("busy", "last"))
    file.write_text(DEFAULTS + JOB + SECOND + more)
    assert main.main(["run", "--config", str(file)]) == 3
    assert ran == [*ends]
    stdout, stderr = capsys.readouterr()
    assert stdout == ""
    assert "zfs_replicate: job web: nas1: cannot connect\n" in stderr
    assert "job mail: internal error: ZeroDivisionError" in stderr
    assert "busy" not in stderr


def test_a_signal_ends_all_jobs(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran: list[str] = []

    def attempts(request: MirrorRequest, _attempts: object) -> int:
        ran.append(request.local)
        signal.raise_signal(signal.SIGTERM)
        return 0

    monkeypatch.setattr(mirror, "_make_attempts", attempts)
    file.write_text(DEFAULTS + JOB + SECOND)
    assert main.main(["run", "--config", str(file)]) == 128 + signal.SIGTERM
    assert len(ran) == 1
    assert capsys.readouterr().err.startswith("zfs_replicate: job web: ended by SIGTERM; ")


def test_a_bad_file_is_2_and_nothing_runs(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror, "mirror", lambda _request, _title="": pytest.fail("it ran"))
    file.write_text(f"{DEFAULTS}{JOB}{SECOND}port = 0\n")
    assert main.main(["run", "web", "--config", str(file)]) == 2


def test_check_only_reads(file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(mirror, "mirror", lambda _request, _title="": pytest.fail("it ran"))
    file.write_text(DEFAULTS + JOB)
    assert main.main(["check", "--config", str(file)]) == 0
    assert capsys.readouterr() == ("web: nas1:tank/web → off/web, tag offsite, nothing expires\n", "")


def test_a_wrong_type_in_the_defaults_is_one_problem(file: Path) -> None:
    text = (
        '[defaults]\nhost = "localhost"\nremote = 1.5\ntag = "t"\n[jobs.a]\nlocal = "off/a"\n[jobs.b]\nlocal = "o/b"\n'
    )
    assert problems(file, text) == ["[defaults]: remote: must be a string or a whole number"]
