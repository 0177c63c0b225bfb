"""Read a job file. (path, defaults, overrides) → Jobs. TOML: `[defaults]`, `[jobs.NAME]`; keys are long option names.

The whole file is checked before anything runs, and all problems are reported at once, each with its job and key.
Values are checked as on the command line.
"""

from __future__ import annotations

import difflib
import itertools
import re
import shlex
import stat
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from zfs_replicate.cli import requests
from zfs_replicate.cli.option import Option
from zfs_replicate.cli.options import OPTIONS
from zfs_replicate.config import LOCAL_SYSLOG, Job
from zfs_replicate.errors import BadValue, JobFileError, UsageError
from zfs_replicate.zfs import names

NEEDED = ("host", "remote", "local", "tag")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")

Table = Mapping[str, object]


def load(path: str, given: requests.Given, overrides: requests.Given) -> tuple[Job, ...]:
    """Given a file, docopt's defaults, and the options from the command line, return all jobs.

    The command line overrides a job's own keys, which override `[defaults]`. Raises: JobFileError, with all problems.
    """
    return _File(path, _read(path), {**given}, {**overrides}).jobs()


def chosen(path: str, jobs: tuple[Job, ...], wanted_names: tuple[str, ...]) -> tuple[Job, ...]:
    """Given names, return those jobs in that order, each once; without names, all jobs. Raises: JobFileError."""
    by_name = {job.name: job for job in jobs}
    missing = [name for name in wanted_names if name not in by_name]
    if missing:
        raise JobFileError(f"{path}: there is no job {missing[0]!r}; the jobs are: {', '.join(by_name)}")
    return tuple(by_name[name] for name in dict.fromkeys(wanted_names)) or jobs


def job_lines(jobs: tuple[Job, ...]) -> Iterator[str]:
    """Yield one line for each job, for a person to check."""
    for job in jobs:
        request = job.request
        kept = "nothing expires" if request.policy.keep_days is None else f"keep {request.policy.keep_days} days"
        where = f"{request.connection.host}:{request.remote} → {request.local}"
        yield f"{job.name}: {where}, tag {request.policy.tag}, {kept}"


def _read(path: str) -> Table:
    try:
        with Path(path).open("rb") as file:
            if stat.S_IMODE(Path(path).stat().st_mode) & stat.S_IWOTH:
                raise JobFileError(
                    f"{path}: anyone can write to it, and it decides what runs here: chmod o-w {shlex.quote(str(path))}"
                )
            return tomllib.load(file)
    except FileNotFoundError as error:
        raise JobFileError(
            f"{path}: there is no such file; create it (see zfs_replicate.toml.example), or name another with --config"
        ) from error
    except OSError as error:
        raise JobFileError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise JobFileError(f"{path}: is not valid TOML: {error}") from error


