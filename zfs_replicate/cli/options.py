"""The table of options: one entry for each feeds the command line, job files, completion, the manual and its defaults.

To add an option, add its entry here, its field to a request in config.py, and what uses it.
"""

from __future__ import annotations

from zfs_replicate.cli import values
from zfs_replicate.cli.option import Option, Section
from zfs_replicate.config import LOG_FORMATS, LOG_LEVELS, PROGRESS, TRANSPORTS
from zfs_replicate.model import COMPRESSORS

_MIRROR_ONLY = ("status", "release")

SECTIONS = (
    Section(
        "What to mirror",
        (
            Option(
                "-h",
                "--host",
                "HOST",
                "source: [USER@]HOST or an alias from ssh_config; localhost means that both pools are here,"
                " without SSH",
                check=values.host,
            ),
            Option(
                "-r", "--remote", "DATASET", "dataset on the source; all below it comes along", check=values.dataset
            ),
            Option(
                "-l",
                "--local",
                "DATASET",
                "dataset here that becomes its mirror; missing parents are created",
                check=values.dataset,
            ),
            Option(
                "-t",
                "--tag",
                "TAG",
                "name of the holds; each mirror of a source needs one of its own",
                check=values.tag,
            ),
            Option(
                "-k",
                "--keep-days",
                "DAYS",
                "destroy snapshots here once they are DAYS days old; never the newest common one, nor one that is held"
                " or cloned; 0 keeps only the newest common one; without -k nothing expires",
                check=values.whole(0, 36_500),
            ),
            Option(
                "-x",
                "--exclude",
                "PATTERN",
                "leave out datasets whose path below the root matches, and all below them; may be repeated; * stays"
                " within one level: -x swap -x 'vm/*/tmp'",
                field="excludes",
                is_repeated=True,
            ),
        ),
    ),
    Section(
        "How",
        (
            Option("-j", "--jobs", "N", "datasets received at the same time", check=values.whole(1, 64), default="2"),
            Option(
                "-b",
                "--mbuffer",
                "SIZE",
                "buffer of each stream of a megabyte or more, such as 64M",
                field="mbuffer_size",
                check=values.mbuffer_size,
                default="128M",
            ),
            Option(
                None,
                "--bwlimit",
                "RATE",
                "at most so many bytes per second, such as 10M, all streams together (needs mbuffer)",
                field="bytes_per_second",
                check=values.bytes_per_second,
            ),
            Option(
                "-z",
                "--compress",
                "PROGRAM",
                "compress streams on their way over a slow link, by zstd, lz4 or pigz, which both sides need",
                field="compressor",
                check=values.unless("none"),
                default="none",
                choices=("none", *COMPRESSORS),
            ),
            Option(
                None,
                "--transport",
                "KIND",
                "what carries the streams: paramiko; openssh, the ssh program; or auto, which takes ssh for large ones"
                " where it is installed",
                default="auto",
                choices=TRANSPORTS,
            ),
            Option(
                "-p",
                "--port",
                "PORT",
                "port of sshd (otherwise as ssh_config says, or 22)",
                check=values.whole(1, 65_535),
            ),
            Option(
                "-o",
                "--properties",
                "LIST",
                "set these on datasets that are made here, such as setuid=off,devices=off,exec=off; of the source's own"
                " properties none is received",
                check=values.settings,
                absent=(),
            ),
            Option(
                None,
                "--rollback",
                None,
                "where the copy here was changed: discard the changes and the newer snapshots, down to the newest"
                " common one, and say what is lost; never through a hold of others, or a clone",
                field="may_roll_back",
            ),
            Option(
                None,
                "--retries",
                "N",
                "further attempts after an error that may pass, such as a lost connection, after growing pauses",
                check=values.whole(0, 100),
                default="2",
            ),
            Option(
                None,
                "--stall-timeout",
                "SECONDS",
                "end a stream through which no byte passes for so long; 0 waits for ever",
                field="stall_seconds",
                check=values.whole(0, 10**6, none=0),
                default="1800",
            ),
            Option(
                "-i",
                "--identity",
                "FILE",
                "private key (otherwise as ssh_config says, the agent's, the usual files)",
                check=values.identity,
            ),
            Option(
                None,
                "--sudo",
                None,
                "run what zfs changes or sends by 'sudo -n', on the source, and here unless we are root; needs rules"
                " for sudo that ask for no password (packaging/sudoers)",
                field="is_elevated",
            ),
        ),
    ),
    Section(
        "Jobs in a file (run, check)",
        (
            Option(
                None,
                "--config",
                "FILE",
                "file of jobs in TOML: options by their long names, in [defaults] for all, in [jobs.NAME] for one;"
                " options on the command line win",
                default="/etc/zfs_replicate.toml",
                is_for_jobs=False,
            ),
        ),
    ),
    Section(
        "When asking how a mirror stands (status; with -h and -r the source is asked too)",
        (
            Option(
                None,
                "--warn",
                "AGE",
                "age of a copy that is a warning, such as 90m, 36h, 2d or 1w",
                field="warn_seconds",
                check=values.age_seconds,
                is_for_jobs=False,
            ),
            Option(
                None,
                "--crit",
                "AGE",
                "age of a copy that is critical",
                field="crit_seconds",
                check=values.age_seconds,
                is_for_jobs=False,
            ),
        ),
    ),
    Section(
        "When retiring a mirror (release)",
        (
            Option(
                None,
                "--yes",
                None,
                "do not ask; needed without a terminal",
                field="is_confirmed",
                is_for_jobs=False,
            ),
        ),
    ),
    Section(
        "What to show",
        (
            Option(
                "-n",
                "--dry-run",
                None,
                "print what would be done, with reasons and sizes, and change nothing",
                field="is_dry_run",
            ),
            Option("-v", "--verbose", None, "log each step", field="is_verbose"),
            Option(
                None,
                "--json",
                None,
                "print the report of the run, with -n the plan, or the status, as one JSON object (docs/)",
                field="is_json",
                not_for=("release",),
            ),
            Option(
                None,
                "--progress",
                "WHEN",
                "show live what is under way: auto (on a terminal), always or never",
                default="auto",
                choices=PROGRESS,
            ),
            Option(None, "--version", None, "print the version", is_for_jobs=False),
            Option(None, "--help", None, "print this text", is_for_jobs=False),
        ),
    ),
    Section(
        "What to leave behind",
        (
            Option(
                None,
                "--report",
                "FILE",
                "write the JSON report to FILE",
                check=values.output_file,
                not_for=_MIRROR_ONLY,
            ),
            Option(
                None,
                "--metrics",
                "FILE",
                "write metrics to FILE, which node_exporter's textfile collector reads",
                check=values.output_file,
                not_for=_MIRROR_ONLY,
            ),
            Option(
                None,
                "--on-success",
                "CMD",
                "give CMD to sh once the run has succeeded, with the JSON report on its standard input",
                check=values.shell_line,
                not_for=_MIRROR_ONLY,
            ),
            Option(
                None,
                "--on-failure",
                "CMD",
                "the same for a run that has failed; whatever CMD does, the exit status stays",
                check=values.shell_line,
                not_for=_MIRROR_ONLY,
            ),
            Option(
                None,
                "--log-format",
                "FORMAT",
                "of the log on standard error: human, logfmt or json",
                default="human",
                choices=LOG_FORMATS,
            ),
            Option(
                None,
                "--log-level",
                "LEVEL",
                "debug (with every command, ready to paste), info, warning or error; otherwise info with -v or on a"
                " terminal, else warning",
                choices=LOG_LEVELS,
            ),
            Option(
                None,
                "--syslog",
                "ADDRESS",
                "log to syslog, too: to /dev/log, or ADDRESS, which is a socket or HOST:PORT (UDP)",
                check=values.syslog,
                is_value_optional=True,
            ),
        ),
    ),
)

OPTIONS = tuple(option for section in SECTIONS for option in section.options)
"""All options, in the manual's order."""
