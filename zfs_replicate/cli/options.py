"""List every option once: this table feeds the command line, job files, completion, the manual and its defaults.

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
                "pull from this host: [USER@]HOST or an alias from ssh_config; localhost means that both pools are on"
                " this machine, without SSH",
                check=values.host,
            ),
            Option(
                "-r",
                "--remote",
                "DATASET",
                "mirror this dataset of the source and everything below it",
                check=values.dataset,
            ),
            Option(
                "-l",
                "--local",
                "DATASET",
                "receive into this dataset here; missing parents are created",
                check=values.dataset,
            ),
            Option(
                "-t",
                "--tag",
                "TAG",
                "tag this mirror's holds with TAG; each mirror of a source needs its own",
                check=values.tag,
            ),
            Option(
                "-k",
                "--keep-days",
                "DAYS",
                "destroy snapshots here once they are DAYS days old, except the newest common one and any that are held"
                " or cloned; 0 keeps only the newest common one; without -k nothing expires",
                check=values.whole(0, 36_500),
            ),
            Option(
                "-x",
                "--exclude",
                "PATTERN",
                "exclude datasets whose path below the root matches PATTERN, and everything below them; may be"
                " repeated; * matches within one level: -x swap -x 'vm/*/tmp'",
                field="excludes",
                is_repeated=True,
            ),
        ),
    ),
    Section(
        "Transfer and connection",
        (
            Option("-j", "--jobs", "N", "receive N datasets at a time", check=values.whole(1, 64), default="2"),
            Option(
                "-b",
                "--mbuffer",
                "SIZE",
                "buffer each stream of a megabyte or more in SIZE of memory, such as 64M",
                field="mbuffer_size",
                check=values.mbuffer_size,
                default="128M",
            ),
            Option(
                None,
                "--bwlimit",
                "RATE",
                "send at most RATE bytes per second, such as 10M, over all streams together (needs mbuffer)",
                field="bytes_per_second",
                check=values.bytes_per_second,
            ),
            Option(
                "-z",
                "--compress",
                "PROGRAM",
                "compress streams over a slow link with zstd, lz4 or pigz (on both sides)",
                field="compressor",
                check=values.unless("none"),
                default="none",
                choices=("none", *COMPRESSORS),
            ),
            Option(
                None,
                "--transport",
                "KIND",
                "send streams over paramiko, openssh (the ssh program), or auto: ssh for large streams where it is"
                " installed, otherwise paramiko",
                default="auto",
                choices=TRANSPORTS,
            ),
            Option(
                "-p",
                "--port",
                "PORT",
                "connect to this port of sshd (otherwise the one in ssh_config, or 22)",
                check=values.whole(1, 65_535),
            ),
            Option(
                "-o",
                "--properties",
                "LIST",
                "set these properties on datasets created here, such as setuid=off,devices=off,exec=off; properties of"
                " the source are not received",
                check=values.settings,
                absent=(),
            ),
            Option(
                None,
                "--rollback",
                None,
                "if the copy here was changed, discard the changes and newer snapshots back to the newest common one,"
                " and report what is lost; never past a hold of others or a clone",
                field="may_roll_back",
            ),
            Option(
                None,
                "--decrypt",
                None,
                "send encrypted datasets in plain, for which their keys must be loaded on the source; what is here"
                " already as a raw copy stays raw",
                field="is_decrypting",
            ),
            Option(
                None,
                "--retries",
                "N",
                "retry up to N times after a temporary error, such as a lost connection, with growing pauses",
                check=values.whole(0, 100),
                default="2",
            ),
            Option(
                None,
                "--stall-timeout",
                "SECONDS",
                "abort a stream after SECONDS without data; 0 waits forever",
                field="stall_seconds",
                check=values.whole(0, 10**6, none=0),
                default="1800",
            ),
            Option(
                "-i",
                "--identity",
                "FILE",
                "use this private key (otherwise those of ssh_config, the agent and the usual files)",
                check=values.identity,
            ),
            Option(
                None,
                "--sudo",
                None,
                "run zfs commands that change or send something with 'sudo -n', on the source, and here unless already"
                " root; needs sudo rules without a password (packaging/sudoers)",
                field="is_elevated",
            ),
        ),
    ),
    Section(
        "Jobs in a file (run and check)",
        (
            Option(
                None,
                "--config",
                "FILE",
                "read jobs from FILE (TOML): options by long name, in [defaults] for all jobs, in [jobs.NAME] for one;"
                " the command line overrides them",
                default="/etc/zfs_replicate.toml",
                is_for_jobs=False,
            ),
        ),
    ),
    Section(
        "Checking a mirror (status; with -h and -r it also reads the source)",
        (
            Option(
                None,
                "--warn",
                "AGE",
                "warn when a copy is older than AGE, such as 90m, 36h, 2d or 1w",
                field="warn_seconds",
                check=values.age_seconds,
                is_for_jobs=False,
            ),
            Option(
                None,
                "--crit",
                "AGE",
                "report a copy older than AGE as critical",
                field="crit_seconds",
                check=values.age_seconds,
                is_for_jobs=False,
            ),
        ),
    ),
    Section(
        "Retiring a mirror (release)",
        (
            Option(
                None,
                "--target",
                None,
                "release the holds TAG:target of the copies in -l here, not those on the source",
                field="is_target",
                is_for_jobs=False,
                not_for=("status",),
            ),
            Option(
                None,
                "--unknown",
                None,
                "release only what no mirror with this tag shows to be its own",
                field="is_unknown",
                is_for_jobs=False,
                not_for=("status",),
            ),
            Option(
                None,
                "--yes",
                None,
                "do not ask; required without a terminal",
                field="is_confirmed",
                is_for_jobs=False,
            ),
        ),
    ),
    Section(
        "Output",
        (
            Option(
                "-n",
                "--dry-run",
                None,
                "print what would be done, with reasons and sizes; change nothing",
                field="is_dry_run",
            ),
            Option("-v", "--verbose", None, "log each step", field="is_verbose"),
            Option(
                None,
                "--json",
                None,
                "print the report of the run, the plan (with -n) or the status as one JSON object (see docs/report.md)",
                field="is_json",
                not_for=("release",),
            ),
            Option(
                None,
                "--progress",
                "WHEN",
                "show live progress: auto (on a terminal), always or never",
                default="auto",
                choices=PROGRESS,
            ),
            Option(None, "--version", None, "print the version", is_for_jobs=False),
            Option(None, "--help", None, "print this text", is_for_jobs=False),
        ),
    ),
    Section(
        "Reports, hooks and logs",
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
                "write metrics to FILE for node_exporter's textfile collector",
                check=values.output_file,
                not_for=_MIRROR_ONLY,
            ),
            Option(
                None,
                "--on-success",
                "CMD",
                "run CMD with sh after a successful run, with the JSON report on its standard input",
                check=values.shell_line,
                not_for=_MIRROR_ONLY,
            ),
            Option(
                None,
                "--on-failure",
                "CMD",
                "run CMD likewise after a failed run; neither hook changes the exit status",
                check=values.shell_line,
                not_for=_MIRROR_ONLY,
            ),
            Option(
                None,
                "--log-format",
                "FORMAT",
                "write the log on standard error as human, logfmt or json",
                default="human",
                choices=LOG_FORMATS,
            ),
            Option(
                None,
                "--log-level",
                "LEVEL",
                "log from this level up: debug (every command, ready to paste), info, warning or error; by default"
                " info on a terminal or with -v, otherwise warning",
                choices=LOG_LEVELS,
            ),
            Option(
                None,
                "--syslog",
                "ADDRESS",
                "also log to syslog, at /dev/log or ADDRESS, which is a socket or HOST:PORT (UDP)",
                check=values.syslog,
                is_value_optional=True,
            ),
        ),
    ),
)

OPTIONS = tuple(option for section in SECTIONS for option in section.options)
"""All options, in the manual's order."""