class _File:
    """Makes jobs of a parsed file, and collects its problems."""

    def __init__(self, path: str, tables: Table, given: requests.Given, overrides: requests.Given) -> None:
        self._path = path
        self._tables = tables
        self._given = given
        self._overrides = overrides
        self._defaults: Table = {}
        self._problems: list[str] = []
        self._options = {option.key: option for option in OPTIONS if option.is_for_jobs}
        self._keys = {option.name: option.key for option in OPTIONS}

    def jobs(self) -> tuple[Job, ...]:
        for key in self._tables:
            if key not in ("defaults", "jobs"):
                self._complain("", key, "does not belong here; use [defaults] and [jobs.NAME]")
        self._defaults = self._table("defaults", self._tables.get("defaults", {})) or {}
        common = self._options_of("[defaults]", self._defaults)
        tables = self._table("jobs", self._tables.get("jobs", {})) or {}
        if not tables and not self._problems:
            self._complain("", "", "defines no job; add a table [jobs.NAME]")
        job_tables = {name: self._table(f"jobs.{name}", table) for name, table in tables.items()}
        checked = [self._job(name, table, common) for name, table in job_tables.items() if table is not None]
        jobs = tuple(job for job in checked if job is not None)
        for one, other in itertools.combinations(jobs, 2):
            self._compare(one, other)
        if self._problems:
            raise JobFileError("\n".join(dict.fromkeys(self._problems)))
        return jobs

    def _table(self, name: str, value: object) -> Table | None:
        if isinstance(value, dict):
            return value
        self._complain("", name, f"must be a table, [{name}]")
        return None

    def _job(self, name: str, table: Table, common: requests.Given) -> Job | None:
        where = f"job {name}"
        if not _NAME.fullmatch(name):
            self._complain(where, "", "a name consists of letters, digits and _ . -, and begins with a letter or digit")
        count = len(self._problems)
        own = self._options_of(where, table)
        given = {**self._given, **common, **own, **self._overrides}
        for key in NEEDED:
            if given[f"--{key}"] is None and key not in {**self._defaults, **table}:
                self._complain(where, key, "is missing")
        if len(self._problems) > count or any(given[f"--{key}"] is None for key in NEEDED):
            return None  # what is missing was reported here, or is wrong in [defaults]
        try:
            return Job(name, requests.mirror_request(given))
        except BadValue as error:
            key = self._keys[error.option]
            is_own = f"--{key}" in own or f"--{key}" not in common
            self._complain(where if is_own else "[defaults]", key, f"{error.value!r}: {error.problem}")
        except UsageError as error:
            self._complain(where, "", str(error))
        return None

    def _options_of(self, where: str, table: Table) -> dict[str, object]:
        """Return a table's keys as docopt would give them. A bad key is reported and left out."""
        options: dict[str, object] = {}
        for key, value in table.items():
            option = self._options.get(key)
            if option is None:
                close = difflib.get_close_matches(key, self._options, 1)
                hint = f"; did you mean {close[0]}?" if close else "; keys are the long names of options (see --help)"
                self._complain(where, key, f"is not a known key{hint}")
            elif (text := _as_given(option, value)) is None:
                self._complain(where, key, f"must be {_kind(option)}")
            else:
                options[option.long] = text
        return options

    def _compare(self, one: Job, other: Job) -> None:
        """Report what two jobs must not share."""
        mine, theirs = one.request, other.request
        both = f"jobs {one.name} and {other.name}"
        if mine.local == theirs.local:
            self._complain(both, "local", f"{mine.local} is the target of both; give each its own")
        is_same_source = (mine.connection.host, mine.policy.tag) == (theirs.connection.host, theirs.policy.tag)
        if is_same_source and (_mirrors(one, theirs.remote) or _mirrors(other, mine.remote)):
            self._complain(
                both,
                "tag",
                f"both mirror datasets of {mine.connection.host}:{mine.remote} and would release each other's holds"
                f" (tag {mine.policy.tag}); give each its own tag",
            )
        for key in ("report", "metrics"):
            file = getattr(mine.reporting, key)
            if file is not None and file == getattr(theirs.reporting, key):
                self._complain(both, key, f"both write {file}; give each its own file")

    def _complain(self, where: str, key: str, problem: str) -> None:
        self._problems.append(": ".join(filter(None, (self._path, where, f"{key}: {problem}" if key else problem))))


def _mirrors(job: Job, remote: str) -> bool:
    """Whether a job mirrors this dataset of its source."""
    root, excludes = job.request.remote, job.request.policy.excludes
    return names.is_within(remote, root) and not names.is_excluded(names.below(remote, root), excludes)


def _as_given(option: Option, value: object) -> object | None:
    """Given a TOML value, return it as docopt would, or None if its type is wrong."""
    if option.is_repeated:
        texts = [value] if isinstance(value, str) else value
        is_good = isinstance(texts, list) and all(isinstance(text, str) for text in texts)
        return texts if is_good else None
    if option.value is None:
        return value if isinstance(value, bool) else None
    if isinstance(value, bool):
        return LOCAL_SYSLOG if value and option.is_value_optional else None
    return str(value) if isinstance(value, str | int) else None


def _kind(option: Option) -> str:
    if option.is_repeated:
        return 'a list of strings, such as ["swap", "*/tmp"]'
    return "true or false" if option.value is None else "a string or a whole number"
